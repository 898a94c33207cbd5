//! A case played on the model alone: its numbers are those that a process without other descriptors
//! would get, its time is that of the steps. What is seen is what the kernel would show, if the
//! model is right.

mod waiting;

use std::collections::BTreeMap;

use crate::event::{CtlOp, Errno, Fd, FileId, FileKind, LaneId, Mask, Nanos};
use crate::lesson::case::{
    Action, Actor, ActorKind, Amount, Entry, FdArg, Label, Outcome, Run, Seen, SockOpt, Target, Way,
};
use crate::lesson::run::{NO_OPERATION, Observed};
#[cfg(test)]
use crate::sim::{InstanceView, WatchView};
use crate::sim::{KernelModel, Place, Reported, Woke};
use waiting::polled;

/// SO_SNDBUF of an AF_UNIX socket that nobody changed (net.core.wmem_default, socket(7)).
const SNDBUF: u32 = 212_992;
/// The least that the kernel makes of a wish for SO_SNDBUF (`SOCK_MIN_SNDBUF`), of which it takes
/// twice.
const LEAST_SNDBUF: u32 = 4608;
/// The lane of the main thread.
const MAIN: LaneId = LaneId(1);
/// The first number of a case.
const FIRST: i32 = 3;
/// No number is larger.
const LAST: i32 = 1 << 20;
/// No drain or fill makes more calls.
const MOST_CALLS: u32 = 100_000;
/// What a full TCP connection over loopback takes, more or less.
const TCP_TAKES: u64 = 2_000_000;

/// A thread that sleeps, as far as the case knows.
#[derive(Clone, Debug)]
struct Sleeper {
    /// The labels of a poll or select.
    labels: Vec<(Fd, Label)>,
    /// When its own timeout passes.
    until: Option<Nanos>,
}

/// A case on the model alone.
#[derive(Clone, Debug)]
pub(super) struct Rehearsal {
    pub(super) machine: KernelModel,
    now: Nanos,
    numbers: BTreeMap<Label, Fd>,
    open: BTreeMap<Fd, Label>,
    last_file: u32,
    /// The labels of the registrations, by `epoll_event.data` less 1.
    tags: Vec<Label>,
    /// The threads, by lane less 2.
    threads: Vec<Label>,
    sleepers: BTreeMap<LaneId, Sleeper>,
    /// So many more descriptors can be opened.
    free: Option<u32>,
}

impl Rehearsal {
    pub(super) fn new(machine: KernelModel) -> Self {
        Self {
            machine,
            now: Nanos(0),
            numbers: BTreeMap::new(),
            open: BTreeMap::new(),
            last_file: 0,
            tags: Vec::new(),
            threads: Vec::new(),
            sleepers: BTreeMap::new(),
            free: None,
        }
    }

    /// The open descriptors, by number, with what each is.
    pub(super) fn open(&self) -> impl Iterator<Item = (&Label, FileKind)> {
        self.open.iter().filter_map(|(fd, label)| Some((label, self.machine.kind_under(*fd)?)))
    }

    /// The labels that were closed.
    pub(super) fn closed(&self) -> impl Iterator<Item = &Label> {
        self.numbers.iter().filter(|(label, fd)| self.open.get(fd) != Some(label)).map(|(l, _)| l)
    }

    /// Whether a thread is in a call.
    pub(super) fn sleeps(&self, thread: &Label) -> bool {
        self.lane(thread).is_some_and(|lane| self.sleepers.contains_key(&lane))
    }

    /// The threads that are held in a harvest.
    pub(super) fn frozen(&self) -> Vec<Label> {
        self.machine.frozen().into_iter().map(|lane| self.thread(lane)).collect()
    }

    fn lane(&self, thread: &Label) -> Option<LaneId> {
        let at = self.threads.iter().position(|other| other == thread)?;
        u16::try_from(at + 2).ok().map(LaneId)
    }

    fn lane_or_new(&mut self, thread: &Label) -> LaneId {
        if self.lane(thread).is_none() {
            self.threads.push(thread.clone());
        }
        self.lane(thread).unwrap_or(MAIN)
    }

    fn thread(&self, lane: LaneId) -> Label {
        let at = usize::from(lane.0).checked_sub(2);
        at.and_then(|at| self.threads.get(at)).cloned().unwrap_or_else(|| Label::new("main"))
    }

    fn number(&self, arg: &FdArg) -> Fd {
        match arg {
            FdArg::Named(label) => self.numbers.get(label).copied().unwrap_or(Fd(-1)),
            FdArg::Number(number) => Fd(*number),
        }
    }

    fn label(&self, data: u64) -> Label {
        let at = usize::try_from(data).ok().and_then(|data| data.checked_sub(1));
        at.and_then(|at| self.tags.get(at)).cloned().unwrap_or_else(|| Label::new("?"))
    }

