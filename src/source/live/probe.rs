//! When to ask the kernel for the interest list and for queue lengths, and whether its answers
//! still hold once every event up to them has been folded.

use std::time::Duration;

use rustc_hash::FxHashSet;

use super::rings::RingProbe;
use super::sleepers::Sleepers;
use crate::engine::Handle;
use crate::event::{
    Delivery, Fd, FdinfoEntry, FileId, FileKind, Kind, ListRead, Mask, Nanos, Output, Queues,
    RingOp, SwitchPhase, Syscall, WakeupLog,
};
use crate::kernel;
use crate::kernel::fdinfo::Fdinfo;
use crate::model::{InterestList, OpenFile, World};

/// How long nothing must have changed before the kernel is asked.
const CALM: u64 = 100_000_000;
/// How often queue lengths that are still moving are read.
const QUEUES_EVERY: u64 = 250_000_000;
/// After a second without events one more is made, so that rates come to rest at zero.
const CALM_SECOND: u64 = 1_050_000_000;
/// How long queue lengths are read after the last call on the file.
const GIVE_UP: u64 = 10_000_000_000;
/// Files whose queue lengths are read at once.
const QUEUES_AT_ONCE: usize = 64;
/// The longest part of the time that reading fdinfo may take: one part in this many. The read
/// holds the epoll's mutex, so it would disturb what it looks at.
const SHARE: u64 = 100;

/// The longest rest: a read during which this thread was not running looks expensive.
const LONGEST_REST: u64 = 2_000_000_000;

/// A question that has been put to the kernel and whose answer is not folded yet.
struct Question {
    asked: Nanos,
    answered: Nanos,
    /// Observations were lost around it: its answers repair, but accuse nobody.
    spoilt: bool,
    interest: Option<(Fd, Vec<FdinfoEntry>)>,
    queues: Vec<(Fd, FileId, Queues)>,
}

/// What is to be asked, and when.
pub(super) struct Probe {
    /// The interest list changed since it was last compared.
    unchecked: bool,
    /// When it last changed.
    changed: Nanos,
    /// Not before this time: the last read was expensive.
    rest_until: Nanos,
    /// Files whose queue lengths are uncertain.
    uncertain: FxHashSet<FileId>,
    queues_read: Nanos,
    last_event: Nanos,
    /// Something has happened since it was last noted that nothing happens.
    restless: bool,
    sleepers: Sleepers,
    rings: RingProbe,
    server: Handle,
    /// What is passed to poll(2) or select(2) is not known: when that was asked last.
    set: Option<Nanos>,
    question: Option<Question>,
    fdinfo: Option<Fdinfo>,
}

impl Probe {
    /// Nothing is to be asked of that server yet.
    pub(super) fn new(server: Handle) -> Self {
        Self {
            unchecked: false,
            changed: Nanos(0),
            rest_until: Nanos(0),
            uncertain: FxHashSet::default(),
            queues_read: Nanos(0),
            last_event: Nanos(0),
            restless: false,
            sleepers: Sleepers::new(server.clone()),
            rings: RingProbe::new(server.clone()),
            server,
            set: None,
            question: None,
            fdinfo: None,
        }
    }

    /// Takes note of an event that is about to be folded.
    pub(super) fn note(&mut self, t: Nanos, kind: &Kind, world: &World) {
        self.last_event = t;
        self.restless = true;
        self.sleepers.note(kind);
        self.rings.note(t, kind);
        if changes_interest(kind, world) {
            self.unchecked = true;
            self.changed = t;
        }
        let resumed = matches!(kind, Kind::WakeupLog(WakeupLog::Drained));
        if resumed || matches!(kind, Kind::Gap { .. }) {
            self.unchecked = true;
            self.losing(!resumed);
            let connections = world.files.keys().copied().take(QUEUES_AT_ONCE * 16);
            self.uncertain.extend(connections);
        }
        if self.uncertain.len() < QUEUES_AT_ONCE * 16
            && let Some(file) = makes_uncertain(kind, world).and_then(|fd| world.fds.get(&fd))
        {
            self.uncertain.insert(*file);
        }
    }

    /// Whether a lane is losing records at this moment: then nothing that it did since its last
    /// event is known.
    pub(super) fn losing(&mut self, losing: bool) {
        if losing && let Some(question) = &mut self.question {
            question.spoilt = true;
        }
    }

