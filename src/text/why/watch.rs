//! Why a registration is, or is not, on the ready list.

mod polled;
mod unlisted;

use super::{file, predict};
use crate::event::{Arm, ConnState, FileKind, Mask, Trigger, WatchKey};
use crate::model::{
    EpollView, InterestEntry, InterestList, OpenFile, Progress, ReadyEntry, Reason, ThreadLane,
};
use crate::text::words::{Phrase, bits, clients, grouped, name, name_of, short, when};
use crate::text::{Remedy, Sentence};

/// A registration with what belongs to it.
struct Case<'a> {
    world: EpollView<'a>,
    entry: &'a InterestEntry,
    file: Option<&'a OpenFile>,
    name: String,
}

/// What is to be said of that registration.
pub(super) fn phrase(world: EpollView<'_>, key: WatchKey) -> Phrase {
    let Some(entry) = world.instance.interest.get(key) else {
        return Phrase::named(unregistered(world, key));
    };
    let case = Case { world, entry, file: world.file_of(key), name: name(&world, key) };
    if world.is_ghost(key) {
        return case.ghost();
    }
    if entry.arm() == Arm::Disarmed {
        return case.disarmed();
    }
    if let Some(lane) = world.being_handled(key) {
        return case.handled(lane);
    }
    if world.instance.overflow.as_ref().is_some_and(|list| list.contains(&key)) {
        return Phrase::named(case.overflowed());
    }
    match world.instance.ready.find(key) {
        Some((place, ready)) => case.listed(place, ready),
        None => case.unlisted(),
    }
}

/// The same as text.
pub(super) fn about(world: EpollView<'_>, key: WatchKey) -> String {
    Sentence::from(phrase(world, key)).text
}

/// What would help a registration of which nothing will be told.
pub(super) fn remedy(world: EpollView<'_>, key: WatchKey) -> Option<Remedy> {
    let entry = world.instance.interest.get(key)?;
    if world.is_ghost(key) {
        return None;
    }
    if entry.arm() == Arm::Disarmed {
        return Some(Remedy::Modify);
    }
    let file = world.file_of(key)?;
    let silent = entry.trigger() == Trigger::Edge
        && entry.mask.any(Mask::IN | Mask::RDHUP)
        && world.being_handled(key).is_none()
        && world.instance.ready.find(key).is_none()
        && file.what != FileKind::Eventfd
        && file.conn == ConnState::Open;
    let left = file.unread.is_some_and(|n| n > 0) || file.ended();
    (silent && left).then_some(Remedy::Modify)
}

fn unregistered(world: EpollView<'_>, key: WatchKey) -> String {
    let name = name(&world, key);
    let (this, it) = match world.pollers.len() {
        0 | 1 => ("the", "epoll"),
        _ => ("this", "this epoll instance"),
    };
    match world.file_of(key) {
        Some(_) => format!(
            "{name} is open but not on {this} interest list: {it} knows nothing of it until an \
             ADD, which polls it at once"
        ),
        None if world.pollers.is_empty() => format!(
            "{name} is closed: its number is free, and the open file lives on as long as another \
             number or an operation in flight holds it"
        ),
        None => format!(
            "{name} is closed: closing the last descriptor of the open file took its registration \
             off the interest list and the ready list, without an event"
        ),
    }
}

