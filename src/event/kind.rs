//! What can happen.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Admitted, Backend, Cqe, Fd, FileId, FileKind, FileRead, GateStep, GoChange, GoId, Head, LaneId,
    ListRead, Mask, Nanos, Provenance, RingOp, RingRead, Seq, Settings, Sqe, SwitchPhase, Syscall,
    SyscallRecord, ThreadSeen, WakeupLog, vocabulary,
};

/// Something that happened, once, at one time, in one lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// Position in the one order of all events.
    pub seq: Seq,
    /// When. For a call that returned, the time of the return.
    pub t: Nanos,
    /// Whose: a server thread, or the tool itself.
    pub lane: LaneId,
    /// What.
    pub kind: Kind,
}

/// Queue lengths of a file as the kernel gave them; `None` where it gave none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Queues {
    /// Bytes to read (FIONREAD); for a listener, connections to accept (`tcpi_unacked`).
    pub unread: Option<u32>,
    /// Bytes not yet acknowledged (SIOCOUTQ); for a listener, the backlog limit (`tcpi_sacked`).
    pub unsent: Option<u32>,
    /// The conditions that the connection's state implies (`TCP_INFO`): RDHUP after a FIN, HUP
    /// when both directions are shut, ERR after a reset; `None` when it was not asked.
    pub state: Option<Mask>,
    /// Whether there is room to write, as poll(2) sees it; `None` when it was not asked.
    pub room: Option<bool>,
}

/// One wake-up of a watched file, from the edge log (F_SETSIG, fcntl(2)): one call of
/// `ep_poll_callback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wakeup {
    /// The file (`si_fd`).
    pub fd: Fd,
    /// The key (`si_band`).
    pub band: Mask,
    /// Bytes to read right after it was noticed, if they were asked for; for a listener,
    /// connections to accept.
    pub unread: Option<u32>,
    /// When they were asked for: the server may have read since, up to the event's time.
    pub counted: Nanos,
    /// The previous look at the log: it happened after this and before the event's time.
    pub after: Nanos,
}

vocabulary! {
    /// What a connection is doing that its queue lengths do not tell.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum ConnState {
        /// Nothing special.
        #[default]
        Open = "open",
        /// The bound of a turn was reached: it is on the server's own list and is read next turn.
        Carried = "carried",
        /// Its output queue is full: it is not read until the peer has read some.
        BackPressure = "back-pressure",
        /// The peer sent its end; what is still queued is being written before the close.
        Flushing = "flushing",
    }
}

/// How far a command has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommandPhase {
    /// Understood and passed on.
    Accepted,
    /// Carried out; with a remark where there is something to say.
    Done(Option<Box<str>>),
    /// Could not be carried out.
    Failed(Box<str>),
}

vocabulary! {
    /// How a thread left the gate.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Pass {
        /// It runs on.
        Run = "run",
        /// It makes one call.
        Step = "step",
        /// It runs on to its next wait.
        Turn = "turn",
    }
}

/// The beginning and end of a server thread.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LaneChange {
    /// It runs, as this task of the kernel (gettid(2)).
    Started {
        /// The task's id, as strace shows it.
        tid: u32,
    },
    /// It was asked to end and did.
    Ended,
    /// It died, of this: a panic and its message, or no epoll instance to live on.
    Died(Box<str>),
}