    /// Whether it is to be noted that nothing happens: the last second brought nothing.
    pub(super) fn is_quiet(&mut self, now: Nanos) -> bool {
        let calm = self.restless && now.since(self.last_event).0 > CALM_SECOND;
        if calm {
            self.restless = false;
        }
        calm
    }

    /// How long until something is due; `None` if nothing is to be asked.
    pub(super) fn due(&self, now: Nanos, world: &World) -> Option<Duration> {
        let interest = self.unchecked.then(|| self.interest_due());
        let queues = (!self.uncertain.is_empty()).then(|| self.queues_due());
        let sleepers = self.sleepers.due();
        let calm = self.restless.then_some(Nanos(self.last_event.0 + CALM_SECOND));
        let set = self.set.map(|at| Nanos(at.0 + QUEUES_EVERY));
        let rings = self.rings.due(world);
        let at = [interest, queues, sleepers, calm, set, rings].into_iter().flatten().min()?;
        Some(Duration::from_nanos(at.since(now).0.max(1_000_000)))
    }

    fn interest_due(&self) -> Nanos {
        Nanos(self.changed.0 + CALM).max(self.rest_until)
    }

    fn queues_due(&self) -> Nanos {
        Nanos((self.last_event.0 + CALM / 4).min(self.queues_read.0 + 2 * QUEUES_EVERY))
            .max(Nanos(self.queues_read.0 + QUEUES_EVERY))
    }

    /// Asks what is due. Whether anything was asked.
    pub(super) fn ask(&mut self, now: Nanos, world: &World, clock: impl Fn() -> Nanos) -> bool {
        self.sleepers.look(world);
        self.ask_set(now, world);
        let sleepers = self.sleepers.ask(now, world, &clock);
        let rings = self.rings.ask(now, world, &clock);
        self.ask_lists(now, world, clock) || sleepers || rings
    }

    /// Asks for what is passed to poll(2) or select(2) if changes of it were lost.
    fn ask_set(&mut self, now: Nanos, world: &World) {
        let ring = world.ring().is_some_and(|ring| ring.check.wants_resync);
        let wanted = ring || world.scan().is_some_and(|set| set.check.wants_resync);
        let due = self.set.is_none_or(|at| now.since(at).0 >= QUEUES_EVERY);
        if !wanted {
            self.set = None;
        } else if due {
            self.set = Some(now);
            self.server.tell_set();
        }
    }

    fn ask_lists(&mut self, now: Nanos, world: &World, clock: impl Fn() -> Nanos) -> bool {
        // Without an instance there is no list of the kernel's to compare with.
        self.unchecked &= world.through(None).instance.fd.is_some();
        let urgent = world.through(None).instance.check.wants_resync && now >= self.rest_until;
        let interest = self.unchecked && (urgent || now >= self.interest_due());
        let queues = !self.uncertain.is_empty() && now >= self.queues_due();
        if self.question.is_some() || !(interest || queues) {
            return false;
        }
        let asked = clock();
        let mut question =
            Question { asked, answered: asked, spoilt: false, interest: None, queues: Vec::new() };
        if queues {
            question.queues = self.read_queues(world);
            self.queues_read = now;
        }
        if interest && let Some(ep) = world.through(None).instance.fd {
            let begun = clock();
            question.interest = self.read_interest(ep);
            let cost = clock().since(begun);
            self.rest_until = Nanos(clock().0 + (cost.0 * SHARE).min(LONGEST_REST));
        }
        question.answered = clock();
        self.question = Some(question);
        true
    }

    fn read_interest(&mut self, ep: Fd) -> Option<(Fd, Vec<FdinfoEntry>)> {
        if self.fdinfo.as_ref().is_none_or(|fdinfo| fdinfo.ep() != ep) {
            self.fdinfo = self.server.aside(|| Fdinfo::open(ep)).ok();
        }
        let entries = self.fdinfo.as_mut()?.read().ok()?;
        Some((ep, entries))
    }

    fn read_queues(&mut self, world: &World) -> Vec<(Fd, FileId, Queues)> {
        // Those that are gone must not stand in the way of the others.
        let is_open = |id: &FileId| {
            let file = world.files.get(id)?;
            (world.fds.get(&file.fd) == Some(id)).then_some(file)
        };
        self.uncertain.retain(|id| is_open(id).is_some());
        let asked = self.uncertain.iter().take(QUEUES_AT_ONCE).filter_map(is_open);
        asked.map(|file| (file.fd, file.id, kernel::queues::of(file.fd, file.what))).collect()
    }

