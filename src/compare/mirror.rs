//! A client of the person's own before every loop at once: its bytes go to all, the first one's
//! answer goes back, the others' are compared with it, and each loop's calls are listed.
//!
//! The servers are the ordinary ones, watched: they tell their calls as lines of JSON.

mod servers;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio_util::sync::CancellationToken;

use self::servers::MirrorServer;
use crate::event::Backend;

/// How often it is looked whether to go on.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that are moved at a time.
const CHUNK: usize = 16_384;
/// Bytes of the answers that are compared; of a longer stream the rest is not.
const COMPARED: usize = 1 << 20;
/// Calls of one line that are kept.
const CALLS: usize = 64;

/// What the mirror tells, in the order in which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorUpdate {
    /// A client can connect there.
    Listening(SocketAddr),
    /// It cannot be had at all: why.
    Failed(String),
    /// That loop has no server: why.
    Refused(usize, String),
    /// A client has connected.
    Connected(SocketAddr),
    /// It sent these bytes.
    Typed(Vec<u8>),
    /// That loop's server made a call: `read = 6`.
    Call(usize, String),
    /// That loop's server answered these bytes.
    Answer(usize, Vec<u8>),
    /// Nothing has happened for a moment.
    Quiet,
    /// The client has gone.
    Gone,
}

/// What the mirror has seen of a loop.
#[derive(Clone, Debug, Default)]
pub struct MirrorRow {
    /// Why it has no server.
    pub refused: Option<String>,
    /// Its calls since the client sent its last bytes.
    pub calls: Vec<String>,
    /// Calls that were not kept.
    pub omitted: usize,
    /// All that it answered, as far as it is compared.
    answer: Vec<u8>,
    /// Bytes that it answered.
    pub answered: u64,
}

/// How an answer stands to that of the first loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerAgreement {
    /// The same bytes.
    Same,
    /// The same as far as both have come.
    Partly,
    /// Other bytes.
    Different,
}

/// What the mirror has seen so far.
#[derive(Clone, Debug)]
pub struct MirrorBoard {
    /// The loops, of which the first one that serves answers.
    pub loops: Vec<Backend>,
    /// What each has done.
    pub rows: Vec<MirrorRow>,
    /// Where a client can connect.
    pub address: Option<SocketAddr>,
    /// Why there is no mirror.
    pub failed: Option<String>,
    /// The client that is connected.
    pub client: Option<SocketAddr>,
    /// What it sent last.
    pub typed: Vec<u8>,
}

impl MirrorBoard {
    /// Nothing has been seen yet.
    pub fn new(loops: Vec<Backend>) -> Self {
        let rows = vec![MirrorRow::default(); loops.len()];
        Self { loops, rows, address: None, failed: None, client: None, typed: Vec::new() }
    }

