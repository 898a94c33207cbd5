//! poll(2) and select(2): why a file is found or not, what a call costs, and what it leaves behind.

use crate::event::{Backend, Errno, Syscall};
use crate::event::{ConnState, FileKind, LaneId, Mask, SwitchPhase, SyscallRecord, WatchKey};
use crate::model::{
    EpollView, LaneState, LastScan, OpenFile, ScanEntry, ScanSet, Sync, ThreadLane,
};
use crate::text::words::{Phrase, bits, clients, count, grouped, list, name, since};

/// What is to be said of that file while the server waits so.
pub(super) fn phrase(world: EpollView<'_>, set: &ScanSet, key: WatchKey) -> Phrase {
    let call = set.backend.word();
    let Some(place) = set.place(key) else {
        let name = name(&world, key);
        return Phrase::named(match world.file_of(key) {
            Some(_) => {
                format!("{name} is open, but no {call} asks it: the server does not pass it")
            }
            None => format!("{name} is closed: the server took it out of its own set first"),
        });
    };
    let Some(entry) = set.at(place) else { return Phrase::default() };
    let file = world.file_of(key);
    let case = Case { world, set, entry, place, file, fd: format!("fd {}", key.fd) };
    if set.is_select() { case.selected() } else { case.polled() }
}

/// A file of the set with what belongs to it.
struct Case<'a> {
    world: EpollView<'a>,
    set: &'a ScanSet,
    entry: &'a ScanEntry,
    place: usize,
    file: Option<&'a OpenFile>,
    fd: String,
}

/// `57 files`.
fn files(n: usize) -> String {
    count(n as u64, "file")
}

impl Case<'_> {
    /// The last call, if it found this file.
    fn finding(&self) -> Option<&LastScan> {
        self.set.last.as_ref().filter(|last| last.found.contains(&self.place))
    }

    /// What holds of that for which it is asked, as far as that is known.
    fn holds(&self) -> Mask {
        let poll = self.file.map(OpenFile::poll).unwrap_or_default();
        self.set.answer(self.entry.events, poll).set
    }

    /// `holds 12 unread bytes`, `has a client to be accepted`.
    fn contents(&self) -> String {
        let unread = self.file.and_then(|file| file.unread).unwrap_or(0);
        match self.file.map(|file| file.what) {
            Some(FileKind::Listener) => format!("is ready ({} to be accepted)", clients(unread)),
            Some(FileKind::Eventfd) => "was written by the tool".to_owned(),
            _ if unread > 0 => format!("holds {}", count(u64::from(unread), "unread byte")),
            _ if self.file.is_some_and(OpenFile::ended) => "has the end of its peer".to_owned(),
            _ => format!("is ready ({})", bits(self.holds())),
        }
    }

    fn handled(&self) -> Option<&ThreadLane> {
        self.world.being_handled(self.entry.key)
    }

    /// Ready, and no call has found it since it became so.
    fn unasked(&self) -> Option<Phrase> {
        if self.holds().is_empty() || self.finding().is_some() {
            return None;
        }
        let call = self.set.backend.word();
        let returned = match &self.set.last {
            Some(last) => format!("when it returned at {}", last.at.1),
            None => "of what it was told".to_owned(),
        };
        let (order, place) = if self.set.is_select() {
            ("by their numbers", "there".to_owned())
        } else {
            ("in array order", format!("at place {}", self.place))
        };
        let how = format!(
            "{} {} and no list knows it: {call} left nothing in the kernel {returned}",
            self.fd,
            self.contents()
        );
        let all = files(self.set.len());
        Some(
            Phrase::named(how)
                .then(format!("The next call asks all {all} {order} and finds it {place}")),
        )
    }

    fn polled(&self) -> Phrase {
        let fd = &self.fd;
        if let Some(lane) = self.handled() {
            let in_hand = self.world.is_in_hand(self.entry.key);
            let does = if in_hand { "is handling it" } else { "has it in its batch" };
            return Phrase::named(format!(
                "{fd} was found at place {} ({}), and {} {does}",
                self.place,
                bits(self.entry.revents),
                lane.id
            ))
            .then("Poll reports a state: what is left of it is found again by the next call");
        }
        if let Some(unasked) = self.unasked() {
            return unasked;
        }
        if let Some(last) = self.finding() {
            return self.found(last);
        }
        if let Some(lane) = sleeper(self.world) {
            return Phrase::new(sleeps(self.world, lane, self.set));
        }
        self.asked_for()
    }

    /// It is in the answer of the last poll(2).
    fn found(&self, last: &LastScan) -> Phrase {
        let fd = &self.fd;
        let first = last.found.first() == Some(&self.place);
        let after = self.set.len().saturating_sub(self.place + 1);
        if last.slept == Some(0) && first && after > 0 && last.timeout_ms != 0 {
            return Phrase::named(format!(
                "{fd} was found at place {} without sleeping: the {} after it were asked, but not \
                 hooked",
                self.place,
                count(after as u64, "place")
            ));
        }
        if self.holds().is_empty() {
            return Phrase::named(format!(
                "{fd} was found at place {} by the last call ({}), and nothing is left of that: the \
                 next call asks it in vain",
                self.place,
                bits(self.entry.revents)
            ));
        }
        Phrase::named(format!(
            "{fd} is in the answer of every call until it is read or closed: poll reports a state \
             and has no edge to wait for"
        ))
    }

    /// What the server asks of it, and why.
    fn asked_for(&self) -> Phrase {
        let fd = &self.fd;
        let own = "The server changes its own array for that; no system call is made";
        let queued = self.file.map_or(0, |file| file.queued);
        match self.file.map(|file| file.conn) {
            Some(ConnState::BackPressure) => Phrase::named(format!(
                "{fd} is asked for OUT alone: {} wait to be written, and nothing is read meanwhile",
                count(u64::from(queued), "byte")
            ))
            .then(own),
            _ if self.entry.events.is_empty() => Phrase::named(format!(
                "{fd} is asked for nothing, but its place stays: poll reports ERR and HUP unasked"
            ))
            .then(own),
            _ if self.entry.events.has(Mask::OUT) => {
                Phrase::named(format!("{fd} is asked for OUT as well: something is to be written"))
                    .then(own)
            }
            _ => Phrase::named(format!("{fd} is asked for IN alone: its output queue is empty"))
                .then(own),
        }
    }

    fn selected(&self) -> Phrase {
        let fd = &self.fd;
        let erased = erased(self.set);
        let again = format!(
            "{} {} erased and must be set again, or the next call does not ask {}",
            grouped(erased),
            if erased == 1 { "other bit was" } else { "others were" },
            if erased == 1 { "it" } else { "them" }
        );
        if self.handled().is_none()
            && let Some(unasked) = self.unasked()
        {
            return unasked;
        }
        if self.finding().is_some() {
            let ended = self.file.is_some_and(|file| file.ended() && file.unread == Some(0));
            if ended && self.entry.revents.has(Mask::IN) {
                return Phrase::named(format!(
                    "{fd} reads as readable because its peer hung up: select has no bit for HUP; \
                     only the next read tells"
                ));
            }
            let was = match self.entry.revents {
                left if left.has(Mask::IN) => "readable",
                _ => "writable",
            };
            return Phrase::named(format!("{fd} is still in the set: it was {was}")).then(again);
        }
        if self.set.nfds() == u64::try_from(self.entry.key.fd.0 + 1).unwrap_or(0) {
            return highest(self.set, fd);
        }
        if let Some(lane) = sleeper(self.world) {
            return Phrase::new(sleeps(self.world, lane, self.set));
        }
        match &self.set.last {
            Some(last) if !self.entry.events.is_empty() && last.at.0 > self.entry.changed.0 => {
                Phrase::named(format!(
                    "{fd} is no longer in the set: it was not {}, and select erased it",
                    if self.entry.events.has(Mask::IN) { "readable" } else { "writable" }
                ))
                .then(format!(
                    "{} {} set again before the next call, or nobody hears of {}",
                    count(erased, "bit"),
                    if erased == 1 { "is" } else { "are" },
                    if erased == 1 { "it" } else { "them" }
                ))
            }
            Some(last) => Phrase::new(moved(last)),
            None => highest(self.set, fd),
        }
    }
}

