//! The sentences of a world whose lists are told: its descriptors and threads have names, there is
//! no server, and every kind of file may be watched.

mod call;
mod change;
mod file;

use super::{Subject, predict, prepare};
use crate::event::{
    Arm, Clock, Event, Fd, Kind, LaneChange, LaneId, Mask, Nanos, Syscall, Trigger, WatchKey,
};
use crate::model::{
    EpollInstance, EpollView, InterestEntry, LaneState, OpenFile, ReadyEntry, Reason,
};
use crate::text::words::{bits, list};
use crate::text::{strace, words};
use file::{arrival, condition, contents};

pub(super) use change::changes;

/// Events that a wait returns at most, unless it says otherwise.
const MAX: usize = 64;

/// The sentence about the subject.
pub(super) fn sentence(world: EpollView<'_>, subject: Subject<'_>) -> String {
    match subject {
        Subject::Watch(key) => watch(world, key),
        Subject::Lane(id) => lane(world, id),
        Subject::Event(event) => self::event(world, event),
    }
}

/// When that was, in a world whose clock counts steps: `in step 5`.
fn when(t: Nanos) -> String {
    match (t.0 / Clock::STEP.0, t.0 % Clock::STEP.0) {
        (0, _) => "at the start".to_owned(),
        (step, rest) if rest < Clock::STEP.0 / 2 => format!("in step {step}"),
        (step, _) => format!("after step {step}"),
    }
}

fn since_when(t: Nanos) -> String {
    match t.0 / Clock::STEP.0 {
        0 => "since the start".to_owned(),
        step => format!("since step {step}"),
    }
}

/// Text as a sentence; a name at its beginning stays as it is written.
pub(super) fn in_full(world: EpollView<'_>, text: &str) -> String {
    let first = text.split([' ', ':', ',']).next().unwrap_or_default();
    if !world.is_label(first) {
        return words::sentence(text);
    }
    let rest = text.strip_prefix(first).unwrap_or_default();
    format!("{first}{}", words::sentence(rest))
}

/// What a descriptor is called: its label, `fd 7` if it has none.
fn short(world: EpollView<'_>, fd: Fd) -> String {
    world.label(fd).map_or_else(|| format!("fd {fd}"), ToOwned::to_owned)
}

/// What a registration is called: the label that it was made under.
fn label(world: EpollView<'_>, key: WatchKey) -> String {
    world.watch_name(key)
}

/// A registration with its number: `p.r (fd 5)`.
fn name(world: EpollView<'_>, key: WatchKey) -> String {
    let label = label(world, key);
    let number = format!("fd {}", key.fd);
    if label == number { number } else { format!("{label} ({number})") }
}

/// A thread: `thread A`, `the main thread`.
fn who(world: EpollView<'_>, id: LaneId) -> String {
    match world.lane_name(id).as_str() {
        "main" => "the main thread".to_owned(),
        name => format!("thread {name}"),
    }
}

// --- registrations

/// A registration with what belongs to it.
struct Case<'a> {
    world: EpollView<'a>,
    key: WatchKey,
    entry: &'a InterestEntry,
    file: Option<&'a OpenFile>,
    name: String,
}

fn watch(world: EpollView<'_>, key: WatchKey) -> String {
    let Some(entry) = world.instance.interest.get(key) else { return unregistered(world, key) };
    let file = world.file_of(key);
    let case = Case { world, key, entry, file, name: name(world, key) };
    if world.is_ghost(key) {
        return case.ghost();
    }
    if entry.arm() == Arm::Disarmed {
        return case.disarmed();
    }
    if world.instance.overflow.as_ref().is_some_and(|list| list.contains(&key)) {
        return case.overflowed();
    }
    match world.instance.ready.find(key) {
        Some((place, ready)) => case.listed(place, ready),
        None => case.unlisted(),
    }
}

fn unregistered(world: EpollView<'_>, key: WatchKey) -> String {
    let name = name(world, key);
    match world.file_of(key) {
        Some(_) => format!(
            "{name} is open but not on this interest list: this epoll instance knows nothing of it \
             until an ADD, which polls it at once"
        ),
        None => format!(
            "{name} is closed: with the last descriptor of the open file its registration went off \
             the interest list and the ready list, without an event"
        ),
    }
}

