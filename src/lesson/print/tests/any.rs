//! Cases of every shape that the parser accepts.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::event::{Errno, How, Mask};
use crate::lesson::case::{
    Action, Actor, ActorKind, Amount, Answer, Ask, Case, Choice, ConnectTarget, Counter, Entry,
    Expect, FdArg, Given, Label, Level, Look, NVAL, Need, Outcome, Range, Run, Scan, Seen, SockOpt,
    Step, Take, Wait, Way, Who,
};

/// A case made from throws of dice.
pub(super) fn case() -> impl Strategy<Value = Case> {
    vec(any::<u32>(), 8..400).prop_map(|throws| Maker::new(throws).case())
}

/// Which end of its actor a label names; empty if that has only one.
fn end(label: &Label) -> &str {
    label.as_str().split_once('.').map_or("", |(_, end)| end)
}

fn is_socket(_: &Label, kind: ActorKind) -> bool {
    use ActorKind as K;
    matches!(kind, K::Pair { .. } | K::Dgram { .. } | K::Udp | K::Listener { .. } | K::Client)
}

/// What is known while a case is made.
struct Maker {
    throws: std::vec::IntoIter<u32>,
    /// Descriptors that are open, with the kind that made them; a connection is taken for UDP.
    labels: Vec<(Label, ActorKind)>,
    /// Threads; whether each sleeps, and has a timeout.
    threads: BTreeMap<Label, Option<bool>>,
    measured: Vec<Label>,
    /// Names given.
    names: u32,
}

impl Maker {
    fn new(throws: Vec<u32>) -> Self {
        let throws = throws.into_iter();
        let (labels, measured) = (Vec::new(), Vec::new());
        Self { throws, labels, threads: BTreeMap::new(), measured, names: 0 }
    }

    /// A number below `n`; 0 when there are no throws left.
    fn die(&mut self, n: u32) -> u32 {
        self.throws.next().unwrap_or(0) % n
    }

    fn small(&mut self, n: u8) -> u8 {
        u8::try_from(self.die(n.into())).unwrap_or_default()
    }

    fn coin(&mut self) -> bool {
        self.die(2) == 1
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        let at = self.die(u32::try_from(of.len()).expect("a short list"));
        of[at as usize].clone()
    }