impl Case<'_> {
    fn unread(&self) -> Option<u32> {
        self.file.and_then(|file| file.unread)
    }

    fn is(&self, what: FileKind) -> bool {
        self.file.is_some_and(|file| file.what == what)
    }

    fn edge(&self) -> bool {
        self.entry.trigger() == Trigger::Edge
    }

    /// `12 bytes are unread`, `2 clients wait to be accepted`; what is unknown is said to be.
    fn contents(&self) -> String {
        if let Some(file) = self.file.filter(|file| file.polled.is_some()) {
            return file::contents(file);
        }
        match self.unread() {
            Some(n) if self.is(FileKind::Listener) => {
                if n == 0 {
                    "no client waits".to_owned()
                } else {
                    format!("{} to be accepted", clients(n))
                }
            }
            None if self.is(FileKind::Listener) => "how many clients wait is not known".to_owned(),
            Some(0) => "nothing is unread".to_owned(),
            Some(1) => "1 byte is unread".to_owned(),
            Some(n) => format!("{} bytes are unread", grouped(u64::from(n))),
            None => "how much is unread is not known".to_owned(),
        }
    }

    fn ghost(&self) -> Phrase {
        let fd = self.entry.key.fd;
        let named = |file: &OpenFile, label: String| {
            if self.world.labelled { label } else { name_of(file) }
        };
        let who = self.file.map(|file| named(file, self.world.watch_name(self.entry.key)));
        let who = who.map(|who| format!(" ({who})")).unwrap_or_default();
        let now = match self.world.file_at(fd) {
            Some(file) => format!("the number now names {}", named(file, short(&self.world, fd))),
            None => "the number is closed".to_owned(),
        };
        let listed = if self.entry.listed { "; it is on the ready list" } else { "" };
        Phrase::new(format!(
            "this registration outlived its descriptor: epoll watches the open file{who}, which a \
             copy keeps alive, not the number {fd}; {now}{listed}"
        ))
        .then("Events go on until every copy is closed; DEL by that number cannot reach it")
    }

    fn disarmed(&self) -> Phrase {
        let fired = self.entry.delivered.map(|(_, t, mask)| {
            let (mask, when) = (bits(mask), when(&self.world, t));
            format!("fired {when} ({mask}) and is ")
        });
        let by = match self.world.being_handled(self.entry.key) {
            Some(lane) => {
                let does = if self.world.is_in_hand(self.entry.key) {
                    "is handling"
                } else {
                    "is to handle"
                };
                format!("; {} {does} it, and no other thread can be told", lane.id)
            }
            None => String::new(),
        };
        Phrase::named(format!(
            "{} is one-shot: it {}disarmed, still on the interest list but silent even for HUP; \
             {}{by}",
            self.name,
            fired.unwrap_or_default(),
            self.contents()
        ))
        .then("A MOD arms it again and polls it at once")
    }

    fn handled(&self, lane: &ThreadLane) -> Phrase {
        let key = self.entry.key;
        let batch = lane.batch.iter().enumerate();
        let mut found = batch.filter(|(_, b)| InterestList::key_of(&b.delivery) == key);
        let unfinished = found.find(|(_, b)| b.progress != Progress::Done);
        let Some((place, event)) = unfinished else { return self.unlisted() };
        let what = match event.progress {
            Progress::Current => format!("{} is handling {}", lane.id, self.name),
            _ => format!(
                "{} has harvested {} (event {} of {} of its batch) and has not come to it",
                lane.id,
                self.name,
                place + 1,
                lane.batch.len()
            ),
        };
        let mask = bits(event.delivery.mask);
        let contents = self.contents();
        let after = match (self.entry.listed, self.edge()) {
            (true, false) => {
                "level-triggered, it was put back at the tail by that same epoll_wait, so the next \
                 one polls it again"
            }
            (true, true) => "it is on the ready list again: it was woken once more meanwhile",
            (false, true) => {
                "edge-triggered, it left the ready list with that report: read until EAGAIN, for \
                 only a new wake-up or a MOD lists it again"
            }
            (false, false) if self.world.knows_ready_list() => "it is not on the ready list now",
            (false, false) => "whether it is on the ready list now is not known",
        };
        Phrase::new(format!("{what}: {mask} was reported, {contents}; {after}"))
    }

    fn listed(&self, place: usize, ready: &ReadyEntry) -> Phrase {
        let reason = self.reason(ready);
        let again = match self.entry.woken {
            Some((_, t)) if t > ready.since && ready.why != Reason::PutBack => {
                format!("; woken again {}, it keeps its place", when(&self.world, t))
            }
            _ => String::new(),
        };
        let next = match ready.why {
            Reason::Perhaps => "The next report settles it".to_owned(),
            _ => self.next(place),
        };
        // The other reasons say what it holds by themselves.
        let bare =
            matches!(ready.why, Reason::AtAdd | Reason::Room | Reason::Inner | Reason::Woken(_));
        let polled = self.file.is_some_and(|file| file.polled.is_some());
        let holds = if bare && polled { format!("; {}", self.contents()) } else { String::new() };
        Phrase::named(format!("{} {reason}{holds}{again}", self.name)).then(next)
    }

    /// Why it was put there.
    fn reason(&self, ready: &ReadyEntry) -> String {
        let when = when(&self.world, ready.since);
        let contents = self.contents();
        match ready.why {
            Reason::Arrived(_) => {
                format!("is on the ready list: data arrived {when}, {contents}")
            }
            Reason::Connection(_) => {
                format!("is on the ready list: a connection completed {when}, {contents}")
            }
            Reason::Room => format!("is on the ready list: the peer made room to write {when}"),
            Reason::PeerClosed => {
                format!("is on the ready list: the peer closed or reset its end {when}, {contents}")
            }
            Reason::Signalled if self.world.labelled => {
                format!("is on the ready list: it was written to {when}, {contents}")
            }
            Reason::Signalled => format!(
                "is on the ready list: the tool wrote to it {when}, which is how a command reaches \
                 a thread in epoll_wait"
            ),
            Reason::Expired => {
                format!("is on the ready list: the timer expired {when}, {contents}")
            }
            Reason::Inner => format!(
                "is on the ready list: something came on the ready list of the epoll instance that \
                 it names {when}"
            ),
            Reason::AtAdd => format!(
                "is on the ready list: ADD polled it {when} and found it ready; what came before \
                 ADD counts, even with edge"
            ),
            Reason::AtMod => format!(
                "is on the ready list: MOD polled it {when} and found it ready, {contents}; a MOD, \
                 even with the same mask, asks again"
            ),
            Reason::PutBack => format!(
                "is on the ready list: level-triggered, epoll_wait reported it {when} and put it back; \
                 {contents}"
            ),
            Reason::Perhaps => format!(
                "is perhaps on the ready list: it was woken twice around the epoll_wait of {}, and \
                 whether the last one came after it cannot be seen",
                ready.since
            ),
            Reason::Woken(key) if key.is_empty() => format!(
                "is on the ready list: it was woken without a key {when}, which passes every mask"
            ),
            Reason::Woken(key) => {
                format!("is on the ready list: it was woken with {} {when}", bits(key))
            }
        }
    }

    /// What the next `epoll_wait` does with it.
    fn next(&self, place: usize) -> String {
        let key = self.entry.key;
        let max = self.world.settings.max_events;
        let harvest = self.world.predict(max);
        let stand = match place {
            0 => "It is at the head".to_owned(),
            1 => "1 entry is before it".to_owned(),
            n => format!("{n} entries are before it"),
        };
        let is = |k: &WatchKey| *k == key;
        if harvest.dropped.iter().any(is) || predict::is_spent(self.world, key) {
            if self.file.is_some_and(|file| file.polled.is_some()) {
                return format!(
                    "{stand}; nothing of its mask holds any more, so the next epoll_wait polls it, \
                     finds nothing, and drops it without a report"
                );
            }
            return format!(
                "{stand}; drained since, it is polled by the next epoll_wait, found empty, and dropped \
                 without a report"
            );
        }
        let reached = harvest.reported.iter().map(|(k, _)| k).chain(&harvest.perhaps).any(is);
        if !reached {
            return format!(
                "{stand}: the next epoll_wait stops at max {max} before it reaches it, and it stays \
                 in front for the one after"
            );
        }
        let then = if self.entry.mask.has(Mask::ONESHOT) {
            "disarms it (one-shot)"
        } else if self.edge() {
            "takes it off: edge-triggered, it is told once"
        } else {
            "puts it back at the tail (level)"
        };
        match harvest.reported.iter().find(|(k, _)| *k == key) {
            Some((_, mask)) => {
                format!("{stand}; the next epoll_wait reports {} and {then}", bits(*mask))
            }
            None => format!(
                "{stand}; the next epoll_wait polls it and, if it finds it ready, reports it and \
                 {then}"
            ),
        }
    }
}