/// The highest number decides what a call costs.
fn highest(set: &ScanSet, fd: &str) -> Phrase {
    Phrase::named(format!(
        "{fd} is the highest number, so each call copies {} a set and looks at {} for {}",
        count(set.words(), "word"),
        count(set.nfds(), "place"),
        count(set.bits() as u64, "bit")
    ))
}

/// What a select(2) moved.
fn moved(last: &LastScan) -> String {
    let learnt = match last.found.len() {
        0 => "nothing".to_owned(),
        1 => "one descriptor".to_owned(),
        n => count(n as u64, "descriptor"),
    };
    format!(
        "the last call moved {} between the server and the kernel to learn of {learnt}",
        count(last.copied.0 + last.copied.1, "byte")
    )
}

/// Numbers that the last select(2) took out of the sets.
fn erased(set: &ScanSet) -> u64 {
    let left = set.last.as_ref().map_or(0, |last| last.found.len());
    set.bits().saturating_sub(left) as u64
}

/// A thread asleep in the call.
fn sleeper(world: EpollView<'_>) -> Option<&ThreadLane> {
    world.world.lanes.iter().find(|lane| {
        matches!(lane.state, LaneState::Asleep(Syscall::Poll { .. } | Syscall::Select { .. }))
    })
}

/// What it means to sleep there.
pub(super) fn sleeps(world: EpollView<'_>, lane: &ThreadLane, set: &ScanSet) -> String {
    let (call, n) = (set.backend.word(), if set.is_select() { set.bits() } else { set.len() });
    format!(
        "{} sleeps in {call} {} on {} at once, one hook a file; whichever file wakes it, {call} asks \
         all {} again and takes every hook off before it returns",
        lane.id,
        since(&world, lane.since),
        count(n as u64, "wait queue"),
        grouped(n as u64)
    )
}