    /// The answers that hold, as events with their time, once everything before `t` has been
    /// folded and `t` is later than the answers.
    pub(super) fn answers(&mut self, t: Nanos, world: &World) -> Vec<(Nanos, Kind)> {
        let mut kinds: Vec<_> = self.sleepers.answer(t).into_iter().collect();
        kinds.extend(self.rings.answer(t, world));
        kinds.sort_by_key(|(at, _)| *at);
        let Some(question) = self.question.take_if(|question| question.answered < t) else {
            return kinds;
        };
        let asked_queues = !question.queues.is_empty();
        for (fd, id, queues) in question.queues {
            let Some(file) = world.files.get(&id) else { continue };
            let same = world.fds.get(&fd) == Some(&id);
            let told = |told: Option<u32>, known| told.is_some() && told != known;
            let news = told(queues.unread, file.unread) || told(queues.unsent, file.unsent);
            if same && news && file.last_active() < question.asked {
                kinds.push((question.answered, Kind::Arrive { fd, queues }));
            }
        }
        let repairs = world.through(None).instance.check.wants_resync;
        if let Some((ep, entries)) = question.interest
            && (self.changed < question.asked && !question.spoilt || repairs)
        {
            self.unchecked = question.spoilt || self.changed >= question.asked;
            kinds.push((question.answered, Kind::ListRead(ListRead::fdinfo(ep, entries))));
        }
        if asked_queues {
            self.settle(question.answered, world);
        }
        kinds
    }

    /// Forgets the files whose lengths are known and at rest, and those that have not moved for
    /// a while: nobody needs to be woken for them.
    fn settle(&mut self, now: Nanos, world: &World) {
        self.uncertain.retain(|id| {
            let Some(file) = world.files.get(id) else { return false };
            let quiet = now.since(file.last_active()).0;
            let known =
                file.unread.is_some() && file.unsent == Some(0) || file.what == FileKind::Eventfd;
            quiet < CALM / 4 || (!known && quiet < GIVE_UP)
        });
    }
}

/// Whether an event can change the interest list of `world`.
fn changes_interest(kind: &Kind, world: &World) -> bool {
    let one_shot = |event: &Delivery| {
        let entry = world.through(None).instance.interest.get(InterestList::key_of(event));
        entry.is_none_or(|entry| entry.mask.has(Mask::ONESHOT))
    };
    match kind {
        Kind::Return(record) => match (&record.call, &record.output) {
            (Syscall::EpollCtl { .. } | Syscall::Close { .. } | Syscall::Dup { .. }, _) => true,
            // A one-shot registration loses its bits when it is reported.
            (_, Output::Events { events, .. }) => events.iter().any(one_shot),
            _ => false,
        },
        Kind::Backend { phase: SwitchPhase::Entered(by), .. } => by.is_some(),
        _ => false,
    }
}

/// The file whose queue lengths an event that comes upon `world` makes uncertain.
fn makes_uncertain(kind: &Kind, world: &World) -> Option<Fd> {
    match kind {
        Kind::Return(record) => match record.call {
            Syscall::Send { fd, .. } => Some(fd),
            Syscall::Read { fd, .. } if record.ret.count().is_some_and(|n| n > 0) => Some(fd),
            _ => None,
        },
        Kind::Wakeup(wakeup) => {
            let counts = |file: &OpenFile| wakeup.unread.is_some() && file.still_counts(wakeup);
            let known = world.fds.get(&wakeup.fd).and_then(|file| world.files.get(file));
            (!known.is_some_and(counts)).then_some(wakeup.fd)
        }
        // What a recv that goes on leaves in its socket is known, as long as there are buffers.
        Kind::Reap { op, cqe, .. } => {
            let counted =
                *op != RingOp::Send && (cqe.buffer.is_some() || cqe.ret.value() == Some(0));
            let name = world.ring().and_then(|rings| rings.name(cqe.id));
            name.filter(|(op, _)| !counted && matches!(op, RingOp::Recv | RingOp::Send))
                .map(|(_, fd)| fd)
        }
        _ => None,
    }
}