    fn some<T>(&mut self, most: u32, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.die(most + 1)).map(|_| make(self)).collect()
    }

    fn name(&mut self) -> Label {
        self.names += 1;
        Label::new(format!("n{}-_x", self.names))
    }

    fn line(&mut self) -> String {
        let words = ["a", "\"quoted\"", "back\\slash", "é", "世界", "x = 1", "#", "'", "[[steps]]"];
        let mut line = self.some(6, |m| m.one_of(&words)).join(" ");
        line.push('.');
        line
    }

    fn text(&mut self) -> String {
        let line = self.line();
        if self.die(4) == 0 { format!("{line}\n{}", self.line()) } else { line }
    }

    fn case(mut self) -> Case {
        let id = self.one_of(&["a", "some-case", "0-1"]).to_owned();
        let (title, about) = (self.line(), self.text());
        let level = self.one_of(&Level::ALL).0;
        let tags = self.some(3, Self::line);
        let sources = self.some(2, Self::line);
        let actors = self.some(6, Self::actor);
        let mut steps: Vec<_> = self.some(30, Self::step);
        steps.extend(self.freeze());
        steps.push(Step::new(Action::Note));
        let (topic, minutes) = (Some(self.line()), Some(1 + self.small(15)));
        let needs = vec![Need::Userfaultfd, Need::IoUring];
        Case { id, title, about, level, tags, sources, needs, topic, minutes, actors, steps }
    }

    /// A thread that is frozen and let go.
    fn freeze(&mut self) -> Vec<Step> {
        let Some(ep) = self.fd(|_, kind| kind == ActorKind::Epoll) else {
            return Vec::new();
        };
        let (thread, max) = (self.thread(), 1 + self.die(64));
        let at = 1 + self.die(max);
        let freeze = Action::Freeze { ep, thread: thread.clone(), max, at };
        vec![Step::new(freeze), Step::new(Action::Thaw { thread })]
    }

    fn actor(&mut self) -> Actor {
        let kind = match self.die(12) {
            0 | 1 => ActorKind::Epoll,
            2 => ActorKind::Pipe { size: self.one_of(&[4096, 65536, 1 << 20]) },
            3 => ActorKind::Eventfd { value: self.die(3), semaphore: self.coin() },
            4 => ActorKind::Timerfd,
            5 => ActorKind::Pair { sndbuf: self.maybe(|m| 1 + m.die(9000)) },
            6 => ActorKind::Dgram { sndbuf: self.maybe(|m| 1 + m.die(9000)) },
            7 => ActorKind::Udp,
            8 => ActorKind::Listener { backlog: self.one_of(&[0, 64, 128]) },
            9 => ActorKind::Client,
            10 => self.one_of(&[ActorKind::File, ActorKind::Ring { entries: 4 }]),
            _ => self.one_of(&[ActorKind::Dir, ActorKind::Null]),
        };
        let count = if self.die(4) == 0 { Some(1 + u16::from(self.small(3))) } else { None };
        let actor = Actor { line: 0, name: self.name(), kind, count };
        self.labels.extend(actor.labels().into_iter().map(|label| (label, kind)));
        actor
    }

    /// A label of which `fits` holds.
    fn label(&mut self, fits: impl Fn(&Label, ActorKind) -> bool) -> Option<Label> {
        let known = self.labels.iter().filter(|(label, kind)| fits(label, *kind));
        let known: Vec<_> = known.map(|(label, _)| label.clone()).collect();
        (!known.is_empty()).then(|| self.one_of(&known))
    }

    fn any_label(&mut self) -> Label {
        self.label(|_, _| true).unwrap_or_else(|| {
            self.labels.push(("extra".into(), ActorKind::Null));
            "extra".into()
        })
    }

    fn any_fd(&mut self) -> FdArg {
        match self.label(|_, _| true) {
            Some(label) if self.die(8) > 0 => FdArg::Named(label),
            _ => FdArg::Number(self.one_of(&[-1, 0, 999, i32::MAX])),
        }
    }

    fn fd(&mut self, fits: impl Fn(&Label, ActorKind) -> bool) -> Option<FdArg> {
        self.label(fits).map(FdArg::Named)
    }

    fn mask(&mut self, among: &[Mask]) -> Mask {
        if among.is_empty() {
            return Mask::EMPTY;
        }
        self.some(4, |m| m.one_of(among)).into_iter().fold(Mask::EMPTY, |all, bit| all | bit)
    }

    fn epoll_mask(&mut self) -> Mask {
        self.mask(&[Mask::IN, Mask::OUT, Mask::RDHUP, Mask::ET, Mask::ONESHOT, Mask::EXCLUSIVE])
    }

    fn thread(&mut self) -> Label {
        self.one_of(&["A", "B", "w1"].map(Label::from))
    }

    fn who(&mut self) -> Option<Who> {
        match self.die(6) {
            0 if !self.threads.is_empty() => Some(Who::Woken),
            1 => {
                let thread = self.thread();
                self.threads.insert(thread.clone(), None);
                Some(Who::Thread(thread))
            }
            _ => None,
        }
    }

    fn sleeper(&mut self) -> (Option<Label>, Option<u32>) {
        let Some(thread) = self.maybe(Self::thread) else {
            return (None, Some(self.one_of(&[0, 5, 10_000])));
        };
        let timeout = self.maybe(|m| m.die(10_001));
        self.threads.insert(thread.clone(), Some(timeout.is_some()));
        (Some(thread), timeout)
    }

    fn wait(&mut self) -> Wait {
        let (ep, max) = (self.any_fd(), self.one_of(&[64, 1, 0, -1, 4096, i32::MAX]));
        let (thread, timeout) = self.sleeper();
        Wait { ep, max, timeout, thread }
    }

    fn scan(&mut self, way: Way) -> Scan {
        let bits: &[Mask] = match way {
            Way::Poll => &[Mask::IN, Mask::OUT, Mask::RDHUP, Mask::HUP],
            Way::Select => &[Mask::IN, Mask::OUT, Mask::PRI],
        };
        let mut fds = vec![(self.any_fd(), Mask::IN)];
        fds.extend(self.some(3, |m| (m.any_fd(), m.mask(bits))));
        let (thread, timeout) = self.sleeper();
        Scan { fds, timeout, thread }
    }

    fn step(&mut self) -> Step {
        let fails = self.die(4) == 0;
        let action = self.action(fails).unwrap_or(Action::Note);
        let mut step = Step::new(action);
        step.chapter = if self.die(6) == 0 { Some(self.line()) } else { None };
        step.say = self.maybe(Self::text);
        step.reveal = self.maybe(Self::text);
        step.look = self.some(2, |m| match m.die(3) {
            0 => Look::Label(m.any_label()),
            _ => m.one_of(&Look::PANES).0,
        });
        // A look may have asked for a label that no step makes.
        self.labels.retain(|(label, _)| label.as_str() != "extra");
        step.look.retain(|look| *look != Look::Label("extra".into()));
        if fails || self.coin() {
            step.expect = self.expect(&step.action, fails);
        }
        if self.die(4) == 0 {
            step.ask = self.ask(&step.action);
        }
        step
    }

    fn action(&mut self, fails: bool) -> Option<Action> {
        Some(match self.die(27) {
            0 | 1 => Action::Add {
                ep: self.any_fd(),
                fd: self.any_fd(),
                mask: self.epoll_mask(),
                who: self.who(),
            },
            2 => Action::Mod {
                ep: self.any_fd(),
                fd: self.any_fd(),
                mask: self.epoll_mask(),
                who: self.who(),
            },
            3 => Action::Del { ep: self.any_fd(), fd: self.any_fd(), who: self.who() },
            4 => Action::Ctl { ep: self.any_fd(), fd: self.any_fd(), mask: self.epoll_mask() },
            5 | 6 => Action::Wait(self.wait()),
            7 => Action::Poll(self.scan(Way::Poll)),
            8 => Action::Select(self.scan(Way::Select)),
            9 | 10 => {
                let sleeping = self.threads.iter().find(|(_, sleeps)| sleeps.is_some());
                let (thread, timeout) = sleeping.map(|(thread, s)| (thread.clone(), *s))?;
                self.threads.insert(thread.clone(), None);
                match timeout {
                    Some(true) => Action::Expire { thread },
                    _ => Action::Signal { thread },
                }
            }
            11 => {
                let fd = self.fd(|label, kind| {
                    is_socket(label, kind) && !matches!(kind, ActorKind::Listener { .. })
                        || end(label) == "w"
                })?;
                let (n, who) = (1 + self.die(100_000), self.who());
                if self.coin() {
                    Action::Fill { fd, n, who }
                } else {
                    Action::Write { fd, what: Amount::Bytes(n), who }
                }
            }
            12 => Action::Write {
                fd: self.fd(|_, kind| matches!(kind, ActorKind::Eventfd { .. }))?,
                what: Amount::Value(self.one_of(&[0, 1, u64::MAX])),
                who: self.who(),
            },
            13 => self.reading()?,
            14..=23 => return self.rarer(fails),
            _ => self.group(),
        })
    }

    fn rarer(&mut self, fails: bool) -> Option<Action> {
        Some(match self.die(10) {
            0 => {
                let fd = self.any_fd();
                if let Some(label) = fd.label().filter(|_| !fails).cloned() {
                    // It is known still, but only its name is free.
                    self.labels.retain(|(other, _)| *other != label);
                }
                Action::Close { fd, who: self.who() }
            }
            1 => Action::Rst { fd: self.fd(|_, kind| kind == ActorKind::Client)? },
            2 => {
                let of = self.label(|_, _| true)?;
                let kind = self.labels.iter().find(|(label, _)| *label == of)?.1;
                let name = self.name();
                if !fails {
                    self.labels.push((name.clone(), kind));
                }
                let least = self.maybe(|m| 3 + m.die(3000));
                Action::Dup { fd: FdArg::Named(of), name, least }
            }
            3 => {
                let fd = self.fd(is_socket)?;
                Action::Shutdown { fd, how: self.one_of(&[How::Rd, How::Wr, How::RdWr]) }
            }
            4 => {
                let fd = self.fd(|_, kind| kind == ActorKind::Client)?;
                let to = self.label(|_, kind| matches!(kind, ActorKind::Listener { .. }));
                Action::Connect {
                    fd,
                    to: to.map_or(ConnectTarget::Nobody, ConnectTarget::Listener),
                }
            }
            5 => {
                let fd = self.fd(|_, kind| matches!(kind, ActorKind::Listener { .. }))?;
                let name = self.name();
                if !fails {
                    self.labels.push((name.clone(), ActorKind::Udp));
                }
                Action::Accept { fd, name, who: self.who() }
            }
            6 => {
                let fd = self.fd(|_, kind| kind == ActorKind::Timerfd)?;
                Action::Arm { fd, ms: self.die(10_001), interval: self.die(3) }
            }
            7 => Action::Sleep { ms: self.die(10_001) },
            8 => {
                let (fd, opt) = (self.fd(is_socket)?, self.one_of(&SockOpt::ALL).0);
                Action::Sockopt { fd, opt, value: self.die(1 << 24) }
            }
            _ if fails => Action::Reset,
            _ => Action::New { actor: self.actor() },
        })
    }

    fn reading(&mut self) -> Option<Action> {
        let fd = self.fd(|label, kind| {
            end(label) != "w"
                && !matches!(
                    kind,
                    ActorKind::Epoll
                        | ActorKind::Listener { .. }
                        | ActorKind::Ring { .. }
                        | ActorKind::Dir
                )
                && !matches!(kind, ActorKind::Pipe { .. })
                || end(label) == "r"
        })?;
        let n = self.one_of(&[1, 4096, 65536]);
        let who = self.who();
        Some(if self.coin() { Action::Read { fd, n, who } } else { Action::Drain { fd, n, who } })
    }

    fn group(&mut self) -> Action {
        match self.die(8) {
            6 => self.one_of(&[Action::SelectAgain, Action::SignalWait]),
            7 => Action::LimitSignals { room: self.maybe(|m| m.die(10_001)) },
            0 => Action::Limit { free: self.maybe(|m| m.die(1025)) },
            1 => Action::Reset,
            2 => Action::Tally { show: self.some(4, Self::counter) },
            3 => {
                let name = self.name();
                let run = self.measured();
                self.measured.push(name.clone());
                Action::Measure { name, times: 1 + self.die(10_000), run }
            }
            4 => self.repeat(),
            _ => match self.labels.iter().find(|(label, _)| label.as_str().ends_with("x1.r")) {
                Some((label, _)) => {
                    let fd = FdArg::Named(Label::new(label.as_str().replace("1.r", "#.r")));
                    Action::Many { ep: self.any_fd(), fd, mask: self.epoll_mask(), count: 1 }
                }
                None => Action::Note,
            },
        }
    }

    fn measured(&mut self) -> Run {
        // No thread is sent to sleep by it.
        let threads = self.threads.clone();
        let run = match self.one_of(&[None, Some(Way::Poll), Some(Way::Select)]) {
            None => Run::Wait(Wait { timeout: Some(0), thread: None, ..self.wait() }),
            Some(way) => Run::Scan(way, Scan { timeout: Some(0), thread: None, ..self.scan(way) }),
        };
        self.threads = threads;
        run
    }

    fn repeat(&mut self) -> Action {
        let mut body = vec![Action::Wait(self.wait())];
        body.extend(self.some(3, |m| Action::Del { ep: m.any_fd(), fd: m.any_fd(), who: m.who() }));
        let until = self.maybe(Self::outcome);
        Action::Repeat { times: 1 + self.die(10_000), body, until }
    }

    fn counter(&mut self) -> Counter {
        let thread = self.threads.keys().next().cloned();
        match (self.die(4), thread, self.measured.last()) {
            (0, Some(thread), _) => Counter::Wakeups(Some(thread)),
            (1, _, Some(name)) => Counter::Ns(name.clone()),
            _ => self.one_of(&Counter::PLAIN).0,
        }
    }

    fn outcome(&mut self) -> Outcome {
        match self.die(3) {
            0 => Outcome::Value(self.one_of(&[0, 1, -1, i64::MAX])),
            1 => Outcome::Errno(Errno::EAGAIN),
            _ => Outcome::Eof,
        }
    }

    fn reported(&mut self) -> Seen {
        if self.die(6) == 0 {
            return Seen::Errno(Errno::EINTR);
        }
        let bits = [Mask::IN, Mask::OUT, Mask::HUP, NVAL];
        Seen::Events(self.entries(&bits))
    }

    fn entries(&mut self, bits: &[Mask]) -> Vec<Entry> {
        if self.labels.is_empty() {
            return Vec::new();
        }
        self.some(3, |m| Entry { label: m.any_label(), mask: m.mask(bits) })
    }

    /// Expectations; `fails`: an error, so that the labels of the step are not made.
    fn expect(&mut self, action: &Action, fails: bool) -> Expect {
        let mut expect = Expect::default();
        let value = Outcome::Value(i64::from(self.die(9)));
        expect.ret = if fails { Some(Outcome::Errno(Errno::EBADF)) } else { Some(value) };
        let by_main = match action {
            Action::Wait(wait) => wait.thread.is_none(),
            Action::Poll(scan) | Action::Select(scan) => scan.thread.is_none(),
            _ => false,
        };
        if by_main && !fails {
            expect.events = self.maybe(Self::reported).filter(|s| matches!(s, Seen::Events(_)));
        }
        if let Some(ep) = self.label(|_, kind| kind == ActorKind::Epoll) {
            let list = |m: &mut Self| m.entries(&[]).into_iter().map(|e| e.label).collect();
            expect.rdl = self.maybe(list).map(|list| (ep.clone(), list)).into_iter().collect();
            expect.ovf = self.maybe(list).map(|list| (ep.clone(), list)).into_iter().collect();
            let bits = [Mask::IN, Mask::ALWAYS, Mask::ET];
            let mut entries = self.entries(&bits);
            entries.sort_by(|a, b| (&a.label, a.mask.0).cmp(&(&b.label, b.mask.0)));
            expect.interest = BTreeMap::from([(ep, entries)]);
        }
        if let Some(thread) = self.threads.keys().next().cloned() {
            let woke = self.maybe(Self::reported);
            expect.woke = woke.map(|seen| (thread.clone(), seen)).into_iter().collect();
            let maybe = self.maybe(Self::reported);
            expect.woke_maybe = maybe.map(|seen| (thread.clone(), seen)).into_iter().collect();
            expect.asleep = self.maybe(|_| vec![thread]);
        }
        expect.count = self.some(2, |m| (m.counter(), m.range())).into_iter().collect();
        if self.die(4) == 0 && !self.labels.is_empty() {
            expect.same = Some([self.any_label(), self.any_label()]);
        }
        expect.less = if self.die(4) == 0 { Some([self.counter(), self.counter()]) } else { None };
        expect
    }

    fn range(&mut self) -> Range {
        let min = u64::from(self.die(9));
        let max = self.maybe(|m| min + u64::from(m.die(3)));
        Range { min, max }
    }

    fn ask(&mut self, action: &Action) -> Option<Ask> {
        let text = self.text();
        let silent = *action == Action::Note;
        let answer = match self.die(4) {
            0 if !silent => Answer::Free {
                take: Take::Ret,
                right: Given::Outcome(Outcome::Value(i64::from(self.die(5)))),
            },
            1 if !silent => {
                let label = self.label(|_, _| true)?;
                let right = Given::Mask(self.mask(&[Mask::IN, Mask::HUP, NVAL]));
                Answer::Free { take: Take::Mask(label), right }
            }
            2 if !silent => Answer::Free {
                take: Take::Count(self.counter()),
                right: Given::Outcome(Outcome::Value(3)),
            },
            _ => {
                let (count, right) = (2 + self.die(3), self.die(2));
                let with = !silent && self.coin();
                let when =
                    |n: u32| Expect { ret: Some(Outcome::Value(n.into())), ..Expect::default() };
                let choice = |n: u32| Choice {
                    text: format!("{n} \"x\""),
                    when: with.then(|| when(n)),
                    right: n == right,
                };
                Answer::Choice((0..count).map(choice).collect())
            }
        };
        Some(Ask { text, answer })
    }
}