/// What a thread does that is in the call and awake.
pub(super) fn asks(lane: &ThreadLane, set: &ScanSet) -> String {
    format!(
        "{} is inside {} since {} and awake: it asks all {} what holds",
        lane.id,
        set.backend.word(),
        lane.since,
        files(set.len())
    )
}

/// What the call will do if it is made now.
pub(super) fn will(world: EpollView<'_>, timeout_ms: i32) -> String {
    let Some(set) = world.scan() else { return "it asks each file that it is passed".to_owned() };
    let n = if set.is_select() { set.bits() } else { set.len() };
    let asks = format!(
        "it asks {} {}",
        files(n),
        if set.is_select() { "by their numbers" } else { "in array order" }
    );
    let forecast = world.scan_forecast();
    if !forecast.found.is_empty() {
        let found = forecast.found.iter().map(|(key, mask)| {
            let at = match set.place(*key).filter(|_| !set.is_select()) {
                Some(place) => format!(" at place {place}"),
                None => String::new(),
            };
            format!("fd {} {}{at}", key.fd, bits(*mask))
        });
        let found: Vec<_> = found.collect();
        return format!("{asks}, finds {} and returns at once", list(&found));
    }
    if set.check.sync != Sync::Following {
        return format!("{asks}; what they hold is not known, for wake-ups are not recorded");
    }
    if !forecast.perhaps.is_empty() {
        let fds: Vec<_> = forecast.perhaps.iter().map(|key| format!("fd {}", key.fd)).collect();
        return format!("{asks}, and returns at once if {} is ready", list(&fds));
    }
    match timeout_ms {
        0 => format!("{asks}, finds nothing, hooks nobody (timeout 0) and returns"),
        _ => format!("{asks}, finds nothing, and sleeps hooked to each of them"),
    }
}

/// A call that returned.
pub(super) fn returned(world: EpollView<'_>, lane: LaneId, record: &SyscallRecord) -> Phrase {
    let call = record.call.name();
    if record.ret.is(Errno::EINTR) {
        return Phrase::new(format!(
            "a signal interrupted {lane} in {call}: no call eats an event, for it is a state that is \
             asked for; the next one asks again"
        ));
    }
    if let Some(errno) = record.ret.errno() {
        return Phrase::new(format!("{call} failed with {errno}"));
    }
    let Some((set, last)) = world.scan().and_then(|set| Some((set, set.last.as_ref()?))) else {
        return Phrase::new(format!("{call} found {}", record.ret));
    };
    let found: Vec<_> = last
        .found
        .iter()
        .filter_map(|place| {
            let entry = set.at(*place)?;
            Some(format!("fd {} {}", entry.key.fd, bits(entry.revents)))
        })
        .collect();
    let slept = match last.slept {
        None => ", perhaps more than once,".to_owned(),
        Some(0) => String::new(),
        Some(1) => ", slept, asked all again".to_owned(),
        Some(n) => format!(", slept {n} times, asked all again after each"),
    };
    let hooked = match last.hooked {
        Some(n) => format!("It was hooked to {} and unhooked; ", count(n, "wait queue")),
        None => String::new(),
    };
    Phrase::new(format!(
        "{call} asked all {}{slept} and found {}",
        count(last.files, "file"),
        list(&found)
    ))
    .then(format!(
        "{hooked}{} were copied in and {} out",
        count(last.copied.0, "byte"),
        grouped(last.copied.1)
    ))
}

/// The server changed its set.
pub(super) fn changed(world: EpollView<'_>, key: WatchKey, events: Option<Mask>) -> String {
    let select = world.scan().is_some_and(ScanSet::is_select);
    let own = if select { "its bitmaps" } else { "its array" };
    let name = name(&world, key);
    match events {
        Some(events) => format!(
            "the server changed {own}: {name} is asked for {} from the next call on; that is its own \
             memory, and no system call",
            if events.is_empty() { "nothing".to_owned() } else { bits(events) }
        ),
        None if select => format!("the server took {name} out of {own}"),
        None => format!(
            "the server took {name} out of {own}, and put the last entry in its place; that is its \
             own memory, and no system call"
        ),
    }
}

/// The server goes over to another way of waiting.
pub(super) fn switched(to: Backend, phase: &SwitchPhase) -> String {
    match phase {
        SwitchPhase::Asked => format!(
            "the server is to wait by {to}: each thread ends at its next wait, and no byte is left in \
             a loop, for bytes live in the connection"
        ),
        SwitchPhase::Left => format!(
            "the last thread has ended: nothing waits for the files until {to} takes them. What comes \
             meanwhile stays in the sockets"
        ),
        SwitchPhase::Entered(_) => format!(
            "the server waits by {to} from here on: it begins by asking every file, so that nothing \
             that came meanwhile is lost"
        ),
        SwitchPhase::Refused(why) => {
            format!("{to} cannot be had: {}", crate::event::visible(why.as_bytes(), 120))
        }
    }
}

#[cfg(test)]
mod tests;
