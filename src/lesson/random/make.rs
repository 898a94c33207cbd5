//! Random sequences: descriptors, then calls on them with any flags, legal or not.
//!
//! A rehearsal goes along, so that it is known what is open and who sleeps, and so that no step is
//! taken of which the kernel leaves open how it comes out.

use crate::event::{FileKind, How, Mask};
use crate::lesson::case::{
    Action, Actor, ActorKind, Amount, Case, FdArg, Label, Level, Need, Scan, SockOpt, Step, Target,
    Wait,
};
use crate::model::Machine;

use super::dice::Dice;
use super::rehearsal::Rehearsal;

/// Most threads that sleep at a time.
const MOST_THREADS: usize = 6;
/// Descriptors beyond which no more are made.
const MOST_OPEN: usize = 40;
/// So many steps of which the outcome is open are thrown away before a sequence ends.
const TRIES: u32 = 12;

/// The conditions that are watched, before flags are added.
const WATCHED: [Mask; 9] = [
    Mask::IN,
    Mask::OUT,
    Mask(Mask::IN.0 | Mask::OUT.0),
    Mask(Mask::IN.0 | Mask::RDHUP.0),
    Mask::PRI,
    Mask::EMPTY,
    Mask::HUP,
    Mask(Mask::IN.0 | Mask::RDNORM.0 | Mask::WRNORM.0),
    Mask::ERR,
];

/// Flags, with how often in a hundred each is added.
const FLAGS: [(usize, Mask); 6] = [
    (45, Mask::ET),
    (20, Mask::ONESHOT),
    (8, Mask::EXCLUSIVE),
    (10, Mask::RDHUP),
    (3, Mask::WAKEUP),
    (3, Mask(Mask::RDBAND.0 | Mask::WRBAND.0)),
];

/// What a step does; several actions may belong to one idea.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idea {
    Add,
    Mod,
    Del,
    Ctl,
    Nest,
    Wait,
    Poll,
    Write,
    Burst,
    Read,
    Drain,
    Fill,
    Close,
    Dup,
    Shutdown,
    Buffer,
    Park,
    Signal,
    Freeze,
    Thaw,
    Connect,
    Accept,
    Reset,
    Lowat,
}

/// How often each is had, by one thread and by several. Several threads never fill or drain: each
/// of its calls may wake somebody who runs beside the next.
const ALONE: [(usize, Idea); 16] = [
    (16, Idea::Add),
    (9, Idea::Mod),
    (3, Idea::Del),
    (1, Idea::Ctl),
    (3, Idea::Nest),
    (24, Idea::Wait),
    (4, Idea::Poll),
    (20, Idea::Write),
    (3, Idea::Burst),
    (12, Idea::Read),
    (4, Idea::Drain),
    (1, Idea::Fill),
    (2, Idea::Close),
    (2, Idea::Dup),
    (2, Idea::Shutdown),
    (1, Idea::Buffer),
];
/// What is added where there are connections.
const NET: [(usize, Idea); 4] =
    [(10, Idea::Connect), (6, Idea::Accept), (1, Idea::Reset), (2, Idea::Lowat)];
const TOGETHER: [(usize, Idea); 15] = [
    (12, Idea::Add),
    (5, Idea::Mod),
    (1, Idea::Del),
    (2, Idea::Nest),
    (3, Idea::Wait),
    (2, Idea::Poll),
    (12, Idea::Write),
    (5, Idea::Read),
    (1, Idea::Close),
    (1, Idea::Dup),
    (1, Idea::Shutdown),
    (14, Idea::Park),
    (1, Idea::Signal),
    (9, Idea::Freeze),
    (9, Idea::Thaw),
];

/// Makes the sequence of a seed: by one thread, or with others that sleep.
pub(super) fn sequence(seed: u64, threads: bool) -> Case {
    let mut maker = Maker {
        dice: Dice::new(seed),
        stage: Rehearsal::new(Machine::new()),
        case: empty(format!("random-{seed}{}", if threads { "-threads" } else { "" })),
        threads,
        tower: false,
        holds: false,
        net: false,
        made: 0,
    };
    maker.holds = threads && maker.dice.percent(30);
    if maker.holds {
        maker.case.needs.push(Need::Userfaultfd);
    }
    maker.net = !threads && maker.dice.percent(15);
    maker.actors();
    if threads {
        maker.prelude();
    } else if maker.net {
        maker.connections();
    }
    let steps = if threads { 8 + maker.dice.roll(14) } else { 8 + maker.dice.roll(38) };
    for _ in 0..steps {
        maker.idea();
    }
    maker.case
}

