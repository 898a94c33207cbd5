//! Why a connection of an io_uring stands as it does: armed, completed, cancelled, or held open by
//! an operation.

use crate::event::{
    ConnState, Cqe, Errno, Fd, FileKind, LaneId, Output, RingOp, RingRead, Sqe, SyscallRecord,
    WatchKey, visible,
};
use crate::model::{EpollView, Flight, LaneState, OpenFile, PostedCqe, Rings, ThreadLane};
use crate::text::gloss::operation;
use crate::text::words::{Phrase, count, grouped, since};

/// The sentence about a file of the ring.
pub(super) fn phrase(world: EpollView<'_>, key: WatchKey) -> Phrase {
    let fd = format!("fd {}", key.fd);
    let Some(rings) = world.world.ring() else { return Phrase::named(fd) };
    let case = Case { world, rings, key, file: world.world.file_of(key), fd };
    case.phrase()
}

/// A file with what belongs to it.
struct Case<'a> {
    world: EpollView<'a>,
    rings: &'a Rings,
    key: WatchKey,
    file: Option<&'a OpenFile>,
    fd: String,
}

/// `second`, `number 12`.
fn place(at: usize) -> String {
    match at {
        0 => "first".to_owned(),
        1 => "second".to_owned(),
        2 => "third".to_owned(),
        n => format!("number {}", n + 1),
    }
}

impl Case<'_> {
    fn phrase(&self) -> Phrase {
        let file = self.key.file;
        if self.file.is_none() && self.rings.of(file).next().is_some() {
            return self.held_open();
        }
        if let Some((at, posted)) = self.rings.posted(file) {
            return self.posted(at, posted);
        }
        match self.rings.input(file) {
            Some(flight) => self.armed(flight),
            None => self.unarmed(),
        }
    }

    /// Closed here, but an operation holds the socket.
    fn held_open(&self) -> Phrase {
        let id = self.rings.of(self.key.file).next().map_or(0, |flight| flight.sqe.id);
        Phrase::named(format!(
            "{} is closed here, but not for its peer: operation {id} still holds the socket, so no \
             end was sent",
            self.fd
        ))
        .then("Cancel before close")
    }

    /// Its completion is in the CQ.
    fn posted(&self, at: usize, posted: &PostedCqe) -> Phrase {
        let fd = &self.fd;
        let op = self.rings.get(posted.cqe.id).map(|flight| flight.sqe.op);
        let held = self.world.lanes.iter().find(|lane| matches!(lane.state, LaneState::Held(_)));
        let meanwhile =
            held.map_or_else(String::new, |lane| format!(", while {} is held", lane.id));
        let after = match at.checked_sub(1).and_then(|before| self.rings.cq.get(before)) {
            Some(before) => {
                let name = operation(self.world.world, before.cqe.id, None);
                format!("; it is taken after that of {name}")
            }
            None => String::new(),
        };
        let stands = format!("The completion is {} in the CQ{after}", place(at));
        match (op, posted.cqe.ret.count(), posted.cqe.buffer) {
            (Some(RingOp::Recv), Some(n @ 1..), Some(buffer)) => Phrase::named(format!(
                "{fd}: its {} {} been read already, by the kernel, into our buffer {buffer}{meanwhile}",
                count(n.into(), "byte"),
                if n == 1 { "has" } else { "have" }
            ))
            .then(stands),
            (Some(RingOp::Recv), Some(0), _) => {
                Phrase::named(format!("{fd}: its recv has ended, for the peer sent its end"))
                    .then(stands)
            }
            (Some(op), ..) => Phrase::named(format!(
                "{fd}: its {} is done{meanwhile}, with {}",
                op.word(),
                posted.cqe.ret
            ))
            .then(stands),
            (None, ..) => Phrase::named(format!("{fd} has a completion")).then(stands),
        }
    }

    /// Its input is armed.
    fn armed(&self, flight: &Flight) -> Phrase {
        let (fd, id) = (&self.fd, flight.sqe.id);
        if flight.submitted.is_none() {
            return Phrase::named(format!(
                "{fd}: {} {id} is written into the SQ and not submitted yet",
                flight.sqe.op.word()
            ))
            .then("The kernel learns of it at the next io_uring_enter");
        }
        let at = flight.submitted.unwrap_or(flight.written).1;
        match self.file.map(|file| file.what) {
            Some(FileKind::Listener) => Phrase::named(format!(
                "{fd}: accept {id} has been armed since {at}, and took {} so far",
                count(flight.done, "client")
            ))
            .then(
                "Each completion says MORE: it stays armed, and no call is made for the next one",
            ),
            Some(FileKind::Eventfd) => Phrase::named(format!(
                "{fd} is the tool's own: read {id} has been armed since {at}, and completes when a \
                 command comes"
            )),
            _ if !flight.sqe.multi => Phrase::named(format!(
                "{fd}: recv {id} of at most {} has been armed since {at}, for once",
                count(flight.sqe.len.into(), "byte")
            ))
            .then("The kernel will read into its memory by itself"),
            _ => Phrase::named(format!(
                "{fd}: recv {id} has been armed since {at}. The kernel will read into one of our {} \
                 free buffers by itself; there is no readiness to ask for",
                grouped(self.rings.free_buffers().into())
            )),
        }
    }

    /// Nothing brings its input.
    fn unarmed(&self) -> Phrase {
        let fd = &self.fd;
        let unread = self.file.and_then(|file| file.unread).unwrap_or(0);
        match self.file.map(|file| file.conn) {
            Some(ConnState::BackPressure) => {
                return Phrase::named(format!(
                    "{fd} is not armed: its output queue is full, so the server cancelled its recv"
                ))
                .then("What it sends stays in its socket");
            }
            Some(ConnState::Flushing) => {
                return Phrase::named(format!(
                    "{fd} is not armed: nothing more is read from it, and what is queued is sent \
                     before the close"
                ));
            }
            _ => {}
        }
        match self.rings.ended(self.key.file) {
            Some(ended) if ended.ret.is(Errno::ENOBUFS) => Phrase::named(format!(
                "{fd}: its recv ended without MORE (ENOBUFS): {} {} in the socket until buffers are \
                 given back and it is armed again",
                count(unread.into(), "byte"),
                if unread == 1 { "stays" } else { "stay" }
            )),
            Some(ended) if ended.ret.errno().is_some_and(Errno::is_out_of_descriptors) => {
                Phrase::named(format!(
                    "{fd}: its accept ended ({}): without a descriptor the kernel does not even \
                     look for a client",
                    ended.ret
                ))
                .then("None is armed until one is free")
            }
            Some(ended) => Phrase::named(format!(
                "{fd} is not armed: its {} ended with {} at {}",
                ended.op.word(),
                ended.ret,
                ended.at.1
            )),
            None => Phrase::named(format!("{fd} has nothing in flight")),
        }
    }
}