/// Why a client was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// No descriptor was left (EMFILE, ENFILE).
    NoDescriptor,
    /// The limit of clients in all.
    Clients,
    /// The limit of clients from one address.
    Address,
    /// Its number is not below FD_SETSIZE (select(2)).
    FdSetSize(Fd),
    /// The limit of threads, where each client has one of its own.
    Threads,
    /// The system has refused a thread for it (clone(2)).
    NoThread,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDescriptor => f.write_str("no descriptor left"),
            Self::Clients => f.write_str("too many clients"),
            Self::Address => f.write_str("too many clients from one address"),
            Self::Threads => write!(f, "{} threads is the limit here", LaneId::MAX_THREADS),
            Self::NoThread => f.write_str("the system refused a thread for it"),
            Self::FdSetSize(fd) => write!(f, "fd {fd} is beyond an fd_set, which ends at 1023"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A file became known other than by `accept4`: a listener, the control eventfd.
    Open {
        /// Its number.
        fd: Fd,
        /// The tool's number for it.
        file: FileId,
        /// What it is.
        what: FileKind,
        /// Its address or purpose.
        name: Box<str>,
    },
    /// A call that may sleep was entered.
    Enter(Syscall),
    /// A call returned.
    Return(SyscallRecord),
    /// A watched file was woken.
    Wakeup(Wakeup),
    /// Queue lengths were read from the kernel.
    Arrive {
        /// The file.
        fd: Fd,
        /// What the kernel said.
        queues: Queues,
    },
    /// The edge log was switched, or overflowed (`Skipped`): wake-ups were lost.
    WakeupLog(WakeupLog),
    /// A thread is held at the gate.
    Park {
        /// What it is about to do.
        next: GateStep,
    },
    /// A thread left the gate.
    Unpark(Pass),
    /// A list of a poller was read. Of an instance whose lists are deduced it is compared with what
    /// was deduced, and is right where they differ; else it is what is known.
    ListRead(ListRead),
    /// All open files as they are, before the lists of the same look: what was deduced of files
    /// gives way to it, and a poller whose file is not among them is no more.
    Files {
        /// Who says so.
        by: Provenance,
        /// The files.
        files: Box<[FileRead]>,
    },
    /// An epoll instance exists; its lists follow.
    Poller {
        /// Its open file.
        file: FileId,
        /// Its number; the last one that it had, if that is closed.
        fd: Fd,
        /// What it is called.
        name: Box<str>,
    },
    /// The threads as they are, the main one first, after the lists of the same look.
    Threads(Box<[ThreadSeen]>),
    /// How often the model of a case was compared with its kernel since the start: results, who
    /// returned and who sleeps, interest lists. It ends a look.
    Compared {
        /// Comparisons that agreed.
        agreed: u64,
        /// Comparisons that did not.
        diverged: u64,
    },
    /// The server's settings, at the start and after each change.
    Settings(Settings),
    /// A connection changed to another state.
    Conn {
        /// The connection.
        fd: Fd,
        /// Its state.
        state: ConnState,
        /// Bytes in the server's own output queue for it.
        queued: u32,
    },
    /// The server turns to an event of the batch that its last `epoll_wait` returned.
    Handle {
        /// The number.
        fd: Fd,
        /// The open file that the event names.
        file: FileId,
    },
    /// The server met an event of its batch whose file it had closed meanwhile.
    Stale {
        /// The number, which may name another file by now.
        fd: Fd,
        /// The open file that the event names.
        file: FileId,
        /// Whether the server believed it and acted on the number.
        believed: bool,
    },
    /// The server changed what it passes to poll(2) or select(2).
    Set {
        /// The number.
        fd: Fd,
        /// The open file.
        file: FileId,
        /// What it is asked for from now on; `None`: it is out, and the last one of an array takes
        /// its place.
        events: Option<Mask>,
        /// Its place in the array, from 0; for select(2) the number.
        place: u32,
    },
    /// An operation was written into a ring (io_uring(7)), and is not submitted yet.
    Sqe {
        /// The ring.
        ring: Fd,
        /// What the operation is called; empty if its source names nothing.
        name: Box<str>,
        /// The operation.
        sqe: Sqe,
    },
    /// A completion was taken out of a ring.
    Reap {
        /// The ring.
        ring: Fd,
        /// What its operation is called; empty if its source names nothing.
        name: Box<str>,
        /// What its operation is.
        op: RingOp,
        /// The completion.
        cqe: Cqe,
        /// The first bytes that came with it.
        data: Head,
        /// The connection that came with it.
        admitted: Option<Box<Admitted>>,
    },
    /// A buffer was given back to the kernel, which may choose it from now on.
    Give {
        /// The ring.
        ring: Fd,
        /// Its number.
        buffer: u16,
    },
    /// A ring was read from fdinfo, to be compared with what its operations and completions made
    /// of it.
    Rings {
        /// The ring.
        ring: Fd,
        /// What stands there.
        read: RingRead,
    },
    /// A goroutine of the server came to that; the lane is the thread that brought it about.
    Go {
        /// Which.
        go: GoId,
        /// What it came to.
        what: GoChange,
    },
    /// The server goes over to another way of waiting.
    Backend {
        /// To which.
        to: Backend,
        /// How far it is.
        phase: SwitchPhase,
    },
    /// A client was turned away.
    Refused(Refusal),
    /// A built-in client is connected: the address by which the server knows it.
    Client(Box<str>),
    /// A command moved on.
    Command {
        /// Its number, from 1.
        id: u32,
        /// Its text in the palette's grammar.
        text: Box<str>,
        /// How far it is.
        phase: CommandPhase,
    },
    /// Observations of this lane were lost.
    Gap {
        /// How many records.
        lost: u64,
    },
    /// A server thread began or ended.
    Lane(LaneChange),
    /// Something worth a line that changes no state.
    Note(Box<str>),
    /// The same call was made so many times in a row.
    Measured {
        /// The call.
        call: Syscall,
        /// How often.
        times: u32,
        /// What one of them took.
        each: Nanos,
    },
    /// These threads were found asleep in `epoll_wait` (`/proc/self/task/TID/syscall` and `status`,
    /// proc(5)), and no others.
    Asleep {
        /// Which.
        lanes: Box<[LaneId]>,
        /// When the question was put: they slept at some time after this.
        since: Nanos,
    },
    /// Nothing happened up to this time.
    Idle,
    /// A person wants to find this moment again; with a note, or without.
    Mark(Box<str>),
}

