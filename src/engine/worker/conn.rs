//! A turn of a connection: read, serve, send, and what follows from it.
//!
//! A connection's lock is held around {read, decode, append} and around {send, consume}, and never
//! at the gate, so every step begins by looking whether the connection is still there.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::{PARTING_MS, Worker};
use crate::engine::backend::Loop;
use crate::engine::lock;
use crate::engine::serve::{Connection, Next, Served};
use crate::engine::shared::COPIES_MAX;
use crate::engine::table::{State, Watched};
use crate::event::{
    Application, ConnState, How, Kind, Mask, Mistake, ReadPolicy, Syscall, Trigger,
};

/// Bytes that one connection may be read in a turn.
const TURN_BYTES: usize = 64 * 1024;

/// [`PARTING_MS`] as a time.
const PARTING: Duration = Duration::from_millis(PARTING_MS.unsigned_abs() as u64);

/// How the reading of a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing is left, or the policy says that it is enough.
    Enough,
    /// More may be there, and no event will tell of it.
    Bound,
    /// The peer sent its end.
    End,
    /// The connection broke.
    Broken,
    /// It is not there any more.
    Gone,
}

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    /// One event of a connection.
    pub(super) fn conn_turn(&mut self, watched: &Arc<Watched>, mask: Mask) {
        let deaf = lock(&watched.state).conn.is_deaf() || !mask.any(!Mask::OUT);
        let reading = if deaf { Reading::Enough } else { self.read_turn(watched) };
        match reading {
            Reading::Gone => return,
            Reading::Broken => {
                self.broken(watched);
                return;
            }
            Reading::End => self.end_of_input(watched),
            Reading::Enough | Reading::Bound => {}
        }
        if self.flush(watched) {
            self.after_flush(watched, reading == Reading::Bound);
        }
    }

    fn read_turn(&mut self, watched: &Arc<Watched>) -> Reading {
        let mut total = 0;
        loop {
            let policy = self.settings.read;
            let len = match policy {
                ReadPolicy::Drain => ReadPolicy::DEFAULT_BYTES,
                ReadPolicy::Once(bytes) => bytes.clamp(1, ReadPolicy::MAX_BYTES),
            };
            self.gate(Syscall::Read { fd: watched.fd, len });
            let (reading, served) = self.read_once(watched, len, &mut total);
            if let Some(served) = served {
                self.after_serve(watched, &served);
                if served.close {
                    return Reading::Enough;
                }
            }
            if let Some(reading) = reading {
                return reading;
            }
            if policy != ReadPolicy::Drain {
                return Reading::Enough;
            }
            let bounded = !self.mistake(Mistake::NoReadBound) || self.shared.gate.ending();
            if bounded && total >= TURN_BYTES {
                return Reading::Bound;
            }
        }
    }

    /// One read and the serving of what it brought; how reading ended, if it did.
    pub(super) fn read_once(
        &mut self,
        watched: &Watched,
        len: u32,
        total: &mut usize,
    ) -> (Option<Reading>, Option<Served>) {
        let mut guard = lock(&watched.state);
        let state = &mut *guard;
        let Some(fd) = &state.fd else { return (Some(Reading::Gone), None) };
        let room = usize::try_from(len).unwrap_or(1).min(self.buffer.len());
        let got = self.door.read(fd.as_fd(), &mut self.buffer[..room]);
        *total += got.unwrap_or(0);
        self.take_in(watched, state, got)
    }

    /// What a read brought is served; how reading ended by it, if it did.
    pub(super) fn brought(
        &mut self,
        watched: &Watched,
        got: Result<usize, Errno>,
    ) -> (Option<Reading>, Option<Served>) {
        let mut guard = lock(&watched.state);
        if guard.fd.is_none() {
            return (Some(Reading::Gone), None);
        }
        self.take_in(watched, &mut guard, got)
    }

    fn take_in(
        &mut self,
        watched: &Watched,
        state: &mut State,
        got: Result<usize, Errno>,
    ) -> (Option<Reading>, Option<Served>) {
        match got {
            Ok(0) => (Some(Reading::End), Some(state.conn.ended())),
            Ok(got) => {
                let before = state.conn.state();
                let served = state.conn.intake(&self.buffer[..got]);
                self.tell_state(watched, before, &state.conn);
                (state.conn.is_full().then_some(Reading::Bound), Some(served))
            }
            Err(Errno::EAGAIN) => (Some(Reading::Enough), None),
            Err(Errno::EINTR) => (None, None),
            Err(_) => (Some(Reading::Broken), None),
        }
    }

    pub(super) fn after_serve(&mut self, watched: &Arc<Watched>, served: &Served) {
        if !served.commands.is_empty() {
            self.note(format!("fd {}: telnet {}", watched.fd, served.commands.join(" ")));
        }
        if !served.lines.is_empty() {
            self.broadcast(watched, &served.lines);
        }
    }

    /// Puts chat lines on the queues of all other clients and sends them.
    fn broadcast(&mut self, from: &Watched, lines: &[u8]) {
        for other in self.shared.table.all(|w| w.is_stream() && w.file != from.file) {
            let unfinished = {
                let mut state = lock(&other.state);
                if state.fd.is_none() || state.conn.is_full() {
                    continue;
                }
                state.conn.enqueue(lines);
                state.conn.state() == ConnState::Carried
            };
            if self.flush(&other) {
                self.after_flush(&other, unfinished);
                self.settle(&other);
            }
        }
    }

    /// Sends what is queued until it is gone or the socket takes no more; whether the connection
    /// is still there.
    pub(super) fn flush(&mut self, watched: &Arc<Watched>) -> bool {
        if L::SENDS {
            return lock(&watched.state).fd.is_some();
        }
        loop {
            let queued = {
                let state = lock(&watched.state);
                if state.fd.is_none() {
                    return false;
                }
                state.conn.queued()
            };
            if queued == 0 {
                return true;
            }
            self.gate(Syscall::Send { fd: watched.fd, len: queued });
            let mut guard = lock(&watched.state);
            let state = &mut *guard;
            let Some(fd) = &state.fd else { return false };
            if state.conn.pending().is_empty() {
                return true;
            }
            match self.door.send(fd.as_fd(), state.conn.pending()) {
                Ok(sent) => state.conn.sent(sent),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return true,
                Err(_) => {
                    drop(guard);
                    self.broken(watched);
                    return false;
                }
            }
        }
    }

    /// What the length of the queue and the end of the reading mean for the connection.
    pub(super) fn after_flush(&mut self, watched: &Arc<Watched>, more_to_read: bool) {
        let mut guard = lock(&watched.state);
        let state = &mut *guard;
        if state.fd.is_none() {
            return;
        }
        let edge = L::REGISTERS && state.flags.trigger == Trigger::Edge;
        match state.conn.wants(&self.settings).close {
            Some(How::Wr) => {
                drop(guard);
                self.say_last_word(watched);
                if edge {
                    self.carry(watched);
                }
                return;
            }
            Some(How::Rd | How::RdWr) => {
                drop(guard);
                self.close(watched);
                return;
            }
            None => {}
        }
        let before = state.conn.state();
        // A level-triggered registration reports the rest by itself.
        let next = state.conn.advance(more_to_read && edge);
        self.tell_state(watched, before, &state.conn);
        match next {
            Next::Carry => self.carry(watched),
            // What came meanwhile was an edge that nobody followed: the next MOD asks again.
            Next::Resume => state.armed = false,
            Next::Full if self.settings.app == Application::Chat => {
                let fd = watched.fd;
                self.note(format!("fd {fd} does not read: lines to it are dropped"));
            }
            Next::Full | Next::Wait => {}
        }
    }

    /// Puts a connection on the list of those that the next turn goes on with.
    fn carry(&mut self, watched: &Watched) {
        if !self.unfinished.contains(&watched.file) {
            self.unfinished.push_back(watched.file);
        }
    }

    /// The connection is not gone on with by itself any more.
    pub(super) fn carry_no_more(&mut self, watched: &Watched) {
        let mut state = lock(&watched.state);
        if state.conn.state() == ConnState::Carried {
            let before = state.conn.state();
            state.conn.advance(false);
            self.tell_state(watched, before, &state.conn);
        }
    }

    /// Ends the server's side of a connection whose answers have all been sent.
    pub(super) fn say_last_word(&mut self, watched: &Watched) {
        self.gate(Syscall::Shutdown { fd: watched.fd, how: How::Wr });
        let mut guard = lock(&watched.state);
        let state = &mut *guard;
        let Some(fd) = &state.fd else { return };
        if state.conn.say_last_word() {
            self.door.shut_down(fd.as_fd());
            let until = Instant::now() + PARTING;
            lock(&self.shared.farewells).push_back((watched.file, until));
            self.shared.parting.store(true, Ordering::SeqCst);
        }
    }

    /// Closes the connections whose clients have not ended them in time after the server's last
    /// word.
    pub(super) fn part(&mut self) {
        while self.shared.parting.load(Ordering::Relaxed)
            && let Some(watched) = self.late_client()
        {
            let secs = PARTING.as_secs();
            let why = "the client has not ended the connection after the server's last word";
            self.note(format!("fd {}: {why} for {secs} s", watched.fd));
            self.close(&watched);
        }
    }

    /// A connection whose client is late; those that have ended are forgotten.
    fn late_client(&self) -> Option<Arc<Watched>> {
        let mut farewells = lock(&self.shared.farewells);
        let mut late = None;
        while let Some((file, until)) = farewells.front()
            && late.is_none()
        {
            let watched = self.shared.table.get(*file);
            if watched.is_some() && Instant::now() < *until {
                break;
            }
            late = watched;
            farewells.pop_front();
        }
        self.shared.parting.store(!farewells.is_empty(), Ordering::SeqCst);
        late
    }

    /// Tells how the connection stands, if that has changed.
    pub(super) fn tell_state(&mut self, watched: &Watched, before: ConnState, conn: &Connection) {
        let state = conn.state();
        if state != before {
            self.door.tell(Kind::Conn { fd: watched.fd, state, queued: conn.queued() });
        }
    }

    /// The peer sent its end: what is queued still goes out, then the connection is closed.
    pub(super) fn end_of_input(&mut self, watched: &Arc<Watched>) {
        if self.switch_off(watched) {
            return;
        }
        let over = {
            let conn = &mut lock(&watched.state).conn;
            let before = conn.state();
            let over = conn.wind_up(&self.settings);
            self.tell_state(watched, before, conn);
            over
        };
        if over {
            self.close(watched);
        }
    }

    /// A read or a send failed: nothing more will come of this connection.
    pub(crate) fn broken(&mut self, watched: &Arc<Watched>) {
        if !self.switch_off(watched) {
            self.close(watched);
        }
    }

    /// The mistake of "switching off" a connection with mask 0; whether it is made.
    fn switch_off(&mut self, watched: &Arc<Watched>) -> bool {
        if !self.mistake(Mistake::MaskZero) {
            return false;
        }
        let new = lock(&watched.state).conn.switch_off();
        if new {
            self.settle(watched);
        }
        true
    }

    /// Closes the connection, which also ends that it is watched; the number may be given to
    /// somebody else from then on.
    pub(crate) fn close(&mut self, watched: &Arc<Watched>) {
        L::release(self, watched);
    }

    /// As [`Self::close`], at once: for the loop, once the kernel needs the file no more.
    pub(crate) fn close_now(&mut self, watched: &Arc<Watched>) {
        let shared = self.shared;
        let copy = self.mistake(Mistake::CloseKeepsDup);
        if copy {
            self.gate(Syscall::Dup { fd: watched.fd });
            self.keep_copy(watched);
        }
        self.gate(Syscall::Close { fd: watched.fd });
        {
            let mut state = lock(&watched.state);
            let Some(fd) = state.fd.take() else { return };
            if shared.edge.is_on() {
                if !copy {
                    // No wake-up of this file may be read once the number is another's.
                    let _ = crate::kernel::wakeup_log::disarm(fd.as_fd());
                }
                shared.edge.drain_surely();
            }
            L::forget(self, watched);
            match Arc::into_inner(fd) {
                Some(fd) => self.door.close(fd, || shared.table.remove(watched)),
                // Whoever still sleeps in a call on it closes it by going away.
                None => shared.table.remove(watched),
            }
        }
        self.unmute();
    }

    /// Makes a copy of the descriptor that is never closed.
    fn keep_copy(&mut self, watched: &Watched) {
        let state = lock(&watched.state);
        if let Some(fd) = &state.fd
            && lock(&self.shared.copies).len() < COPIES_MAX
        {
            let copy = self.door.dup(fd.as_fd());
            lock(&self.shared.copies).extend(copy);
        }
    }
}