/// A case without actors and steps.
pub(super) fn empty(id: String) -> Case {
    Case {
        title: "A random sequence".to_owned(),
        about: format!("The calls that the random test made for {id}."),
        id,
        level: Level::Expert,
        tags: vec!["random".to_owned()],
        sources: Vec::new(),
        needs: Vec::new(),
        topic: None,
        minutes: None,
        actors: Vec::new(),
        steps: Vec::new(),
    }
}

struct Maker {
    dice: Dice,
    stage: Rehearsal,
    case: Case,
    threads: bool,
    /// Whether there are enough epolls to nest them too deep.
    tower: bool,
    /// Whether harvests are held.
    holds: bool,
    /// Whether there are TCP sockets.
    net: bool,
    /// Names given so far.
    made: u32,
}

impl Maker {
    fn actors(&mut self) {
        let epolls = self.dice.weigh(&[(3, 1), (2, 2), (1, 3), (1, 7)]).unwrap_or(1);
        self.tower = epolls > 3;
        for n in 0..epolls {
            self.actor(format!("e{n}"), ActorKind::Epoll);
        }
        if self.net {
            let backlog = self.dice.weigh(&[(3, 64), (1, 0), (1, 1)]).unwrap_or(64);
            self.actor("L".to_owned(), ActorKind::Listener { backlog });
            for n in 0..2 + self.dice.roll(3) {
                self.actor(format!("c{n}"), ActorKind::Client);
            }
        }
        let least = if self.holds { 2 } else { 0 };
        for n in 0..=least + self.dice.roll(4) {
            let kind = self.kind();
            self.actor(format!("s{n}"), kind);
        }
    }

    /// Where there are threads, they wait for something that several epolls watch; where harvests
    /// are held, there is something to harvest.
    fn prelude(&mut self) {
        use FileKind::{Datagram, Eventfd, Pipe, Unix};
        let readable = self.of_kind(|kind| matches!(kind, Pipe | Unix | Datagram | Eventfd));
        let exclusive = self.dice.percent(40);
        let epolls = self.of_kind(|kind| kind == FileKind::Epoll);
        for ep in epolls.into_iter().take(3).map(FdArg::Named) {
            let watched = if self.holds {
                readable.clone()
            } else {
                readable[..1.min(readable.len())].to_vec()
            };
            for fd in watched {
                let flags = self.mask() & (Mask::ET | Mask::ONESHOT | Mask::OUT);
                let flags =
                    if exclusive { (flags - Mask::ONESHOT) | Mask::EXCLUSIVE } else { flags };
                let fd = FdArg::Named(fd);
                self.step(Action::Add { ep: ep.clone(), fd, mask: Mask::IN | flags, who: None });
            }
            for _ in 0..self.dice.roll(if self.holds { 2 } else { 4 }) {
                let Some(thread) = self.awake() else { return };
                let wait = Wait { ep: ep.clone(), max: 64, timeout: None, thread: Some(thread) };
                self.step(Action::Wait(wait));
            }
        }
        if self.holds {
            readable.iter().for_each(|label| self.make_readable(label));
            (0..3).for_each(|_| {
                let held = self.action(Idea::Freeze);
                held.map(|action| self.step(action));
            });
        }
    }

    /// Clients connect and are accepted, and what comes of it is watched.
    fn connections(&mut self) {
        for idea in [Idea::Connect, Idea::Accept, Idea::Connect, Idea::Accept, Idea::Lowat] {
            let action = self.action(idea);
            action.filter(|_| self.dice.percent(80)).map(|action| self.step(action));
        }
        for fd in self.of_kind(|kind| kind == FileKind::Tcp).into_iter().map(FdArg::Named) {
            let (ep, mask) = (self.epoll(), self.mask());
            ep.map(|ep| self.step(Action::Add { ep, fd, mask, who: None }));
        }
    }

    /// Writes to the other end of it.
    fn make_readable(&mut self, label: &Label) {
        let other = match label.as_str().split_once('.') {
            Some((name, "r")) => Label::new(format!("{name}.w")),
            Some((name, "a")) => Label::new(format!("{name}.b")),
            Some((name, _)) => Label::new(format!("{name}.a")),
            None => label.clone(),
        };
        let value = other == *label;
        let what = if value { Amount::Value(1) } else { Amount::Bytes(1) };
        self.step(Action::Write { fd: FdArg::Named(other), what, who: None });
    }

    fn actor(&mut self, name: String, kind: ActorKind) {
        let actor = Actor { line: 0, name: Label::new(name), kind, count: None };
        if self.stage.make(&actor).is_ok() {
            self.case.actors.push(actor);
        }
    }