    /// The lowest free number, if the case's own limit allows one more.
    fn take_number(&mut self) -> Result<Fd, Errno> {
        if let Some(free) = &mut self.free {
            *free = free.checked_sub(1).ok_or(Errno::EMFILE)?;
        }
        let free = (FIRST..=LAST).map(Fd).find(|fd| !self.open.contains_key(fd));
        free.ok_or(Errno::EMFILE)
    }

    fn place(&mut self, label: Label) -> Result<Place, Errno> {
        let fd = self.take_number()?;
        self.last_file += 1;
        self.open.insert(fd, label.clone());
        self.numbers.insert(label, fd);
        Ok(Place { fd, file: FileId(self.last_file) })
    }

    /// Makes the descriptors of an actor.
    pub(super) fn make(&mut self, actor: &Actor) -> Result<(), Errno> {
        actor.members().iter().try_for_each(|name| self.member(name, actor.kind))
    }

    fn member(&mut self, name: &Label, kind: ActorKind) -> Result<(), Errno> {
        let mut places = Vec::new();
        for end in kind.ends() {
            places.push(self.place(Label::new(format!("{name}{end}")))?);
        }
        let machine = &mut self.machine;
        match (kind, places.as_slice()) {
            (ActorKind::Epoll, [at]) => machine.epoll(*at),
            (ActorKind::Eventfd { value, semaphore }, [at]) => {
                machine.eventfd(*at, value.into(), semaphore);
            }
            (ActorKind::Timerfd, [at]) => machine.timerfd(*at),
            (ActorKind::Listener { backlog }, [at]) => machine.listener(*at, backlog),
            (ActorKind::Client, [at]) => machine.tcp(*at),
            (ActorKind::File | ActorKind::Null, [at]) => machine.plain(*at),
            (ActorKind::Dir, [at]) => machine.directory(*at),
            (ActorKind::Pipe { size }, [r, w]) => machine.pipe(*r, *w, size),
            (ActorKind::Pair { sndbuf }, [a, b]) => machine.unix_pair(*a, *b, buffer(sndbuf)),
            (ActorKind::Dgram { sndbuf }, [a, b]) => machine.datagram_pair(*a, *b, buffer(sndbuf)),
            (ActorKind::Udp, [a, b]) => machine.udp_pair(*a, *b),
            _ => {}
        }
        Ok(())
    }

    /// Makes one step without a look at what is to be seen.
    pub(super) fn pass_over(&mut self, action: &Action) {
        let mut seen = Observed::default();
        self.act(action, &mut seen);
        for (lane, _) in self.machine.take_woken() {
            self.sleepers.remove(&lane);
        }
    }

    fn act(&mut self, action: &Action, seen: &mut Observed) {
        match action {
            Action::Wait(wait) => self.wait(wait, seen),
            Action::Poll(scan) => self.scan(Way::Poll, scan, seen),
            Action::Select(scan) => self.scan(Way::Select, scan, seen),
            Action::Freeze { ep, thread, max, at } => {
                let lane = self.lane_or_new(thread);
                let max = i32::try_from(*max).unwrap_or(i32::MAX);
                let entered = self.machine.freeze(lane, self.number(ep), max, *at);
                self.sleeper(lane, Vec::new(), None, entered, seen);
            }
            Action::Thaw { thread } | Action::Signal { thread } | Action::Expire { thread } => {
                self.disturb(action, thread, seen);
            }
            Action::Repeat { times, body, until } => {
                let mut rounds = 0;
                for round in 1..=*times {
                    for one in body {
                        self.act(&one.of_round(round), seen);
                        self.collect(seen);
                    }
                    rounds = round;
                    if until.is_some() && seen.ret == *until {
                        break;
                    }
                }
                seen.ret = Some(Outcome::Value(rounds.into()));
            }
            Action::Many { .. } => {
                if let Some(repeat) = action.as_repeat() {
                    self.act(&repeat, seen);
                }
            }
            Action::Measure { run, times, .. } => {
                match run {
                    Run::Wait(wait) => self.wait(wait, seen),
                    Run::Scan(way, scan) => self.scan(*way, scan, seen),
                }
                (seen.events, seen.ret) = (None, Some(Outcome::Value(i64::from(*times))));
            }
            Action::Limit { free } => {
                self.free = *free;
                seen.ret = Some(Outcome::Value(0));
            }
            Action::Note | Action::Tally { .. } | Action::Reset => {}
            _ => seen.ret = Some(self.call(action)),
        }
    }

