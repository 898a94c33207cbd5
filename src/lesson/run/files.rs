//! Calls on files that do not wait: reading and writing, opening and closing, connecting.

use crate::event::{
    Errno, Fd, FileKind, How, Kind, LaneId, Nanos, Output, Peer, Ret, SocketOption, Syscall,
    SyscallRecord,
};
use crate::lesson::case::{Actor, ActorKind, Counter, FdArg, Label, SockOpt, Target, Who};
use crate::lesson::stage::files::buffer;
use crate::lesson::stage::job::Answer;
use crate::lesson::stage::{MAIN, NewFd};
use crate::sim::Place;

use super::act::{outcome, ret, strange};
use super::step::Doing;
use super::time::nanos;
use super::{RunError, Runner};

impl Runner {
    // --- opening

    /// `new`
    pub(super) fn new_actor(&mut self, doing: &mut Doing, actor: &Actor) -> Result<(), RunError> {
        let labels = actor.labels();
        labels.iter().try_for_each(|label| self.is_free(label))?;
        self.leave_room(labels.len())?;
        if actor.kind == ActorKind::Epoll {
            self.stage.has_epolls(labels.len())?;
        }
        for name in actor.members() {
            let ends = u32::try_from(actor.kind.ends().len()).unwrap_or(0);
            let model = if self.has_room_for(ends) { Ok(0) } else { Err(Errno::EMFILE) };
            let kernel = self.new_member(doing, &name, actor.kind).map(|()| 0);
            doing.result(outcome(kernel), outcome(model));
            if kernel.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// One member of an actor: its descriptors, by kernel and model.
    pub(super) fn new_member(
        &mut self,
        doing: &mut Doing,
        name: &Label,
        kind: ActorKind,
    ) -> Result<(), Errno> {
        let expected: Vec<_> =
            (0u32..).take(kind.ends().len()).map(|skip| self.stage.table().free(skip)).collect();
        let (made, calls) = self.stage.make(name, kind);
        for made in calls {
            self.counters.call(made.ret.errno());
            doing.made(MAIN, made);
        }
        let ends = made?;
        let numbers: Vec<_> = ends.iter().map(|end| end.fd).collect();
        let text = |fds: &Vec<Fd>| format!("{:?}", fds.iter().map(|fd| fd.0).collect::<Vec<_>>());
        doing.found.both(|| format!("the numbers of {name}"), &numbers, &expected, text);
        self.install(kind, &ends);
        for end in ends {
            let NewFd { label, fd, file, what } = end;
            let open = Kind::Open { fd, file, what, name: label.as_str().into() };
            doing.tell(self.now(), LaneId::TOOL, open);
        }
        Ok(())
    }

    /// The model gets what the kernel gave.
    fn install(&mut self, kind: ActorKind, ends: &[NewFd]) {
        let mut places = ends.iter().map(|end| Place { fd: end.fd, file: end.file });
        let Some(first) = places.next() else { return };
        let second = places.next().unwrap_or(first);
        let sndbuf = || buffer(first.fd, SockOpt::SndBuf).unwrap_or(0);
        if kind == ActorKind::File {
            self.regular.insert(first.file);
        }
        let model = &mut self.machine;
        match kind {
            ActorKind::Epoll => model.epoll(first),
            ActorKind::Pipe { size } => model.pipe(first, second, size),
            ActorKind::Eventfd { value, semaphore } => {
                model.eventfd(first, value.into(), semaphore);
            }
            ActorKind::Timerfd => model.timerfd(first),
            ActorKind::Pair { .. } => model.unix_pair(first, second, sndbuf()),
            ActorKind::Dgram { .. } => model.datagram_pair(first, second, sndbuf()),
            ActorKind::Udp => model.udp_pair(first, second),
            ActorKind::Listener { backlog } => model.listener(first, backlog),
            ActorKind::Client => model.tcp(first),
            ActorKind::File | ActorKind::Null => model.plain(first),
            ActorKind::Dir => model.directory(first),
        }
    }

    /// accept4(2)
    pub(super) fn accept(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        name: &Label,
        who: Option<&Who>,
    ) -> Result<(), RunError> {
        self.leave_room(1)?;
        let lane = self.caller(doing, who)?;
        let listener = self.stage.number(fd)?;
        let at = Place { fd: self.stage.table().free(0), file: self.stage.table().next_file() };
        let full = !self.has_room_for(1);
        let (new, done) = self.stage.accept(lane, listener, name)?;
        self.counters.add(Counter::Accepts, 1);
        self.counters.call(new.as_ref().err().copied());
        let model = if full && self.machine.file_under(listener).is_some() {
            Err(Errno::EMFILE)
        } else {
            let file = new.as_ref().map_or(at.file, |new| new.file);
            self.machine.accept(listener, Place { file, ..at })
        };
        if let Ok(new) = &new {
            self.see_accepted(new.fd)?;
        }
        if let Ok(new) = &new {
            let text = |fd: &Fd| fd.to_string();
            doing.found.both(|| format!("the number of {name}"), &new.fd, &at.fd, text);
        }
        let value = new.as_ref().map(|new| u64::from(new.fd.0.unsigned_abs())).map_err(|e| *e);
        let output = match &new {
            Ok(new) => Output::Accepted { file: new.file, peer: Peer::Unknown },
            Err(_) => Output::None,
        };
        doing.returned(lane, Syscall::Accept { fd: listener }, &done, ret(value), output);
        if let Ok(NewFd { label, fd, file, what }) = new {
            let open = Kind::Open { fd, file, what, name: label.as_str().into() };
            doing.tell(done.ended, LaneId::TOOL, open);
        }
        doing.result(outcome(value.map(|_| 0)), outcome(model.map(|()| 0)));
        Ok(())
    }

    /// dup(2)
    pub(super) fn dup(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        name: &Label,
    ) -> Result<(), RunError> {
        self.is_free(name)?;
        self.leave_room(1)?;
        let of = self.stage.number(fd)?;
        let (at, full) = (self.stage.table().free(0), !self.has_room_for(1));
        let started = self.now();
        let copy = self.stage.dup(of, name).map(|(fd, _)| fd);
        let ended = self.now();
        self.counters.call(copy.err());
        let model = if full && self.machine.file_under(of).is_some() {
            Err(Errno::EMFILE)
        } else {
            self.machine.dup(of, at)
        };
        if let Ok(copy) = &copy {
            let text = |fd: &Fd| fd.to_string();
            doing.found.both(|| format!("the number of {name}"), copy, &at, text);
        }
        let value = copy.map(|fd| u64::from(fd.0.unsigned_abs()));
        told(doing, MAIN, Syscall::Dup { fd: of }, (started, ended), ret(value));
        doing.result(outcome(value.map(|_| 0)), outcome(model.map(|()| 0)));
        Ok(())
    }

    // --- closing

    /// close(2)
    pub(super) fn close(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        fd: &FdArg,
        reset: bool,
    ) -> Result<(), RunError> {
        let number = self.stage.number(fd)?;
        let done = self.stage.close(lane, number, reset)?;
        let Answer::Number(kernel) = done.answer else { return Err(strange()) };
        self.counters.call(kernel.err());
        self.see_flow(number)?;
        let model = if reset { self.machine.reset(number) } else { self.machine.close(number) };
        doing.returned(lane, Syscall::Close { fd: number }, &done, ret(kernel), Output::None);
        doing.result(outcome(kernel), outcome(model.map(|()| 0)));
        Ok(())
    }

    /// `SO_LINGER` with 0 seconds, then close(2).
    pub(super) fn reset(&mut self, doing: &mut Doing, fd: &FdArg) -> Result<(), RunError> {
        let number = self.stage.number(fd)?;
        let (set, calls) = self.stage.set_option(number, SocketOption::Linger(0));
        for made in calls {
            self.counters.call(made.ret.errno());
            doing.made(MAIN, made);
        }
        if set.is_ok() {
            return self.close(doing, MAIN, fd, true);
        }
        // The model refuses this option like any other.
        let model = self.machine.rcvbuf(number, 0);
        doing.result(outcome(set.map(|()| 0)), outcome(model.map(|()| 0)));
        Ok(())
    }

    /// shutdown(2)
    pub(super) fn shutdown(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        how: How,
    ) -> Result<(), RunError> {
        let number = self.stage.number(fd)?;
        let started = self.now();
        let kernel = self.stage.shutdown(number, how).map(|()| 0);
        let ended = self.now();
        self.counters.call(kernel.err());
        self.see_flow(number)?;
        let model = self.machine.shutdown(number, how).map(|()| 0);
        let call = Syscall::Shutdown { fd: number, how };
        told(doing, MAIN, call, (started, ended), ret(kernel));
        doing.result(outcome(kernel), outcome(model));
        Ok(())
    }

    /// The number of a listener to connect to; it may have been shut down.
    fn listener(&self, label: &Label) -> Result<Fd, RunError> {
        let table = self.stage.table();
        let open = table.number_of(label).filter(|_| table.is_open(label));
        let fd = open.ok_or_else(|| RunError::Refused(format!("{label} is closed")))?;
        if self.kind(fd) != Some(FileKind::Listener) {
            return Err(RunError::Refused(format!("{label} is no listener to connect to")));
        }
        Ok(fd)
    }

    /// connect(2): EINPROGRESS is its ordinary result, and counts as 0.
    pub(super) fn connect(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        to: &Target,
    ) -> Result<(), RunError> {
        let client = self.stage.number(fd)?;
        let listener = match to {
            Target::Nobody => None,
            Target::Listener(label) => Some(self.listener(label)?),
        };
        if self.kind(client) == Some(FileKind::Udp) {
            let why = format!("{fd} is a UDP socket, which is connected to its peer for good");
            return Err(RunError::Refused(why));
        }
        let (kernel, calls) = self.stage.connect(client, listener)?;
        for made in calls {
            self.counters.call(made.ret.errno());
            doing.made(MAIN, made);
        }
        let kernel = match kernel {
            Err(errno) if errno == Errno(nix::libc::EINPROGRESS) => Ok(0),
            other => other.map(|()| 0),
        };
        let model = self.machine.connect(client, listener).map(|()| 0);
        doing.result(outcome(kernel), outcome(model));
        Ok(())
    }

    /// timerfd_settime(2)
    pub(super) fn arm(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        ms: u32,
        interval: u32,
    ) -> Result<(), RunError> {
        let number = self.stage.number(fd)?;
        self.sync();
        let (kernel, calls) = self.stage.arm(number, ms, interval);
        for made in calls {
            self.counters.call(made.ret.errno());
            doing.made(MAIN, made);
        }
        let (first, every) = (Nanos(nanos(ms)), Nanos(nanos(interval)));
        let model = self.machine.arm(number, first, every).map(|()| 0);
        self.timer_started();
        doing.result(outcome(kernel.map(|()| 0)), outcome(model));
        Ok(())
    }

    /// setsockopt(2)
    pub(super) fn set_option(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        option: SockOpt,
        value: u32,
    ) -> Result<(), RunError> {
        let number = self.stage.number(fd)?;
        let (kernel, calls) = self.stage.set_option(number, option.with(value));
        for made in calls {
            self.counters.call(made.ret.errno());
            doing.made(MAIN, made);
        }
        let given = buffer(number, option).unwrap_or(value);
        if option == SockOpt::SndBuf {
            // With what it makes of it there may be room.
            self.tell_flows();
        }
        let model = match option {
            SockOpt::RcvLowat => self.machine.rcvlowat(number, given),
            SockOpt::SndBuf => self.machine.sndbuf(number, given),
            SockOpt::RcvBuf => self.machine.rcvbuf(number, given),
        };
        doing.result(outcome(kernel.map(|()| 0)), outcome(model.map(|()| 0)));
        Ok(())
    }
}

/// A call that the stage made itself returned.
pub(super) fn told(
    doing: &mut Doing,
    lane: LaneId,
    call: Syscall,
    (started, ended): (Nanos, Nanos),
    ret: Ret,
) {
    let record = SyscallRecord { call, ret, output: Output::None, started };
    doing.tell(ended, lane, Kind::Return(record));
}