impl Kind {
    /// Whether it is part of a look: something that is read of a source whose files are read.
    pub fn is_look(&self) -> bool {
        matches!(
            self,
            Self::Files { .. }
                | Self::Poller { .. }
                | Self::ListRead(_)
                | Self::Threads(_)
                | Self::Compared { .. }
        )
    }
}

impl Event {
    /// The file that the event is about, if it is about one.
    pub fn fd(&self) -> Option<Fd> {
        match &self.kind {
            Kind::Open { fd, .. }
            | Kind::Arrive { fd, .. }
            | Kind::Conn { fd, .. }
            | Kind::Handle { fd, .. }
            | Kind::Set { fd, .. }
            | Kind::Go { what: GoChange::Spawn { fd, .. }, .. }
            | Kind::Stale { fd, .. } => Some(*fd),
            Kind::Enter(call) => call.fd(),
            Kind::Park { next } => next.fd(),
            Kind::Return(record) => record.call.fd(),
            Kind::Wakeup(wakeup) => Some(wakeup.fd),
            Kind::Sqe { sqe, .. } => Some(sqe.fd).filter(|fd| fd.0 >= 0),
            Kind::Reap { .. }
            | Kind::Give { .. }
            | Kind::Rings { .. }
            | Kind::WakeupLog(_)
            | Kind::Unpark(_)
            | Kind::ListRead(_)
            | Kind::Files { .. }
            | Kind::Poller { .. }
            | Kind::Threads(_)
            | Kind::Compared { .. }
            | Kind::Settings(_)
            | Kind::Backend { .. }
            | Kind::Go { .. }
            | Kind::Refused(_)
            | Kind::Client(_)
            | Kind::Command { .. }
            | Kind::Gap { .. }
            | Kind::Lane(_)
            | Kind::Note(_)
            | Kind::Measured { .. }
            | Kind::Asleep { .. }
            | Kind::Mark(_)
            | Kind::Idle => None,
        }
    }

    /// The call that returned with this event.
    pub fn record(&self) -> Option<&SyscallRecord> {
        match &self.kind {
            Kind::Return(record) => Some(record),
            _ => None,
        }
    }
}
