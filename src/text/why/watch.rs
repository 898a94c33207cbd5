//! Why a registration is, or is not, on the ready list.

mod polled;

use super::{file, predict};
use crate::event::{Arm, ConnState, FileKind, Mask, Trigger, WatchKey};
use crate::model::{
    EpollView, InterestEntry, InterestList, OpenFile, Progress, ReadyEntry, Reason, ThreadLane,
};
use crate::text::words::{Phrase, bits, clients, count, grouped, name, name_of, short, when};
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

    fn unlisted(&self) -> Phrase {
        if let Some(file) = self.file.filter(|file| file.polled.is_some()) {
            return self.unlisted_polled(file);
        }
        match predict::unknown(self.world) {
            None => Phrase::named(self.quiet()),
            Some(why) => Phrase::named(format!(
                "Whether fd {} is on the ready list is not known: {why}. As far as its calls tell, \
                 {}",
                self.entry.key.fd,
                self.contents()
            )),
        }
    }

    /// Why it is not on the list.
    fn quiet(&self) -> String {
        let Some(file) = self.file else {
            return format!("{} is registered, and nothing is known of its file", self.name);
        };
        match file.what {
            FileKind::Eventfd => return self.control(),
            FileKind::Listener => return self.listener(file),
            _ => {}
        }
        if self.entry.mask.asked().is_empty() {
            return format!(
                "{} is watched with mask 0, so data and room are not reported ({}); the kernel adds \
                 ERR and HUP, and those are always reported",
                self.name,
                self.contents()
            );
        }
        self.by_connection(file)
            .or_else(|| self.left_unread(file))
            .or_else(|| self.no_room(file))
            .unwrap_or_else(|| self.waiting(file))
    }

    fn control(&self) -> String {
        format!(
            "{} is this tool's own: it stands in the very set that it controls, so that a command \
             wakes a thread in epoll_wait. It is not on the ready list because nobody has written \
             to it since it was last read",
            self.name
        )
    }

    fn listener(&self, file: &OpenFile) -> String {
        match file.unread {
            Some(n) if n > 0 && self.edge() => format!(
                "{} is not on the ready list though {} to be accepted: edge-triggered, it was \
                 reported once and the server accepted only some. Another client or a MOD lists it \
                 again",
                self.name,
                clients(n)
            ),
            Some(n) if n > 0 => format!(
                "{}: {} to be accepted, and its wake-up has not been seen",
                self.name,
                clients(n)
            ),
            Some(_) => format!(
                "{} is not on the ready list: no client waits to be accepted. The next completed \
                 connection lists it; accept4 itself wakes nobody",
                self.name
            ),
            None => format!(
                "{} is not on the ready list: no connection has been seen to complete{}",
                self.name,
                self.since()
            ),
        }
    }

    /// What the server itself does with the connection.
    fn by_connection(&self, file: &OpenFile) -> Option<String> {
        let contents = self.contents();
        let queued = count(u64::from(file.queued), "byte");
        match file.conn {
            ConnState::Open => None,
            ConnState::Carried => Some(format!(
                "{} is not on the ready list, {contents}: the bound of a turn was reached, so the \
                 server keeps it on its own list of unfinished connections and reads on next turn, \
                 without epoll",
                self.name
            )),
            ConnState::BackPressure => Some(format!(
                "{} is not on the ready list, {contents}: its output queue is full ({queued}), so \
                 the server took IN out of its mask until the peer reads; OUT comes back when about \
                 a third of the send buffer is free",
                self.name
            )),
            ConnState::Flushing => Some(format!(
                "{} is not on the ready list: the peer has sent its end, and {queued} are still to \
                 be written before the close; room to write (OUT) lists it",
                self.name
            )),
        }
    }

    /// Edge-triggered (or masked) with something to read.
    fn left_unread(&self, file: &OpenFile) -> Option<String> {
        let unread = file.unread.unwrap_or(0);
        let name = &self.name;
        if unread == 0 && !file.ended() {
            return None;
        }
        let holds = match unread {
            0 => "its peer has closed (RDHUP)".to_owned(),
            n => format!("it holds {}", count(u64::from(n), "unread byte")),
        };
        if !self.entry.mask.any(Mask::IN | Mask::RDHUP) {
            return Some(format!(
                "{name} is not on the ready list though {holds}: its mask {} has no IN, so arriving \
                 data is not its business; ERR and HUP are always reported",
                bits(self.entry.mask)
            ));
        }
        Some(match (self.edge(), self.entry.delivered) {
            (true, Some((_, t, mask))) => format!(
                "{name} is not on the ready list though {holds}: edge-triggered, {} was reported at \
                 {t} and the server left it unread. It stays silent until the peer sends again or a \
                 MOD polls it",
                bits(mask)
            ),
            (true, None) => format!(
                "{name} is not on the ready list though {holds}: edge-triggered, and no wake-up has \
                 been seen since it was added; a MOD polls it"
            ),
            (false, _) => format!(
                "{name} is not on the ready list though {holds}: its wake-up has not been seen yet; \
                 level-triggered, it is reported as long as that holds"
            ),
        })
    }

    fn no_room(&self, file: &OpenFile) -> Option<String> {
        let watched = self.entry.mask.has(Mask::OUT) && file.room == Some(false);
        watched.then(|| {
            let unsent = match file.unsent {
                Some(n) => format!(" ({} not yet acknowledged)", count(u64::from(n), "byte")),
                None => String::new(),
            };
            format!(
                "{} is not on the ready list: OUT is watched, but its send buffer is full{unsent}, \
                 and {}. The peer must read until about a third is free before OUT comes",
                self.name,
                self.contents()
            )
        })
    }

    /// Nothing to report.
    fn waiting(&self, file: &OpenFile) -> String {
        let Some((_, t)) = file.served.filter(|_| self.entry.deliveries > 0) else {
            return format!(
                "{} is not on the ready list: nothing has arrived{}. The first bytes put it there",
                self.name,
                self.since()
            );
        };
        let tail = if self.edge() {
            "New data is an edge and lists it again"
        } else {
            "New data lists it again"
        };
        if file.drained {
            return format!(
                "{} is not on the ready list: it was drained at {t} (EAGAIN), and nothing has \
                 arrived since. {tail}",
                self.name
            );
        }
        match file.unread {
            None => format!(
                "{} is not on the ready list: no wake-up since it was served at {t}; {}. {tail}",
                self.name,
                self.contents()
            ),
            Some(_) => format!(
                "{} is not on the ready list: everything was read by {t}, and nothing has arrived \
                 since. {tail}",
                self.name
            ),
        }
    }

    fn since(&self) -> String {
        let (_, t) = self.entry.changed;
        if self.entry.deliveries == 0 && self.entry.wakeups == 0 {
            format!(" since it was added at {t}")
        } else {
            match self.entry.delivered {
                Some((_, t, _)) => format!(" since it was reported at {t}"),
                None => String::new(),
            }
        }
    }
}