/// A thread asleep in the call.
pub(super) fn sleeps(world: EpollView<'_>, lane: &ThreadLane) -> String {
    let flying = world.world.ring().map_or(0, Rings::len) as u64;
    format!(
        "{} sleeps in io_uring_enter {}: the kernel carries out {} meanwhile, and wakes it with the \
         first that is done",
        lane.id,
        since(&world, lane.since),
        count(flying, "operation")
    )
}

/// A thread that is in the call and awake.
pub(super) fn inside(lane: &ThreadLane) -> String {
    format!(
        "{} is inside io_uring_enter since {} and awake: it submits what is written, and carries out \
         what can be done at once",
        lane.id, lane.since
    )
}

/// What the call will do if it is made now.
pub(super) fn will(world: EpollView<'_>, submit: u32, wait: u32) -> String {
    let Some(rings) = world.world.ring() else {
        return "it submits what is written, and waits for a completion".to_owned();
    };
    let submits = match submit {
        0 => "it submits nothing".to_owned(),
        n => format!("it submits {}", count(n.into(), "operation")),
    };
    match (wait, rings.cq.len()) {
        (0, 0) => format!("{submits}, and does not wait"),
        (_, 0) => format!("{submits}, and sleeps until the first of what is in flight is done"),
        (_, n) => {
            let noun = count(n as u64, "completion");
            let verb = if n == 1 { "is" } else { "are" };
            format!("{submits}, and does not sleep: {noun} {verb} posted already")
        }
    }
}

/// What writing that operation will do.
pub(super) fn will_push(sqe: &Sqe) -> String {
    let what = match sqe.op {
        RingOp::Cancel => "the kernel will end that operation, which completes a last time",
        RingOp::Send => "what is queued moves into memory that stays in place until it is sent",
        RingOp::Accept => "it stays armed while its completions say MORE",
        _ if sqe.multi => "it stays armed while its completions say MORE",
        _ => "it completes once",
    };
    format!("it is written into shared memory, and begins at the next io_uring_enter; {what}")
}