    fn kind(&mut self) -> ActorKind {
        let size = self.dice.weigh(&[(2, 4096), (1, 8192), (1, 65536)]).unwrap_or(4096);
        let sndbuf = self.dice.weigh(&[(1, None), (1, Some(1)), (1, Some(4000)), (1, Some(20000))]);
        let sndbuf = sndbuf.unwrap_or_default();
        match self.dice.roll(13) {
            0..=2 => ActorKind::Pipe { size },
            3..=5 => ActorKind::Pair { sndbuf },
            6..=8 => ActorKind::Dgram { sndbuf },
            9 => ActorKind::Udp,
            _ => ActorKind::Eventfd {
                value: self.dice.weigh(&[(3, 0), (1, 1), (1, 2)]).unwrap_or(0),
                semaphore: self.dice.percent(30),
            },
        }
    }

    // --- choosing

    fn of_kind(&self, wanted: impl Fn(FileKind) -> bool) -> Vec<Label> {
        let open = self.stage.open().filter(|(_, kind)| wanted(*kind));
        open.map(|(label, _)| label.clone()).collect()
    }

    fn one(&mut self, from: &[Label]) -> Option<FdArg> {
        self.dice.pick(from).map(|label| FdArg::Named(label.clone()))
    }

    /// Something that is no epoll, most of the time; sometimes one, or a number that was closed.
    fn file(&mut self) -> Option<FdArg> {
        let wanted = match self.dice.roll(100) {
            0..94 => self.of_kind(|kind| kind != FileKind::Epoll),
            94..97 => self.of_kind(|_| true),
            _ => self.stage.closed().cloned().collect(),
        };
        self.one(&wanted)
    }

    /// An epoll, nearly always.
    fn epoll(&mut self) -> Option<FdArg> {
        let any = self.dice.percent(2);
        let wanted = self.of_kind(|kind| any || kind == FileKind::Epoll);
        self.one(&wanted)
    }

    fn mask(&mut self) -> Mask {
        if self.dice.percent(2) {
            // Any bits that have a name.
            let named = Mask(0x23df) | Mask::PRIVATE;
            return Mask(u32::try_from(self.dice.roll(1 << 32)).unwrap_or(0)) & named;
        }
        let mask = self.dice.pick(&WATCHED).copied().unwrap_or(Mask::IN);
        FLAGS.iter().fold(mask, |mask, (often, flag)| {
            mask.with(*flag, self.dice.percent(*often) || mask.has(*flag))
        })
    }

    /// For a thread's own ADD exclusive ones are of interest.
    fn mask_to_add(&mut self) -> Mask {
        let mask = self.mask();
        if self.threads && self.dice.percent(30) {
            return (mask - Mask::ONESHOT - Mask::RDHUP - Mask::PRI) | Mask::EXCLUSIVE;
        }
        mask
    }

    fn amount(&mut self, fd: &FdArg) -> Amount {
        const BYTES: [u32; 9] = [1, 1, 1, 100, 3000, 4096, 6000, 9000, 0];
        let kind = self.stage.open().find(|(label, _)| Some(*label) == fd.label()).map(|(_, k)| k);
        let most = u64::MAX;
        match kind {
            Some(FileKind::Eventfd) => {
                const VALUES: [u64; 7] = [0, 1, 1, 2, u64::MAX - 1, u64::MAX - 2, 5];
                Amount::Value(self.dice.pick(&VALUES).copied().unwrap_or(most))
            }
            // A message of several chunks wakes several times.
            Some(FileKind::Unix) if self.threads => Amount::Bytes(1),
            // A datagram that finds no room is dropped, which is not modelled.
            Some(FileKind::Udp) => {
                Amount::Bytes(self.dice.pick(&[1, 1, 100, 65508, 0]).copied().unwrap_or(1))
            }
            // What the buffers of TCP hold is not modelled either.
            Some(FileKind::Tcp) => {
                Amount::Bytes(self.dice.pick(&[1, 1, 100, 2000, 0]).copied().unwrap_or(1))
            }
            _ => Amount::Bytes(self.dice.pick(&BYTES).copied().unwrap_or(1)),
        }
    }

    // --- doing

    /// Takes a step, unless the kernel leaves open what comes of it.
    fn step(&mut self, action: Action) -> bool {
        if self.threads {
            let mut after = self.stage.clone();
            after.pass_over(&action);
            if after.machine.raced() || after.machine.stuck() {
                return false;
            }
            self.stage = after;
        } else if self.net || changes_descriptors(&action) {
            // Alone, nothing else has to be known.
            self.stage.pass_over(&action);
        }
        self.case.steps.push(Step::new(action));
        true
    }

