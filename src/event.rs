//! The one vocabulary: ids, masks, calls, events, commands, and how bytes are made visible.
//!
//! Everything that crosses between the parts of the program is one of these types. This module
//! imports nothing of ours, and knows no clock, file, socket, thread, or terminal.

mod backend;
mod command;
mod errno;
mod export;
mod file;
mod gate_step;
mod go;
mod header;
mod ids;
mod kind;
mod mask;
mod near;
mod read;
mod ring;
mod settings;
mod syscall;
mod viewpoint;
mod visible;
mod vocabulary;

pub use backend::{Backend, SwitchPhase};
pub use command::{
    Command, CommandError, Direction, GRAMMAR, Order, ReplaySpeed, Scope, ScreenCommand, Target,
    VALUES, View, parse_duration, print_duration,
};
pub use errno::Errno;
pub use export::ExportKind;
pub use file::{FdinfoEntry, FileKind};
pub use gate_step::GateStep;
pub use go::{GoChange, GoId, GoWait, NetpollMode};
pub use header::{Facts, Header, Witness};
pub use ids::{Fd, FileId, LaneId, Nanos, Seq, TimeUnit, WatchKey};
pub use kind::{CommandPhase, ConnState, Event, Kind, LaneChange, Pass, Queues, Refusal, Wakeup};
pub use mask::{Arm, Mask, Trigger};
pub use near::{likeness, nearest};
pub use read::{FileRead, ListEntries, ListRead, Provenance, Reason, ThreadSeen, WatchRead};
pub use ring::{Admitted, Cqe, RingHeads, RingOp, RingRead, RingState, Sqe};
pub use settings::{
    AcceptPolicy, Application, Mistake, Mistakes, ReadPolicy, Settings, WakeupLogMode,
};
pub use syscall::{
    Argument, Arguments, CtlOp, Delivery, Domain, HEAD, Head, How, OpenPath, Output, Peer, PollFd,
    PollSet, Ret, Setup, SocketOption, SocketType, Syscall, SyscallRecord, WakeupLog,
};
pub use viewpoint::Viewpoint;
pub use visible::visible;
pub(crate) use vocabulary::vocabulary;