/// What taking that completion will do.
pub(super) fn will_reap(world: EpollView<'_>, op: RingOp, fd: Fd, cqe: &Cqe) -> String {
    let posted = world.world.ring().map_or(0, |rings| rings.cq.len());
    let behind = match posted.saturating_sub(1) {
        0 => "no other is posted".to_owned(),
        1 => "1 other waits behind it".to_owned(),
        n => format!("{} others wait behind it", grouped(n as u64)),
    };
    let what = match (op, cqe.ret.errno(), cqe.ret.count()) {
        (RingOp::Cancel, ..) => "it learns what became of its cancel".to_owned(),
        (_, Some(errno), _) => format!("the {} of fd {fd} has failed with {errno}", op.word()),
        (RingOp::Accept, _, _) => "the connection is accepted already".to_owned(),
        (RingOp::Recv, _, Some(0)) => format!("the peer of fd {fd} has sent its end"),
        (RingOp::Recv | RingOp::Read, _, n) => format!(
            "{} of fd {fd} {} read already",
            count(n.unwrap_or(0).into(), "byte"),
            if n == Some(1) { "is" } else { "are" }
        ),
        (_, _, n) => format!("{} of fd {fd} left", count(n.unwrap_or(0).into(), "byte")),
    };
    format!("{what}, and no call is needed to learn it; {behind}")
}

/// A call that returned.
pub(super) fn returned(world: EpollView<'_>, lane: LaneId, record: &SyscallRecord) -> Phrase {
    let posted = match &record.output {
        Output::Ring { posted, .. } => posted.len() as u64,
        _ => 0,
    };
    let overflow = match &record.output {
        Output::Ring { heads, .. } if heads.overflow => {
            "; more found no room in the CQ and wait in the kernel: none is lost"
        }
        _ => "",
    };
    if record.ret.is(Errno::EINTR) {
        return Phrase::new(format!(
            "a signal interrupted {lane} in io_uring_enter: what is in flight goes on, and its \
             completions are posted all the same"
        ));
    }
    match record.ret.errno() {
        Some(Errno::ETIME) => {
            Phrase::new("io_uring_enter returned because its timeout had passed".to_owned())
        }
        Some(errno) => Phrase::new(format!("io_uring_enter failed with {errno}")),
        None => Phrase::new(format!(
            "io_uring_enter submitted {}, and {} {} posted{overflow}",
            count(record.ret.count().unwrap_or(0).into(), "operation"),
            count(posted, "completion"),
            if posted == 1 { "is" } else { "are" }
        ))
        .then(format!(
            "{} in flight: who is ready is not asked, what is done is told",
            count(world.world.ring().map_or(0, Rings::len) as u64, "operation")
        )),
    }
}

/// An operation was written.
pub(super) fn written(name: &str, sqe: &Sqe) -> String {
    let what = match sqe.op {
        _ if !name.is_empty() => {
            return format!(
                "{} is written into memory that the kernel shares: no call was made, and nothing \
                 begins before io_uring_enter",
                visible(name.as_bytes(), 60)
            );
        }
        RingOp::Cancel => format!("the end of operation {}", sqe.target),
        op => format!("{} of fd {}", op.word(), sqe.fd),
    };
    format!(
        "{what} is written into memory that the kernel shares, as operation {}: no call was made, and \
         nothing begins before io_uring_enter",
        sqe.id
    )
}

/// A completion was taken.
pub(super) fn taken(world: EpollView<'_>, name: &str, op: RingOp, cqe: &Cqe) -> String {
    if !name.is_empty() {
        return format!(
            "a completion of {} is taken out of shared memory, without a call: {}{}",
            visible(name.as_bytes(), 60),
            cqe.ret,
            if cqe.more { ", and it goes on" } else { "" }
        );
    }
    let name = operation(world.world, cqe.id, Some(op));
    let goes_on = if cqe.more { "it stays armed (MORE)" } else { "the operation is over" };
    format!(
        "the completion of {name} is taken out of shared memory, without a call: {}, and {goes_on}",
        cqe.ret
    )
}

/// fdinfo was read.
pub(super) fn read(world: EpollView<'_>, read: &RingRead) -> String {
    let check = world.world.ring().map(|rings| rings.check).unwrap_or_default();
    let armed: u64 = read.armed.iter().map(|(_, n)| u64::from(*n)).sum();
    format!(
        "the kernel's own view of the ring was read (fdinfo): {} posted, {} armed; it agreed {} times \
         and differed {}",
        grouped(read.pending.len() as u64),
        grouped(armed),
        grouped(check.agreed),
        grouped(check.diverged)
    )
}