    fn idea(&mut self) {
        for _ in 0..TRIES {
            let ideas = if self.threads { &TOGETHER[..] } else { &ALONE[..] };
            let idea = if self.tower && self.dice.percent(25) {
                Some(Idea::Nest)
            } else if self.net && self.dice.percent(30) {
                self.dice.weigh(&NET)
            } else {
                self.dice.weigh(ideas)
            };
            let Some(idea) = idea else { return };
            let Some(action) = self.action(idea) else { continue };
            let times = if idea == Idea::Burst { 2 + self.dice.roll(10) } else { 1 };
            let taken = (0..times).filter(|_| self.step(action.clone())).count();
            if idea == Idea::Close && taken > 0 && self.dice.percent(30) {
                self.reuse();
            }
            if taken > 0 {
                return;
            }
        }
    }

    fn action(&mut self, idea: Idea) -> Option<Action> {
        match idea {
            Idea::Add | Idea::Mod | Idea::Del | Idea::Ctl | Idea::Nest => self.control(idea),
            Idea::Wait => Some(Action::Wait(Wait {
                ep: self.epoll()?,
                max: self.dice.weigh(&[(6, 1), (3, 2), (3, 3), (6, 64), (1, 0), (1, -1)])?,
                timeout: Some(0),
                thread: None,
            })),
            Idea::Poll => self.scan(None),
            Idea::Write | Idea::Burst => {
                let fd = self.file()?;
                Some(Action::Write { what: self.amount(&fd), fd, who: None })
            }
            Idea::Read => Some(Action::Read { fd: self.file()?, n: self.size()?, who: None }),
            Idea::Drain => {
                // A semaphore that was set to a large number has no end.
                let ends = |kind| !matches!(kind, FileKind::Epoll | FileKind::Eventfd);
                let fd = self.one(&self.of_kind(ends))?;
                Some(Action::Drain { fd, n: self.size()?, who: None })
            }
            Idea::Fill => {
                let pipes = |kind| matches!(kind, FileKind::PipeWriter | FileKind::Unix);
                let fd = self.one(&self.of_kind(pipes))?;
                Some(Action::Fill { fd, n: self.dice.weigh(&[(1, 1000), (1, 4096)])?, who: None })
            }
            Idea::Close => {
                let all = self.dice.percent(10);
                let fd = self.one(&self.of_kind(|kind| all || kind != FileKind::Epoll))?;
                Some(Action::Close { fd, who: None })
            }
            Idea::Dup => {
                let fd = self.file()?;
                let full = self.stage.open().count() >= MOST_OPEN;
                (!full).then(|| Action::Dup { fd, name: self.name("d") })
            }
            Idea::Shutdown => {
                let fd = self.one(&self.of_kind(is_socket))?;
                Some(Action::Shutdown { fd, how: *self.dice.pick(&[How::Rd, How::Wr, How::RdWr])? })
            }
            Idea::Buffer => {
                let fd = self.one(&self.of_kind(is_socket))?;
                let value = *self.dice.pick(&[1, 4000, 20000, 100_000])?;
                Some(Action::Sockopt { fd, opt: SockOpt::SndBuf, value })
            }
            Idea::Park => self.park(),
            Idea::Connect => {
                let fd = self.one(&self.of_kind(|kind| kind == FileKind::Tcp))?;
                let listeners = self.of_kind(|kind| kind == FileKind::Listener);
                let to = self.dice.pick(&listeners).cloned().map(Target::Listener);
                let nobody = self.dice.percent(15);
                let to = to.filter(|_| !nobody).unwrap_or(Target::Nobody);
                Some(Action::Connect { fd, to })
            }
            Idea::Accept => {
                let fd = self.one(&self.of_kind(|kind| kind == FileKind::Listener))?;
                Some(Action::Accept { fd, name: self.name("a"), who: None })
            }
            Idea::Reset => {
                Some(Action::Rst { fd: self.one(&self.of_kind(|kind| kind == FileKind::Tcp))? })
            }
            Idea::Lowat => {
                let fd = self.one(&self.of_kind(|kind| kind == FileKind::Tcp))?;
                let value = *self.dice.pick(&[0, 1, 2, 150])?;
                Some(Action::Sockopt { fd, opt: SockOpt::RcvLowat, value })
            }
            Idea::Freeze if !self.holds => None,
            Idea::Freeze => {
                let ep = self.one(&self.of_kind(|kind| kind == FileKind::Epoll))?;
                let max = self.dice.weigh(&[(1, 1), (1, 2), (2, 64)])?;
                let at = self.dice.weigh(&[(3, 1), (2, 2), (1, 3)])?.min(max);
                Some(Action::Freeze { ep, thread: self.awake()?, max, at })
            }
            Idea::Thaw => {
                let frozen = self.stage.frozen();
                Some(Action::Thaw { thread: self.dice.pick(&frozen)?.clone() })
            }
            Idea::Signal => {
                let asleep = self.names().into_iter().filter(|name| self.stage.sleeps(name));
                let asleep: Vec<_> = asleep.collect();
                Some(Action::Signal { thread: self.dice.pick(&asleep)?.clone() })
            }
        }
    }