    /// Takes over what was told.
    pub fn take(&mut self, update: MirrorUpdate) {
        match update {
            MirrorUpdate::Listening(address) => self.address = Some(address),
            MirrorUpdate::Failed(why) => self.failed = Some(why),
            MirrorUpdate::Refused(row, why) => self.rows[row].refused = Some(why),
            MirrorUpdate::Connected(peer) => {
                self.client = Some(peer);
                for row in &mut self.rows {
                    *row = MirrorRow { refused: row.refused.take(), ..MirrorRow::default() };
                }
            }
            MirrorUpdate::Typed(bytes) => {
                self.typed = bytes;
                for row in &mut self.rows {
                    (row.omitted, row.calls) = (0, Vec::new());
                }
            }
            MirrorUpdate::Call(row, call) => {
                let row = &mut self.rows[row];
                if row.calls.len() < CALLS {
                    row.calls.push(call);
                } else {
                    row.omitted += 1;
                }
            }
            MirrorUpdate::Answer(row, bytes) => {
                let row = &mut self.rows[row];
                row.answered += bytes.len() as u64;
                let room = COMPARED.saturating_sub(row.answer.len());
                row.answer.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            MirrorUpdate::Quiet => {}
            MirrorUpdate::Gone => self.client = None,
        }
    }

    /// The loop whose answer goes back.
    pub fn first(&self) -> Option<usize> {
        self.rows.iter().position(|row| row.refused.is_none())
    }

    /// How a loop's answer stands to that one's.
    pub fn agreement(&self, row: usize) -> Option<AnswerAgreement> {
        let (one, other) = (&self.rows[self.first()?].answer, &self.rows[row].answer);
        let both = one.len().min(other.len());
        Some(match (one[..both] == other[..both], one.len() == other.len()) {
            (true, true) => AnswerAgreement::Same,
            (true, false) => AnswerAgreement::Partly,
            (false, _) => AnswerAgreement::Different,
        })
    }
}

/// Mirrors one client after the other until the token is cancelled.
pub fn run(
    loops: &[Backend],
    address: SocketAddr,
    stop: &CancellationToken,
    tell: &mut dyn FnMut(MirrorUpdate),
) {
    let listener = match listen(address) {
        Ok(listener) => listener,
        Err(error) => {
            return tell(MirrorUpdate::Failed(format!("cannot listen on {address}: {error}")));
        }
    };
    let mut servers = Vec::new();
    for (row, name) in loops.iter().enumerate() {
        match MirrorServer::start(*name, stop) {
            Ok(server) => servers.push((row, server)),
            Err(_) if stop.is_cancelled() => return,
            Err(why) => tell(MirrorUpdate::Refused(row, why)),
        }
    }
    if servers.is_empty() {
        return tell(MirrorUpdate::Failed("no loop can be had".to_owned()));
    }
    tell(MirrorUpdate::Listening(listener.local_addr().unwrap_or(address)));
    while !stop.is_cancelled() {
        let accepted = if readable(&[listener.as_fd()])[0] { listener.accept().ok() } else { None };
        match accepted {
            Some((client, peer)) => {
                tell(MirrorUpdate::Connected(peer));
                serve(client, &mut servers, stop, tell);
                tell(MirrorUpdate::Gone);
            }
            None => pass_calls(&mut servers, tell),
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Which of these can be read, or have ended; waits a little for one.
fn readable(files: &[BorrowedFd<'_>]) -> Vec<bool> {
    let mut fds: Vec<_> = files.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let look = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
    let ready = poll(&mut fds, look).is_ok_and(|ready| ready > 0);
    fds.iter().map(|fd| ready && fd.any().unwrap_or(false)).collect()
}

/// Tells the calls that have come meanwhile. A server that has ended is left out from then on.
fn pass_calls(servers: &mut Vec<(usize, MirrorServer)>, tell: &mut dyn FnMut(MirrorUpdate)) {
    servers.retain_mut(|(row, server)| {
        for call in server.calls() {
            tell(MirrorUpdate::Call(*row, call));
        }
        let Some(why) = server.death() else { return true };
        tell(MirrorUpdate::Refused(*row, why));
        false
    });
}

/// A client's whole life.
fn serve(
    mut client: TcpStream,
    servers: &mut Vec<(usize, MirrorServer)>,
    stop: &CancellationToken,
    tell: &mut dyn FnMut(MirrorUpdate),
) {
    // A client that does not read is not waited for longer than this.
    let _ = client.set_write_timeout(Some(Duration::from_secs(1)));
    pass_calls(servers, tell);
    for (_, server) in servers.iter_mut() {
        server.connect();
    }
    let (mut served, mut settled) = (true, true);
    while served && !stop.is_cancelled() {
        let mut files = vec![client.as_fd()];
        let open: Vec<_> = (0..servers.len()).filter(|n| servers[*n].1.is_connected()).collect();
        files.extend(open.iter().filter_map(|n| servers[*n].1.connection()));
        files.extend(servers.iter().filter_map(|(_, server)| server.output()));
        let ready = readable(&files);
        for (n, place) in open.into_iter().enumerate() {
            served &= !ready[n + 1] || answer(&mut client, place, servers, tell);
        }
        // Last: a server that has ended is left out by it.
        served = served && (!ready[0] || forward(&mut client, servers, tell));
        if ready.contains(&true) {
            pass_calls(servers, tell);
            settled = false;
        } else if !std::mem::replace(&mut settled, true) {
            tell(MirrorUpdate::Quiet);
        }
    }
    for (_, server) in servers {
        server.disconnect();
    }
}

/// Passes on what the client sent; whether it is still there.
fn forward(
    client: &mut TcpStream,
    servers: &mut Vec<(usize, MirrorServer)>,
    tell: &mut dyn FnMut(MirrorUpdate),
) -> bool {
    let mut bytes = vec![0; CHUNK];
    match client.read(&mut bytes) {
        Ok(0) => false,
        Ok(count) => {
            bytes.truncate(count);
            // What was done before belongs to what was sent before.
            pass_calls(servers, tell);
            tell(MirrorUpdate::Typed(bytes.clone()));
            for (_, server) in servers {
                server.send(&bytes);
            }
            true
        }
        Err(error) => matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock),
    }
}

/// Takes what a server answered; the first one's goes to the client. Whether the client is still
/// served: by the first server's end it is not.
fn answer(
    client: &mut TcpStream,
    place: usize,
    servers: &mut [(usize, MirrorServer)],
    tell: &mut dyn FnMut(MirrorUpdate),
) -> bool {
    let (row, server) = &mut servers[place];
    let Some(bytes) = server.receive() else {
        server.disconnect();
        return place != 0;
    };
    let back = place == 0 && !bytes.is_empty();
    let written = if back { client.write_all(&bytes).is_ok() } else { true };
    tell(MirrorUpdate::Answer(*row, bytes));
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_with_the_first_ones() {
        let mut board = MirrorBoard::new(Backend::ALL[..3].to_vec());
        board.take(MirrorUpdate::Refused(0, "none".into()));
        assert_eq!(board.first(), Some(1));
        board.take(MirrorUpdate::Typed(b"hello".to_vec()));
        board.take(MirrorUpdate::Answer(1, b"hel".to_vec()));
        assert_eq!(board.agreement(2), Some(AnswerAgreement::Partly));
        board.take(MirrorUpdate::Answer(2, b"hello".to_vec()));
        assert_eq!(board.agreement(2), Some(AnswerAgreement::Partly));
        board.take(MirrorUpdate::Answer(1, b"lo".to_vec()));
        assert_eq!(board.agreement(2), Some(AnswerAgreement::Same));
        board.take(MirrorUpdate::Answer(2, b"!".to_vec()));
        board.take(MirrorUpdate::Answer(1, b"?".to_vec()));
        assert_eq!(board.agreement(2), Some(AnswerAgreement::Different));
    }

    #[test]
    fn calls_are_those_since_the_last_bytes() {
        let mut board = MirrorBoard::new(vec![Backend::ALL[0]]);
        board.take(MirrorUpdate::Call(0, "accept4 = 7".into()));
        board.take(MirrorUpdate::Typed(b"x".to_vec()));
        for _ in 0..CALLS + 2 {
            board.take(MirrorUpdate::Call(0, "read = 1".into()));
        }
        assert_eq!((board.rows[0].calls.len(), board.rows[0].omitted), (CALLS, 2));
    }
}
