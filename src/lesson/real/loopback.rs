//! Whether anything is still on its way over the loopback interface.
//!
//! What a process sends to itself usually arrives before the sending call returns. Under load the
//! kernel may leave it to a thread of its own; then a step waits until it has arrived, or until
//! nothing moves any more: data behind a full buffer stays where it is. Once that buffer is empty,
//! the news of it is on its way, and what it lets come.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::event::{Fd, FileId};
use crate::sim::{Flow, Over};
use crate::sys::descriptor::unread_bytes;
use crate::sys::socket::{self, TcpInfo};

use crate::lesson::table::Table;

/// `TCP_ESTABLISHED` and others of `<netinet/tcp.h>`
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

/// Nothing that is still going to arrive stands still for so long. A client that a full queue turned
/// away tries again after a second: a case is over by then.
const STILL: Duration = Duration::from_millis(20);
/// An acknowledgement that is held back and cannot be asked for comes sooner (`TCP_DELACK_MIN`,
/// 40 ms).
const HELD_BACK: Duration = Duration::from_millis(100);
/// Nothing that stands still is waited for longer.
const AT_MOST: Duration = Duration::from_millis(500);
/// Nothing is waited for longer, even if it moves.
const ALTOGETHER: Duration = Duration::from_secs(3);
/// How often it is looked.
const PAUSE: Duration = Duration::from_micros(100);
/// Who is woken by what arrived late is woken by then.
const LATER: Duration = Duration::from_millis(1);

/// What a connection still waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum UnderWay {
    Nothing,
    Data,
    /// An acknowledgement that makes room, which TCP holds back to go with data.
    Room,
    /// What TCP may hold back for longer: a small window waits for a timer.
    Answer,
}

impl UnderWay {
    /// How long it is waited for while nothing moves.
    fn patience(self) -> Duration {
        match self {
            Self::Nothing | Self::Data => STILL,
            Self::Room => HELD_BACK,
            Self::Answer => AT_MOST,
        }
    }
}

/// How an end has ended what it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Last {
    #[default]
    NotYet,
    Fin,
    Reset,
}

/// One end of a TCP connection.
#[derive(Clone, Debug, Default)]
struct End {
    /// A client: the listener that it connects to.
    listener: Option<FileId>,
    /// The other end, once it is known.
    peer: Option<FileId>,
    /// Bytes written into it.
    written: u64,
    /// It took less than it was given, and has not been told of room since.
    full: bool,
    /// What it said at last.
    last: Last,
    /// Its connection was made.
    made: bool,
}

/// What the kernel says of one, and what there is to read from it.
type Look = (FileId, TcpInfo, Option<u32>);

/// What is known of the connections of a case.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    ends: BTreeMap<FileId, End>,
    /// The clients by their ports.
    ports: BTreeMap<u16, FileId>,
    /// How many connections each listener has given away.
    accepted: BTreeMap<FileId, u64>,
    /// What was found to stay as it is.
    stuck: Option<Vec<Look>>,
}

impl Loopback {
    /// A client with this port connects to a listener, or to nobody.
    pub(crate) fn connects(&mut self, client: FileId, port: u16, listener: Option<FileId>) {
        self.ends.insert(client, End { listener, ..End::default() });
        self.ports.insert(port, client);
    }

    /// A listener gave away a connection with the client that has this port; one that was reset
    /// before does not tell any.
    pub(crate) fn accepted(&mut self, listener: FileId, new: FileId, port: Option<u16>) {
        *self.accepted.entry(listener).or_default() += 1;
        let client = port.and_then(|port| self.ports.get(&port).copied());
        if let Some(end) = client.and_then(|client| self.ends.get_mut(&client)) {
            end.peer = Some(new);
            end.made = true;
        }
        self.ends.insert(new, End { peer: client, made: true, ..End::default() });
    }

    /// Bytes were written into a connection: all that was to be, or less.
    pub(crate) fn wrote(&mut self, file: FileId, bytes: u64, all: bool) {
        if let Some(end) = self.ends.get_mut(&file) {
            end.written += bytes;
            end.full |= !all;
        }
    }

    /// A connection was shut for writing, or closed for good.
    pub(crate) fn finished(&mut self, file: FileId) {
        if let Some(end) = self.ends.get_mut(&file) {
            end.last = end.last.max(Last::Fin);
        }
    }

    /// A connection was reset by its last close.
    pub(crate) fn reset(&mut self, file: FileId) {
        if let Some(end) = self.ends.get_mut(&file) {
            end.last = Last::Reset;
        }
    }