impl Case<'_> {
    fn edge(&self) -> bool {
        self.entry.trigger() == Trigger::Edge
    }

    fn contents(&self) -> String {
        self.file.map_or_else(|| "nothing is known of its file".to_owned(), contents)
    }

    fn ghost(&self) -> String {
        let fd = self.key.fd;
        let now = match self.world.fds.get(&fd) {
            Some(_) => format!("the number {fd} now names {}", short(self.world, fd)),
            None => format!("the number {fd} is closed"),
        };
        let listed = if self.entry.listed { "; it is on the ready list" } else { "" };
        format!(
            "the registration of {} outlived its descriptor: epoll watches the open file, which a \
             copy keeps alive; {now}{listed}. Events go on until every copy is closed, and DEL by \
             that number cannot reach it",
            self.name
        )
    }

    fn disarmed(&self) -> String {
        let fired = self.entry.delivered.map(|(_, t, mask)| {
            let (mask, when) = (bits(mask), when(t));
            format!("fired {when} ({mask}) and is ")
        });
        format!(
            "{} is one-shot: it {}disarmed, still on the interest list but silent even for HUP; {}. \
             A MOD arms it again and polls it at once",
            self.name,
            fired.unwrap_or_default(),
            self.contents()
        )
    }

    fn overflowed(&self) -> String {
        format!(
            "{} was woken while a harvest holds the ready list: it waits on the overflow list \
             (ovflist), newest first, and is moved over when the harvest ends; {}",
            self.name,
            self.contents()
        )
    }

    fn listed(&self, place: usize, ready: &ReadyEntry) -> String {
        let again = match self.entry.woken {
            Some((_, t)) if t > ready.since && ready.why != Reason::PutBack => {
                format!("; woken again {}, it keeps its place", when(t))
            }
            _ => String::new(),
        };
        format!(
            "{} is on the ready list: {}; {}{again}. {}",
            self.name,
            Self::reason(ready),
            self.contents(),
            self.next(place)
        )
    }

    /// Why it was put there.
    fn reason(ready: &ReadyEntry) -> String {
        let when = when(ready.since);
        match ready.why {
            Reason::PutBack => {
                format!("level-triggered, epoll_wait reported it {when} and put it back")
            }
            Reason::AtAdd => format!(
                "ADD polled it {when} and found it ready (what came before ADD counts, even with \
                 edge)"
            ),
            Reason::AtMod => format!(
                "MOD polled it {when} and found it ready (a MOD, even with the same mask, asks \
                 again)"
            ),
            why => format!("{} {when}", arrival(why)),
        }
    }

    /// What the next `epoll_wait` does with it.
    fn next(&self, place: usize) -> String {
        let harvest = predict::harvest(self.world, MAX);
        let stand = match place {
            0 => "It is at the head".to_owned(),
            1 => "1 entry is before it".to_owned(),
            n => format!("{n} entries are before it"),
        };
        let Some((_, mask)) = harvest.reported.iter().find(|(key, _)| *key == self.key) else {
            if harvest.left > 0 && !harvest.dropped.contains(&self.key) {
                return format!("{stand}: a wait for {MAX} events does not reach it");
            }
            return format!(
                "{stand}; nothing of its mask holds any more, so the next epoll_wait polls it, \
                 finds nothing, and drops it without a report"
            );
        };
        let then = if self.entry.mask.has(Mask::ONESHOT) {
            "disarms it (one-shot)"
        } else if self.edge() {
            "takes it off: edge-triggered, it is told once"
        } else {
            "puts it back at the tail (level)"
        };
        format!("{stand}; the next epoll_wait reports {} and {then}", bits(*mask))
    }

    /// Why it is not on the list.
    fn unlisted(&self) -> String {
        let name = &self.name;
        let Some(file) = self.file else {
            return format!("{name} is registered, and nothing is known of its file");
        };
        if self.world.instance.batch.contains(&self.key) {
            return format!(
                "{name} is in the hands of the harvest that is held: off the ready list, on the \
                 harvest's private list; {}. When that goes on it is reported, or given back to the \
                 head",
                contents(file)
            );
        }
        let holds = file.poll().set & (self.entry.mask - Mask::PRIVATE);
        if !holds.is_empty() {
            return self.silent(file, holds);
        }
        if self.entry.mask.asked().is_empty() {
            return format!(
                "{name} is watched with mask 0, so that data and room are not reported ({}); the \
                 kernel adds ERR and HUP, and those are always reported",
                contents(file)
            );
        }
        let aside = file.poll().set - self.entry.mask;
        if !aside.is_empty() && aside.any(Mask::IN) {
            return format!(
                "{name} is not on the ready list although {}: its mask {} does not ask for that",
                contents(file),
                bits(self.entry.mask.asked())
            );
        }
        format!(
            "{name} is not on the ready list: {}{}. {}",
            contents(file),
            self.since(),
            condition(file, self.entry.mask)
        )
    }

    /// Ready, and yet not on the list.
    fn silent(&self, file: &OpenFile, holds: Mask) -> String {
        let (name, contents, holds) = (&self.name, contents(file), bits(holds));
        let but = format!("{name} is not on the ready list although {contents} ({holds} holds)");
        if self.entry.mask.has(Mask::EXCLUSIVE) && self.entry.delivered.is_none() {
            return format!(
                "{but}: it is EXCLUSIVE, and the wake-up went to another epoll instance that watches \
                 the same file"
            );
        }
        match (self.edge(), self.entry.delivered) {
            (true, Some((_, t, mask))) => format!(
                "{but}: edge-triggered, {} was reported {} and the rest was left. It stays silent \
                 until something new comes or a MOD polls it",
                bits(mask),
                when(t)
            ),
            (true, None) => format!(
                "{but}: edge-triggered, and no wake-up has come since it was added; a MOD polls it"
            ),
            (false, _) => format!(
                "{but}: nothing has woken it. Epoll learns of a condition by a wake-up, or when it \
                 polls"
            ),
        }
    }

    fn since(&self) -> String {
        match self.entry.delivered {
            Some((_, t, _)) => format!(" (it was last reported {})", when(t)),
            None => String::new(),
        }
    }
}

