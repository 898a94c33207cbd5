//! What a session begins with, and so do a recording of it and a stream.

use serde::{Deserialize, Serialize};

use super::{LaneId, Settings, TimeUnit};

/// What does not change during a session and is known before its first event.
///
/// ```
/// use epollscope::event::{Header, TimeUnit};
///
/// let header = Header { kernel: "Linux 6.18.1".to_owned(), ..Header::default() };
/// assert_eq!((header.format, header.clock), (Header::FORMAT, TimeUnit::Nanoseconds));
///
/// // It is plain data: a recording begins with it as a line of JSON.
/// let line = serde_json::to_string(&header).unwrap();
/// assert_eq!(serde_json::from_str::<Header>(&line).unwrap(), header);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of what follows: [`Header::FORMAT`] as this program writes it.
    pub format: u32,
    /// The kernel's name and release (uname(2)): `Linux 6.18.1`; empty if there is none behind it.
    pub kernel: String,
    /// What the times of its events count.
    pub clock: TimeUnit,
    /// When the clock read zero, in nanoseconds since the Epoch (time(7)); `None` if that means
    /// nothing.
    pub epoch: Option<u64>,
    /// How the server was set at the start; the default where there is no server.
    pub options: Settings,
    /// Whom its events come from.
    pub witnesses: Vec<Witness>,
    /// The names that threads have from the start; the others are `T1`, `T2`, ...
    pub lanes: Vec<(LaneId, String)>,
    /// What is shown of the process.
    pub facts: Facts,
}

impl Header {
    /// The version of the format that this program writes.
    pub const FORMAT: u32 = 1;
}

impl Default for Header {
    fn default() -> Self {
        Self {
            format: Self::FORMAT,
            kernel: String::new(),
            clock: TimeUnit::default(),
            epoch: None,
            options: Settings::default(),
            witnesses: Vec::new(),
            lanes: Vec::new(),
            facts: Facts::default(),
        }
    }
}

/// Somebody whom events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Witness {
    /// The threads that make the calls: their arguments, results and times.
    Calls,
    /// The edge log (F_SETSIG, fcntl(2)): each wake-up of a watched socket.
    WakeupLog,
    /// `/proc/PID/fdinfo/EPFD` (proc(5)): the interest list.
    Fdinfo,
    /// FIONREAD, SIOCOUTQ, `TCP_INFO`: how long the queues of a file are.
    Queues,
    /// `/proc/PID/task/TID` (proc(5)): who sleeps in which call.
    Tasks,
    /// A model of the kernel that made the same calls: the ready list, the overflow list, the wait
    /// queue.
    Model,
}

/// What does not change during a run and is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where clients can connect: `127.0.0.1:8000`, `/tmp/echo.sock`.
    pub addresses: Vec<String>,
    /// What to type in another window: `telnet 127.0.0.1 8000`.
    pub invitation: String,
    /// The process id.
    pub pid: u32,
    /// Soft limit of descriptors before and after it was raised.
    pub descriptors: (u64, u64),
    /// Reachable from other machines.
    pub lan: bool,
}
