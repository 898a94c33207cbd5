//! A whole picture, told by a source that knows every list: a case or a lesson, whose calls are
//! all known in advance, or a reader of the kernel's own memory.

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, FileKind, LaneId, Mask, Syscall, WatchKey};

/// Why an entry stands on the ready list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Bytes arrived; how many were unread then, if known.
    Arrived(Option<u32>),
    /// A connection waits to be accepted; how many waited then, if known.
    Connection(Option<u32>),
    /// There is room to write again.
    Room,
    /// The peer closed or reset its end.
    PeerClosed,
    /// The eventfd was written.
    Signalled,
    /// The timer expired.
    Expired,
    /// A watched epoll instance has something on its own ready list.
    Inner,
    /// The file was found ready by the poll that ADD makes.
    AtAdd,
    /// The file was found ready by the poll that MOD makes.
    AtMod,
    /// Level-triggered: put back at the tail when it was reported.
    PutBack,
    /// Woken twice around one harvest: it is listed if the later one came after it.
    Perhaps,
    /// Woken with a key that fits none of the above; the empty mask is a wake-up without a key.
    Woken(Mask),
}

/// Where a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListSource {
    /// Read from the kernel's memory.
    Kernel,
    /// Deduced by the model.
    Model,
}

/// One registration of a [`ToldInstance`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToldWatch {
    /// The open file and the number.
    pub key: WatchKey,
    /// `epoll_event.events` as the kernel keeps it: ERR and HUP included, and only the private bits
    /// after a one-shot report.
    pub mask: Mask,
    /// What it is called: the name that it was registered under.
    pub name: Box<str>,
}

/// An epoll instance with all its lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToldInstance {
    /// Its number; the last one that it had, if that is closed.
    pub fd: Fd,
    /// Its open file.
    pub file: FileId,
    /// What it is called.
    pub name: Box<str>,
    /// The interest list (rbr), in the order of the registrations.
    pub interest: Box<[ToldWatch]>,
    /// Whether the interest list was read from the kernel (fdinfo) just now.
    pub interest_read: bool,
    /// The ready list (rdllist), head first, with the reason of each.
    pub ready: Box<[(WatchKey, Reason)]>,
    /// The overflow list (ovflist), newest first; `None` while no harvest is running.
    pub overflow: Option<Box<[WatchKey]>>,
    /// Threads asleep in `epoll_wait` (wq), head first: the first is woken next.
    pub asleep: Box<[LaneId]>,
    /// Where `ready`, `overflow` and `asleep` come from.
    pub source: ListSource,
}

/// An open file as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToldFile {
    /// The tool's number for it.
    pub id: FileId,
    /// What it is.
    pub what: FileKind,
    /// What it is called.
    pub name: Box<str>,
    /// The numbers that name it now.
    pub fds: Box<[Fd]>,
    /// What polling it would answer now, by the model.
    pub poll: Mask,
    /// Bytes to read, connections to accept, the count of an eventfd, the ticks of a timerfd.
    pub unread: Option<u64>,
    /// Bytes that its peer has not read yet.
    pub unsent: Option<u64>,
}

/// A thread of a case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToldThread {
    /// Which lane is its.
    pub lane: LaneId,
    /// What it is called.
    pub name: Box<str>,
    /// The kernel's number for it.
    pub tid: u32,
    /// The call in which it sleeps, if that is no `epoll_wait`.
    pub asleep_in: Option<Syscall>,
}

/// Everything at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Told {
    /// The epoll instances, in the order in which they were made.
    pub instances: Box<[ToldInstance]>,
    /// The open files.
    pub files: Box<[ToldFile]>,
    /// The threads, the main one first.
    pub threads: Box<[ToldThread]>,
    /// Comparisons of model and kernel that agreed, since the start: of results, of who returned and
    /// who sleeps, of interest lists.
    pub agreed: u64,
    /// Comparisons that did not.
    pub diverged: u64,
}