    /// What wakes a thread that sleeps, or lets it go on.
    fn disturb(&mut self, action: &Action, thread: &Label, seen: &mut Observed) {
        let Some(lane) = self.lane(thread) else { return };
        match action {
            Action::Thaw { .. } => self.machine.thaw(lane),
            Action::Expire { .. } => {
                let until = self.sleepers.get(&lane).and_then(|sleeper| sleeper.until);
                if let Some(until) = until {
                    self.pass(until.since(self.now));
                }
                self.machine.expire(lane);
            }
            _ => {
                self.machine.interrupt(lane);
                seen.ret = Some(Outcome::Value(0));
            }
        }
    }

    /// A call that returns at once, with a number.
    fn call(&mut self, action: &Action) -> Outcome {
        let fd = |arg: &FdArg| self.number(arg);
        let done = match action {
            Action::Add { ep, fd, mask, .. } => self.control(CtlOp::Add, ep, fd, *mask),
            Action::Mod { ep, fd, mask, .. } => self.control(CtlOp::Mod, ep, fd, *mask),
            Action::Del { ep, fd, .. } => self.control(CtlOp::Del, ep, fd, Mask::EMPTY),
            Action::Ctl { ep, fd, mask } => {
                self.control(CtlOp::Invalid(NO_OPERATION), ep, fd, *mask)
            }
            Action::Write { fd: at, what, .. } => {
                let fd = fd(at);
                let n = self.amount(fd, *what);
                self.machine.write(fd, n)
            }
            Action::Read { fd: at, n, .. } => {
                let fd = fd(at);
                self.machine.read(fd, (*n).into())
            }
            Action::Drain { fd: at, n, .. } => return self.drain(fd(at), *n),
            Action::Fill { fd: at, n, .. } => return self.fill(fd(at), *n),
            Action::Close { fd: at, .. } => self.close(fd(at), false),
            Action::Rst { fd: at } => self.close(fd(at), true),
            Action::Dup { fd: at, name } => self.dup(fd(at), name),
            Action::Shutdown { fd: at, how } => {
                let fd = fd(at);
                done(self.machine.shutdown(fd, *how))
            }
            Action::Connect { fd: at, to } => {
                let (client, to) = match to {
                    Target::Listener(label) => (fd(at), self.numbers.get(label).copied()),
                    Target::Nobody => (fd(at), None),
                };
                done(self.machine.connect(client, to))
            }
            Action::Accept { fd: at, name, .. } => self.accept(fd(at), name),
            Action::Arm { fd: at, ms, interval } => {
                let fd = fd(at);
                done(self.machine.arm(fd, nanos(*ms), nanos(*interval)))
            }
            Action::Sleep { ms } => {
                self.pass(nanos(*ms));
                Ok(0)
            }
            Action::Sockopt { fd: at, opt, value } => {
                let fd = fd(at);
                done(match opt {
                    SockOpt::RcvLowat => self.machine.rcvlowat(fd, *value),
                    SockOpt::SndBuf => self.machine.sndbuf(fd, buffer(Some(*value))),
                    SockOpt::RcvBuf => self.machine.rcvbuf(fd, *value),
                })
            }
            Action::New { actor } => self.make(actor).map(|()| 0),
            _ => Ok(0),
        };
        outcome(done)
    }

    fn control(&mut self, op: CtlOp, ep: &FdArg, fd: &FdArg, mask: Mask) -> Result<u64, Errno> {
        self.tags.push(Label::new(fd.to_string()));
        let data = u64::try_from(self.tags.len()).unwrap_or(0);
        let (ep, fd) = (self.number(ep), self.number(fd));
        done(self.machine.ctl(ep, op, fd, mask, data))
    }

    fn kind(&self, fd: Fd) -> Option<FileKind> {
        self.machine.kind_under(fd)
    }

    /// What `write` means for that file: bytes, or the number that an eventfd takes.
    fn amount(&self, fd: Fd, what: Amount) -> u64 {
        let counts = self.kind(fd) == Some(FileKind::Eventfd);
        match what {
            Amount::Bytes(n) => n.into(),
            Amount::Value(value) if counts => value,
            Amount::Value(_) => 8,
        }
    }

    fn drain(&mut self, fd: Fd, n: u32) -> Outcome {
        let messages = matches!(self.kind(fd), Some(FileKind::Datagram | FileKind::Udp));
        for _ in 0..MOST_CALLS {
            match self.machine.read(fd, n.into()) {
                Ok(0) if !messages => return Outcome::Eof,
                Ok(_) => {}
                Err(errno) => return Outcome::Errno(errno),
            }
        }
        Outcome::Value(0)
    }

    fn fill(&mut self, fd: Fd, n: u32) -> Outcome {
        if self.kind(fd) == Some(FileKind::Tcp) && self.machine.write(fd, TCP_TAKES).is_ok() {
            self.machine.fill(fd);
        }
        for _ in 0..MOST_CALLS {
            if let Err(errno) = self.machine.write(fd, n.into()) {
                return Outcome::Errno(errno);
            }
        }
        Outcome::Value(0)
    }