    fn size(&mut self) -> Option<u32> {
        self.dice.pick(&[1, 100, 4096, 65536]).copied()
    }

    fn control(&mut self, idea: Idea) -> Option<Action> {
        let ep = self.epoll()?;
        Some(match idea {
            Idea::Nest => {
                let fd = self.one(&self.of_kind(|kind| kind == FileKind::Epoll))?;
                Action::Add { ep, fd, mask: self.mask(), who: None }
            }
            Idea::Add => Action::Add { ep, fd: self.file()?, mask: self.mask_to_add(), who: None },
            Idea::Mod => Action::Mod { ep, fd: self.file()?, mask: self.mask(), who: None },
            Idea::Del => Action::Del { ep, fd: self.file()?, who: None },
            _ => Action::Ctl { ep, fd: self.file()?, mask: self.mask() },
        })
    }

    /// poll or select over some of what is open, sometimes over what is not.
    fn scan(&mut self, thread: Option<Label>) -> Option<Action> {
        let mut labels = self.of_kind(|_| true);
        if self.dice.percent(10) {
            labels.extend(self.stage.closed().cloned());
        }
        let mut fds = Vec::new();
        for _ in 0..=self.dice.roll(if thread.is_some() { 2 } else { labels.len() }) {
            let label = self.dice.pick(&labels)?.clone();
            labels.retain(|other| *other != label);
            let masks = [Mask::IN, Mask::OUT, Mask::IN | Mask::OUT, Mask::PRI, Mask::RDHUP];
            let mask = *self.dice.pick(&masks)?;
            fds.push((FdArg::Named(label), mask));
            if labels.is_empty() {
                break;
            }
        }
        let timeout = if thread.is_some() { None } else { Some(0) };
        let select = self.dice.percent(40);
        if select {
            // What select cannot be asked for.
            fds.retain(|(_, mask)| *mask != Mask::RDHUP);
            self.stage.closed().for_each(|gone| fds.retain(|(fd, _)| fd.label() != Some(gone)));
        }
        let scan = Scan { fds, timeout, thread };
        (!scan.fds.is_empty())
            .then(|| if select { Action::Select(scan) } else { Action::Poll(scan) })
    }

    fn names(&self) -> Vec<Label> {
        (1..=MOST_THREADS).map(|n| Label::new(format!("t{n}"))).collect()
    }

    /// A thread that is awake goes to sleep in epoll_wait, or sometimes in poll or select.
    fn park(&mut self) -> Option<Action> {
        let thread = self.awake()?;
        if self.dice.percent(25) {
            return self.scan(Some(thread));
        }
        let ep = self.one(&self.of_kind(|kind| kind == FileKind::Epoll))?;
        let max = self.dice.weigh(&[(2, 1), (1, 2), (3, 64)])?;
        Some(Action::Wait(Wait { ep, max, timeout: None, thread: Some(thread) }))
    }

    /// A thread that is in no call.
    fn awake(&self) -> Option<Label> {
        self.names().into_iter().find(|name| !self.stage.sleeps(name))
    }

    fn name(&mut self, first: &str) -> Label {
        self.made += 1;
        Label::new(format!("{first}{}", self.made))
    }

    /// A new file takes the number that was closed.
    fn reuse(&mut self) {
        let kind = self.kind();
        let actor = Actor { line: 0, name: self.name("n"), kind, count: None };
        self.step(Action::New { actor });
    }
}

fn is_socket(kind: FileKind) -> bool {
    use FileKind::{Datagram, Listener, Tcp, Udp, Unix};
    matches!(kind, Unix | Datagram | Udp | Tcp | Listener)
}

/// Whether after it other descriptors are open.
fn changes_descriptors(action: &Action) -> bool {
    matches!(action, Action::Close { .. } | Action::Dup { .. } | Action::New { .. })
}