    /// Waits until everything has arrived, or nothing moves any more. How long that took, unless
    /// the machine alone was to blame: for what did not come, or for an answer, which TCP holds
    /// back.
    pub(crate) fn wait(&mut self, table: &Table) -> Duration {
        self.forget(table);
        if self.ends.is_empty() {
            return Duration::ZERO;
        }
        let begin = Instant::now();
        let mut since = begin;
        let mut last = Vec::new();
        let mut held_back = false;
        loop {
            let under_way = self.under_way(table);
            if under_way == UnderWay::Nothing {
                break;
            }
            held_back |= under_way >= UnderWay::Room;
            let now = self.look(table);
            if self.stuck.as_ref() == Some(&now) {
                return Duration::ZERO;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > under_way.patience() || begin.elapsed() > ALTOGETHER {
                self.stuck = Some(last);
                return begin.elapsed();
            }
            thread::sleep(PAUSE);
        }
        if !last.is_empty() {
            // It arrived in another context, which may still have to wake whom it must.
            thread::sleep(LATER);
        }
        if held_back { begin.elapsed() } else { Duration::ZERO }
    }

    /// Connections that nobody has any more are nothing to wait for.
    fn forget(&mut self, table: &Table) {
        let is_open = |file: FileId| table.file(file).is_some_and(|file| !file.fds.is_empty());
        let accepted = &mut self.accepted;
        self.ends.retain(|file, end| {
            let kept = is_open(*file) || end.peer.or(end.listener).is_some_and(is_open);
            // Each that was given away was counted as made.
            if let (false, Some(_), Some(listener)) = (kept, end.peer, end.listener)
                && let Some(count) = accepted.get_mut(&listener)
            {
                *count = count.saturating_sub(1);
            }
            kept
        });
        let ends = &self.ends;
        self.ports.retain(|_, file| ends.contains_key(file));
    }

    /// What the kernel says of every connection and listener that is open.
    fn look(&self, table: &Table) -> Vec<Look> {
        let listeners: BTreeSet<_> = self.ends.values().filter_map(|end| end.listener).collect();
        let all = self.ends.keys().chain(&listeners);
        all.filter_map(|file| Some((*file, info(table, *file)?, unread(table, *file)))).collect()
    }

    /// What has been sent and is not there yet.
    fn under_way(&mut self, table: &Table) -> UnderWay {
        let mut what = UnderWay::Nothing;
        for (file, end) in &mut self.ends {
            let Some(info) = info(table, *file) else { continue };
            if info.state == SYN_SENT {
                what = what.max(UnderWay::Data);
            } else if awaits_ack(&info) {
                ask(table, end.peer);
                what = UnderWay::Answer;
            } else if awaits_room(table, *file, &info) {
                ask(table, end.peer);
                if self::info(table, *file).is_some_and(|info| info.unacked > 0) {
                    what = what.max(UnderWay::Room);
                }
            }
            end.made |= info.state == ESTABLISHED;
            end.full &= info.unsent > 0 || info.unacked > 0;
        }
        if self.room_is_coming(table) {
            what = UnderWay::Answer;
        }
        let all = self.ends.iter().all(|(file, end)| self.received(table, *file, end));
        if all && self.queued(table) { what } else { what.max(UnderWay::Data) }
    }

    /// Whether all is read at one end while the other has more to send, or was refused.
    fn room_is_coming(&self, table: &Table) -> bool {
        let open = |file| info(table, file).filter(|info| info.state != CLOSE);
        self.ends.iter().any(|(file, end)| {
            let Some((peer, info)) = end.peer.zip(open(*file)) else { return false };
            let more = info.unsent > 0 || (info.unacked > 0 && end.full);
            more && open(peer).is_some() && unread(table, peer) == Some(0)
        })
    }

    /// Whether all that the peer of `end` has sent is there.
    fn received(&self, table: &Table, file: FileId, end: &End) -> bool {
        let Some((peer, id)) = end.peer.and_then(|id| Some((self.ends.get(&id)?, id))) else {
            return true;
        };
        let Some(info) = info(table, file) else { return true };
        if peer.last == Last::Reset {
            return info.state == CLOSE;
        }
        let unsent = self::info(table, id).map_or(0, |peer| u64::from(peer.unsent));
        let fin = peer.last == Last::Fin && unsent == 0;
        let ended = matches!(info.state, TIME_WAIT | CLOSE | CLOSE_WAIT | LAST_ACK | CLOSING);
        info.state == CLOSE
            || (info.received >= peer.written.saturating_sub(unsent) && (ended || !fin))
    }

    /// The ends of connections that a full window holds back: not all that was sent is there, or
    /// there is no room to send.
    pub(crate) fn held_back(&self, table: &Table) -> BTreeSet<FileId> {
        let mut held = BTreeSet::new();
        for (file, end) in &self.ends {
            if is_held_back(table, *file, end) {
                held.extend([Some(*file), end.peer].into_iter().flatten());
            }
        }
        held
    }

    /// The connections that are open, with what the kernel says of each.
    pub(crate) fn flows(&self, table: &Table) -> Vec<(FileId, Fd, Flow)> {
        let flow = |file: &FileId| {
            let fd = number(table, *file)?;
            let info = info(table, *file).filter(|info| info.state != SYN_SENT)?;
            let flow = Flow {
                received: info.received,
                over: match info.state {
                    FIN_WAIT2 | TIME_WAIT => Over::Acknowledged,
                    CLOSE => Over::Closed,
                    _ => Over::No,
                },
                pressed: pressed(fd, &info),
                writable: writable(table, *file, &info),
            };
            Some((*file, fd, flow))
        };
        self.ends.keys().filter_map(flow).collect()
    }

    /// Whether every connection that was made stands in the queue of its listener, or stood.
    fn queued(&self, table: &Table) -> bool {
        let listeners: BTreeSet<_> = self.ends.values().filter_map(|end| end.listener).collect();
        listeners.into_iter().all(|listener| {
            let made = |end: &&End| end.listener == Some(listener) && end.made;
            let made = self.ends.values().filter(made).count() as u64;
            let given = self.accepted.get(&listener).copied().unwrap_or(0);
            info(table, listener).is_none_or(|info| u64::from(info.unacked) + given >= made)
        })
    }
}

/// Whether the end of the stream was sent and not acknowledged: when it is, the socket is woken.
fn awaits_ack(info: &TcpInfo) -> bool {
    let sent = matches!(info.state, FIN_WAIT1 | CLOSING | LAST_ACK);
    sent && info.unacked > 0 && info.unsent == 0
}

/// Whether not all that an end of a connection sent is there, or it has no room to send.
fn is_held_back(table: &Table, file: FileId, end: &End) -> bool {
    let own = info(table, file);
    let over = |info: &TcpInfo| matches!(info.state, SYN_SENT | CLOSE);
    let peer = end.peer.and_then(|peer| info(table, peer));
    if end.last == Last::Reset || own.iter().chain(&peer).any(over) {
        return false;
    }
    let sent = end.written + u64::from(end.last == Last::Fin);
    let behind = match (own, peer) {
        (_, Some(peer)) => sent > peer.received,
        (Some(own), None) => own.unsent > 0,
        (None, None) => false,
    };
    behind || own.is_some_and(|own| !writable(table, file, &own))
}

/// Whether an acknowledgement of what was sent lets more be sent, or be written.
fn awaits_room(table: &Table, file: FileId, info: &TcpInfo) -> bool {
    info.unacked > 0 && (info.unsent > 0 || !writable(table, file, info))
}

/// Asks the other end not to hold back what it has to acknowledge.
fn ask(table: &Table, peer: Option<FileId>) {
    if let Some(fd) = peer.and_then(|peer| number(table, peer)) {
        // It comes later where it cannot be asked for.
        let _asked = socket::acknowledge(fd.0);
    }
}

/// Whether poll calls it writable. A look by poll itself would leave a trace (SOCK_NOSPACE).
fn writable(table: &Table, file: FileId, info: &TcpInfo) -> bool {
    let memory = number(table, file).and_then(|fd| socket::memory(fd.0).ok());
    // Linux before 4.12 does not tell.
    memory.map_or(info.unsent == 0 && info.unacked == 0, socket::Memory::is_writable)
}

/// Whether its receive buffer is nearly used up, so that SO_RCVLOWAT does not count
/// (`tcp_epollin_ready`).
fn pressed(fd: Fd, info: &TcpInfo) -> bool {
    let full = |memory: socket::Memory| memory.received > memory.room - memory.room / 8;
    socket::memory(fd.0).is_ok_and(full)
        || info.own_window.is_some_and(|window| window <= info.segment)
}

fn number(table: &Table, file: FileId) -> Option<Fd> {
    table.file(file)?.fds.first().copied()
}

fn info(table: &Table, file: FileId) -> Option<TcpInfo> {
    socket::tcp_info(number(table, file)?.0).ok()
}

/// Bytes to read; a listener has none.
fn unread(table: &Table, file: FileId) -> Option<u32> {
    unread_bytes(number(table, file)?.0).ok()
}