    fn close(&mut self, fd: Fd, reset: bool) -> Result<u64, Errno> {
        let closed = if reset { self.machine.reset(fd) } else { self.machine.close(fd) };
        if closed.is_ok() {
            self.open.remove(&fd);
            self.free = self.free.map(|free| free + 1);
        }
        done(closed)
    }

    fn dup(&mut self, fd: Fd, name: &Label) -> Result<u64, Errno> {
        self.machine.file_under(fd).ok_or(Errno::EBADF)?;
        let copy = self.take_number()?;
        self.machine.dup(fd, copy)?;
        self.open.insert(copy, name.clone());
        self.numbers.insert(name.clone(), copy);
        // The runner tells whether it worked, not the number.
        Ok(0)
    }

    fn accept(&mut self, fd: Fd, name: &Label) -> Result<u64, Errno> {
        let number = self.take_number()?;
        let place = Place { fd: number, file: FileId(self.last_file + 1) };
        self.machine.accept(fd, place).inspect_err(|_| {
            self.free = self.free.map(|free| free + 1);
        })?;
        self.last_file += 1;
        self.open.insert(number, name.clone());
        self.numbers.insert(name.clone(), number);
        Ok(0)
    }

    /// Time passes, with the threads' own timeouts.
    fn pass(&mut self, by: Nanos) {
        let end = Nanos(self.now.0 + by.0);
        loop {
            let due = self.sleepers.iter().filter_map(|(lane, s)| Some((s.until?, *lane)));
            let asleep = self.machine.asleep();
            let next = due.filter(|(at, lane)| *at <= end && asleep.contains(lane)).min();
            let Some((at, lane)) = next else { break };
            self.machine.advance(at.since(self.now));
            self.now = self.now.max(at);
            self.machine.expire(lane);
        }
        self.machine.advance(end.since(self.now));
        self.now = end;
    }

    /// What threads have returned with.
    fn collect(&mut self, seen: &mut Observed) {
        for (lane, woke) in self.machine.take_woken() {
            let labels = self.sleepers.remove(&lane).map_or_else(Vec::new, |s| s.labels);
            let what = match woke {
                Woke::Events(events) => self.events(&events),
                Woke::Polled(found) => polled(&found, &labels),
                Woke::Interrupted => Seen::Errno(Errno::EINTR),
                Woke::TimedOut => Seen::Events(Vec::new()),
            };
            seen.woke.insert(self.thread(lane), what);
        }
    }

    fn events(&self, events: &[Reported]) -> Seen {
        let entry = |event: &Reported| Entry { label: self.label(event.data), mask: event.mask };
        Seen::Events(events.iter().map(entry).collect())
    }
}

#[cfg(test)]
impl Rehearsal {
    /// Makes one step, and tells what is to be seen after it.
    pub(super) fn play(&mut self, action: &Action) -> Observed {
        let mut seen = Observed::default();
        self.act(action, &mut seen);
        self.collect(&mut seen);
        self.look(&mut seen);
        seen
    }

    /// The lists, and who sleeps.
    fn look(&self, seen: &mut Observed) {
        seen.asleep = self.machine.asleep().into_iter().map(|lane| self.thread(lane)).collect();
        seen.asleep.sort();
        for view in self.machine.instances() {
            self.look_at(&view, seen);
        }
    }

    fn look_at(&self, view: &InstanceView, seen: &mut Observed) {
        let Some(name) = self.open.get(&view.fd).cloned() else { return };
        let labels = |list: &[WatchView]| list.iter().map(|watch| self.label(watch.data)).collect();
        seen.rdl.insert(name.clone(), labels(&view.ready));
        if let Some(overflow) = &view.overflow {
            seen.ovf.insert(name, labels(overflow));
            return;
        }
        let entry = |watch: &WatchView| Entry { label: self.label(watch.data), mask: watch.mask };
        let mut entries: Vec<_> = view.interest.iter().map(entry).collect();
        entries.sort_by(|a, b| (&a.label, a.mask.0).cmp(&(&b.label, b.mask.0)));
        seen.interest.insert(name, entries);
    }
}

fn nanos(ms: u32) -> Nanos {
    Nanos(u64::from(ms) * 1_000_000)
}

/// What the kernel makes of a wish for SO_SNDBUF (socket(7)).
fn buffer(wish: Option<u32>) -> u32 {
    wish.map_or(SNDBUF, |wish| wish.min(SNDBUF).saturating_mul(2).max(LEAST_SNDBUF))
}

fn done(result: Result<(), Errno>) -> Result<u64, Errno> {
    result.map(|()| 0)
}

fn outcome(result: Result<u64, Errno>) -> Outcome {
    match result {
        Ok(value) => Outcome::Value(i64::try_from(value).unwrap_or(i64::MAX)),
        Err(errno) => Outcome::Errno(errno),
    }
}