// --- threads

/// The instance in which a thread sleeps, and its place there.
fn sleeps_in(world: EpollView<'_>, id: LaneId) -> Option<(&EpollInstance, usize)> {
    let place = |instance: &EpollInstance| instance.wq.iter().position(|lane| lane == id);
    world.world.pollers.epolls().find_map(|(_, instance)| Some((instance, place(instance)?)))
}

fn lane(world: EpollView<'_>, id: LaneId) -> String {
    let who = who(world, id);
    let Some(lane) = world.lane(id) else { return format!("{who} has not started") };
    match &lane.state {
        LaneState::Unstarted => format!("{who} has not started"),
        LaneState::Running => format!("{who} is in no call"),
        LaneState::Held(call) => {
            format!("{who} is held before {}", strace::entered(&world, call, world.seq))
        }
        LaneState::Harvesting(call @ Syscall::EpollWait { .. }) => format!(
            "{who} is inside {}, held while it copies its events out: what is woken meanwhile goes \
             to the overflow list (ovflist)",
            strace::entered(&world, call, world.seq)
        ),
        LaneState::Harvesting(call) => {
            format!("{who} is inside {}", strace::entered(&world, call, world.seq))
        }
        LaneState::Asleep(call) => asleep(world, id, &who, call, lane.since),
        LaneState::Ended => format!("{who} ended {}", when(lane.since)),
        LaneState::Died(_) => format!("{who} died {}", when(lane.since)),
    }
}

fn asleep(world: EpollView<'_>, id: LaneId, who: &str, call: &Syscall, since: Nanos) -> String {
    let asked = matches!(call, Syscall::Poll { .. } | Syscall::Select { .. });
    let call = strace::entered(&world, call, world.seq);
    if asked {
        return format!(
            "{who} sleeps in {call}: on the wait queues of the files that it asked for"
        );
    }
    let Some((instance, place)) = sleeps_in(world, id) else {
        return format!("{who} sleeps in {call}, {}", since_when(since));
    };
    let queue: Vec<LaneId> = instance.wq.iter().collect();
    let turn = match (place, queue.first()) {
        (0, _) if queue.len() == 1 => {
            "it is the only sleeper (wq), and the next wake-up is for it".to_owned()
        }
        (0, _) => format!(
            "it came last, so it is first of {} in wq and is woken next (last in, first out)",
            queue.len()
        ),
        (n, first) => format!(
            "it is number {} of {} in wq; {} went to sleep later and is woken before it (last in, \
             first out)",
            n + 1,
            queue.len(),
            first.map_or_else(String::new, |first| self::who(world, *first))
        ),
    };
    format!("{who} sleeps in {call}, {}: {turn}", since_when(since))
}

// --- events

fn event(world: EpollView<'_>, event: &Event) -> String {
    let who = who(world, event.lane);
    match &event.kind {
        Kind::Return(record) => call::sentence(world, event, record),
        Kind::Measured { call, times, each } => prepare::measured(call, *times, *each),
        Kind::Enter(call) => entered(world, event, &who, call),
        Kind::Open { fd, .. } => format!("fd {fd} is {}", short(world, *fd)),
        Kind::Lane(LaneChange::Started { tid }) => format!("{who} begins, as task {tid}"),
        Kind::Lane(LaneChange::Ended) => format!("{who} ends"),
        kind if kind.is_look() => match changes(&world) {
            changes if changes.is_empty() => "nothing changed on the lists".to_owned(),
            changes => changes.join("; "),
        },
        _ => super::event::sentence(world, event),
    }
}

fn entered(world: EpollView<'_>, event: &Event, who: &str, call: &Syscall) -> String {
    let call = strace::entered(&world, call, event.seq);
    let dropped: Vec<String> =
        world.instance.delta.removed.iter().map(|key| label(world, *key)).collect();
    let dropped = match dropped.len() {
        0 => String::new(),
        _ => format!(" It polled {}, found nothing, and dropped it first.", list(&dropped)),
    };
    match sleeps_in(world, event.lane) {
        Some((instance, _)) => format!(
            "{who} enters {call}: nothing is ready, so it sleeps at the head of the wait queue of \
             {}.{dropped}",
            instance.name
        ),
        None => format!("{who} enters {call}"),
    }
}

#[cfg(test)]
mod tests;
