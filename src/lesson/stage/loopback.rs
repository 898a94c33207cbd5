//! Whether anything is still on its way over the loopback interface.
//!
//! What a process sends to itself usually arrives before the sending call returns. Under load the
//! kernel may leave it to a thread of its own; then a step waits until it has arrived, or until
//! nothing moves any more: data behind a full buffer stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::event::FileId;
use crate::sys::socket::{self, TcpInfo};

use super::table::Table;

/// `TCP_ESTABLISHED` and others of `<netinet/tcp.h>`
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const FIN_WAIT1: u8 = 4;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

/// Nothing that is still going to arrive stands still for so long.
const STILL: Duration = Duration::from_millis(20);
/// Nothing is waited for longer.
const AT_MOST: Duration = Duration::from_millis(500);
/// How often it is looked.
const PAUSE: Duration = Duration::from_micros(100);
/// Who is woken by what arrived late is woken by then.
const LATER: Duration = Duration::from_millis(1);

/// One end of a TCP connection.
#[derive(Clone, Debug, Default)]
struct End {
    /// A client: the listener that it connects to.
    listener: Option<FileId>,
    /// The other end, once it is known.
    peer: Option<FileId>,
    /// Bytes written into it.
    written: u64,
    /// It sent its end of the stream.
    finished: bool,
    /// It was reset.
    reset: bool,
    /// Its connection was made.
    made: bool,
}

/// What is known of the connections of a case.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    ends: BTreeMap<FileId, End>,
    /// The clients by their ports.
    ports: BTreeMap<u16, FileId>,
    /// How many connections each listener has given away.
    accepted: BTreeMap<FileId, u64>,
    /// What was found to stay as it is.
    stuck: Option<Vec<(FileId, TcpInfo)>>,
}

impl Loopback {
    /// A client with this port connects to a listener, or to nobody.
    pub(crate) fn connects(&mut self, client: FileId, port: u16, listener: Option<FileId>) {
        self.ends.insert(client, End { listener, ..End::default() });
        self.ports.insert(port, client);
    }

    /// A listener gave away a connection with the client that has this port.
    pub(crate) fn accepted(&mut self, listener: FileId, new: FileId, port: u16) {
        *self.accepted.entry(listener).or_default() += 1;
        let client = self.ports.get(&port).copied();
        if let Some(end) = client.and_then(|client| self.ends.get_mut(&client)) {
            end.peer = Some(new);
            end.made = true;
        }
        self.ends.insert(new, End { peer: client, made: true, ..End::default() });
    }

    /// Bytes were written into a connection.
    pub(crate) fn wrote(&mut self, file: FileId, bytes: u64) {
        if let Some(end) = self.ends.get_mut(&file) {
            end.written += bytes;
        }
    }

    /// A connection was shut for writing, or closed for good.
    pub(crate) fn finished(&mut self, file: FileId) {
        if let Some(end) = self.ends.get_mut(&file) {
            end.finished = true;
        }
    }

    /// A connection was reset by its last close.
    pub(crate) fn reset(&mut self, file: FileId) {
        if let Some(end) = self.ends.get_mut(&file) {
            end.reset = true;
        }
    }

    /// Waits until everything has arrived, or nothing moves any more. How long that took, unless
    /// the machine alone was to blame: for what did not come, or for an acknowledgement, which TCP
    /// holds back.
    pub(crate) fn wait(&mut self, table: &Table) -> Duration {
        self.forget(table);
        if self.ends.is_empty() {
            return Duration::ZERO;
        }
        let begin = Instant::now();
        let mut since = begin;
        let mut last = Vec::new();
        let mut held_back = false;
        while !self.has_arrived(table) {
            let now = self.look(table);
            held_back |= acks_are_awaited(&now);
            if self.stuck.as_ref() == Some(&now) {
                return Duration::ZERO;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > patience(&now) || begin.elapsed() > AT_MOST {
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
    fn look(&self, table: &Table) -> Vec<(FileId, TcpInfo)> {
        let listeners: BTreeSet<_> = self.ends.values().filter_map(|end| end.listener).collect();
        let all = self.ends.keys().chain(&listeners);
        all.filter_map(|file| info(table, *file).map(|info| (*file, info))).collect()
    }

    fn has_arrived(&mut self, table: &Table) -> bool {
        for (file, end) in &mut self.ends {
            let Some(info) = info(table, *file) else { continue };
            if info.state == SYN_SENT || awaits_ack(&info) {
                return false;
            }
            end.made |= info.state == ESTABLISHED;
        }
        self.ends.iter().all(|(file, end)| self.received(table, *file, end)) && self.queued(table)
    }

    /// Whether all that the peer of `end` has sent is there.
    fn received(&self, table: &Table, file: FileId, end: &End) -> bool {
        let Some((peer, id)) = end.peer.and_then(|id| Some((self.ends.get(&id)?, id))) else {
            return true;
        };
        let Some(info) = info(table, file) else { return true };
        if peer.reset {
            return info.state == CLOSE;
        }
        let unsent = self::info(table, id).map_or(0, |peer| u64::from(peer.unsent));
        let fin = peer.finished && unsent == 0;
        let ended = matches!(info.state, TIME_WAIT | CLOSE | CLOSE_WAIT | LAST_ACK | CLOSING);
        info.state == CLOSE
            || (info.received >= peer.written.saturating_sub(unsent) && (ended || !fin))
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

/// For how long nothing may move: an acknowledgement may wait for data to go with.
fn patience(now: &[(FileId, TcpInfo)]) -> Duration {
    if acks_are_awaited(now) { AT_MOST } else { STILL }
}

fn acks_are_awaited(now: &[(FileId, TcpInfo)]) -> bool {
    now.iter().any(|(_, info)| awaits_ack(info))
}

fn info(table: &Table, file: FileId) -> Option<TcpInfo> {
    let fd = table.file(file)?.fds.first()?;
    socket::tcp_info(fd.0).ok()
}
