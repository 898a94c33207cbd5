//! What a thread is doing, and what the call before which it is held will do.

use super::netpoll;
use super::predict;
use super::ring;
use super::scan;
use super::threads;
use crate::event::{
    CtlOp, Fd, FileKind, GateStep, LaneId, Mask, Nanos, Syscall, TimeUnit, WatchKey,
};
use crate::model::{EpollInstance, EpollView, LaneState, Progress, ThreadLane};
use crate::text::strace;
use crate::text::words::{
    clients, count, duration, grouped, list, name, name_of, since, thread_died, when, who,
};

/// The sentence for that thread.
pub(super) fn sentence(world: EpollView<'_>, id: LaneId) -> String {
    let who = who(&world, id);
    let Some(lane) = world.lane(id) else { return format!("{who} has not started") };
    // Between two steps of a case nobody runs on.
    let steps = world.clock == TimeUnit::Steps;
    match &lane.state {
        LaneState::Unstarted => format!("{who} has not started"),
        LaneState::Running if steps => format!("{who} is in no call"),
        LaneState::Running => running(world, lane),
        LaneState::Held(next) if steps => {
            format!("{who} is held before {}", strace::before(&world, next, world.seq))
        }
        LaneState::Held(next) => held(world, lane, next),
        LaneState::Harvesting(call) if steps => held_inside(world, &who, call),
        LaneState::Harvesting(call) => match world.scan() {
            Some(set) => scan::asks(lane, set),
            None if world.ring().is_some() => ring::inside(lane),
            None => harvesting(world, lane, call),
        },
        LaneState::Asleep(call) if world.served().is_some() => threads::sleeps(world, lane, call),
        LaneState::Asleep(call) => match world.scan() {
            Some(set) => scan::sleeps(world, lane, set),
            None if world.ring().is_some() => ring::sleeps(world, lane),
            None => asleep(world, lane, call),
        },
        LaneState::Ended if steps => format!("{who} ended {}", when(&world, lane.since)),
        LaneState::Ended => format!("{who} ended at {}: it was asked to", lane.since),
        LaneState::Died(_) if steps => format!("{who} died {}", when(&world, lane.since)),
        LaneState::Died(message) => format!(
            "{}. It waits for nothing and serves nobody until `run` (space) starts it again",
            thread_died(id, message)
        ),
    }
}

fn held_inside(world: EpollView<'_>, who: &str, call: &Syscall) -> String {
    let spelled = strace::entered(&world, call, world.seq);
    match call {
        Syscall::EpollWait { .. } => format!(
            "{who} is inside {spelled}, held while it copies its events out: what is woken \
             meanwhile goes to the overflow list (ovflist)"
        ),
        _ => format!("{who} is inside {spelled}"),
    }
}

/// The instance in which a thread sleeps, and its place there.
pub(super) fn sleeps_in(world: EpollView<'_>, id: LaneId) -> Option<(&EpollInstance, usize)> {
    let place = |instance: &EpollInstance| instance.wq.iter().position(|lane| lane == id);
    world.world.pollers.epolls().find_map(|(_, instance)| Some((instance, place(instance)?)))
}

fn running(world: EpollView<'_>, lane: &ThreadLane) -> String {
    if let Some(goroutines) = world.netpoll() {
        return netpoll::runs(world, goroutines, lane);
    }
    let rest = lane.batch.iter().filter(|entry| entry.progress == Progress::Waiting);
    let rest: Vec<String> = rest.map(|entry| format!("fd {}", entry.delivery.fd)).collect();
    let then = match rest.len() {
        0 => format!("then it goes back to {}", waits_in(world)),
        1 => format!("then comes {} of the same batch", list(&rest)),
        _ => format!("then come {} of the same batch", list(&rest)),
    };
    match lane.current() {
        Some(entry) => {
            let key = WatchKey { fd: entry.delivery.fd, file: entry.delivery.file };
            format!("{} runs: it is handling {}, {then}", lane.id, name(&world, key))
        }
        None if rest.is_empty() => format!("{} runs, between two calls", lane.id),
        None => format!("{} runs: it comes to {} of its batch next", lane.id, list(&rest)),
    }
}

/// The call in which the server waits.
fn waits_in(world: EpollView<'_>) -> &'static str {
    let ring = world.ring().map_or("epoll_wait", |_| "io_uring_enter");
    world.scan().map_or(ring, |set| set.backend.word())
}

fn harvesting(world: EpollView<'_>, lane: &ThreadLane, call: &Syscall) -> String {
    let entries = match world.instance.ready.len() {
        _ if !world.knows_ready_list() => "what there is".to_owned(),
        1 => "the entry".to_owned(),
        n => format!("the {n} entries"),
    };
    format!(
        "{} is inside {call} since {} and awake: it takes {entries} off the ready list, polls each \
         file again, and hands over those that are ready now",
        lane.id, lane.since
    )
}

fn asleep(world: EpollView<'_>, lane: &ThreadLane, call: &Syscall) -> String {
    let who = who(&world, lane.id);
    let since = since(&world, lane.since);
    let until = match call {
        Syscall::EpollWait { timeout_ms, .. } if *timeout_ms > 0 && !world.labelled => {
            let most = Nanos(u64::from(timeout_ms.unsigned_abs()) * 1_000_000);
            format!(", at most {}", duration(most))
        }
        _ => String::new(),
    };
    let sleeps = if world.labelled {
        format!("{who} sleeps in {}, {since}", strace::entered(&world, call, world.seq))
    } else {
        format!("{who} sleeps in epoll_wait {since}{until}")
    };
    let Some((instance, place)) = sleeps_in(world, lane.id) else {
        return match call {
            Syscall::EpollWait { .. } => format!("{sleeps}: its place in wq is not known"),
            Syscall::Poll { .. } | Syscall::Select { .. } => {
                format!("{sleeps}: on the wait queues of the files that it asked for")
            }
            _ => sleeps,
        };
    };
    let queue: Vec<LaneId> = instance.wq.iter().collect();
    let turn = match (place, queue.first()) {
        (0, _) if queue.len() == 1 => {
            "it is the only sleeper (wq), and the next wake-up is for it".to_owned()
        }
        (0, _) => format!(
            "it came last, so it is first of {} in wq and is woken next (last in, first out)",
            queue.len()
        ),
        (n, first) => format!(
            "it is number {} of {} in wq; {} went to sleep later and is woken before it (last in, \
             first out)",
            n + 1,
            queue.len(),
            first.map_or_else(String::new, |first| self::who(&world, *first))
        ),
    };
    format!("{sleeps}: {turn}")
}

fn held(world: EpollView<'_>, lane: &ThreadLane, next: &GateStep) -> String {
    format!("{} is held before {next}: {}", lane.id, will(world, lane.id, next))
}

/// What the thread will do if it is let go now.
pub(super) fn will(world: EpollView<'_>, id: LaneId, next: &GateStep) -> String {
    match next {
        GateStep::Call(call) => will_call(world, id, call),
        GateStep::Push { sqe, .. } => ring::will_push(sqe),
        GateStep::Reap { op, fd, cqe, .. } => ring::will_reap(world, *op, *fd, cqe),
        GateStep::Run(go) => netpoll::will_run(world, *go),
    }
}

/// What the call will do if it is made now.
fn will_call(world: EpollView<'_>, id: LaneId, call: &Syscall) -> String {
    match *call {
        Syscall::EpollWait { max, timeout_ms, .. } => {
            format!("it {}", predict::sentence(world, max, timeout_ms))
        }
        Syscall::Accept { fd } => accept(world, id, fd),
        Syscall::Read { fd, len } => read(world, fd, len),
        Syscall::Write { fd, len } | Syscall::Send { fd, len } => write(world, fd, len),
        Syscall::EpollCtl { op, fd, mask, file, .. } => control(world, op, fd, mask, file),
        Syscall::Close { fd } => close(world, fd),
        Syscall::EpollCreate => "it makes an epoll instance, with nothing in it".to_owned(),
        Syscall::Shutdown { fd, .. } => {
            format!("the peer of fd {fd} will be told of the end; the number stays open")
        }
        Syscall::Dup { fd } => format!(
            "a second number will name the open file of fd {fd}, and keep its registration alive \
             when fd {fd} is closed"
        ),
        Syscall::SetFlags { fd, blocking: true } => {
            format!("a call on fd {fd} that finds nothing will sleep from then on")
        }
        Syscall::SetFlags { fd, .. } => {
            format!("a call on fd {fd} that finds nothing will say EAGAIN from then on")
        }
        Syscall::Poll { timeout_ms, .. } | Syscall::Select { timeout_ms, .. } => {
            scan::will(world, timeout_ms)
        }
        Syscall::UringEnter { submit, wait, .. } => ring::will(world, submit, wait),
        Syscall::UringSetup { .. } => {
            "it makes a ring: two queues in memory that it shares with the kernel".to_owned()
        }
        Syscall::UringRegister { buffers, .. } => {
            format!(
                "it hands over {} that the kernel chooses from",
                count(buffers.into(), "buffer")
            )
        }
        Syscall::Setup(_) => format!("it makes {}", call.name()),
    }
}

fn accept(world: EpollView<'_>, id: LaneId, fd: Fd) -> String {
    let rival = world.lanes.iter().find(|other| {
        let told =
            |b: &crate::model::BatchEntry| b.delivery.fd == fd && b.progress != Progress::Done;
        other.id != id && other.is_alive() && other.batch.iter().any(told)
    });
    let waits = match world.file_at(fd).and_then(|file| file.unread) {
        Some(0) => "nobody is known to wait, so EAGAIN is to be expected".to_owned(),
        Some(n) => format!("{}, and it takes the first", clients(n)),
        None => "how many clients wait is not known; EAGAIN if none does".to_owned(),
    };
    match rival {
        Some(rival) => format!(
            "{waits}; it may find nothing: {} was told of the same listener, and whoever calls \
             first gets the connection",
            rival.id
        ),
        None => waits,
    }
}

fn read(world: EpollView<'_>, fd: Fd, len: u32) -> String {
    let Some(file) = world.file_at(fd) else {
        return "the number is not known to be open: EBADF is to be expected".to_owned();
    };
    if file.what == FileKind::Eventfd {
        return "it takes the tool's signal off the eventfd; the command comes by another way"
            .to_owned();
    }
    match file.unread {
        Some(0) if file.ended() => "the peer has closed: it will return 0, the end".to_owned(),
        Some(0) => format!(
            "nothing is unread: EAGAIN is to be expected, the proof that fd {fd} is drained"
        ),
        Some(n) if n >= len => format!(
            "{} are unread: it fills its buffer of {}, and only EAGAIN will prove that nothing is \
             left",
            count(u64::from(n), "byte"),
            grouped(u64::from(len))
        ),
        Some(n) => format!(
            "it will return the {}: a short read, after which only EAGAIN proves that nothing is \
             left",
            count(u64::from(n), "unread byte")
        ),
        None => format!(
            "how much is unread is not known: at most {}, EAGAIN if nothing is there, 0 at the end",
            count(u64::from(len), "byte")
        ),
    }
}

fn write(world: EpollView<'_>, fd: Fd, len: u32) -> String {
    match world.file_at(fd) {
        Some(file) if file.state.any(Mask::ERR | Mask::HUP) => {
            "the connection is broken: EPIPE or ECONNRESET is to be expected".to_owned()
        }
        Some(file) if file.room == Some(false) => {
            "the send buffer is full: EAGAIN is to be expected until the peer reads".to_owned()
        }
        Some(file) if file.room == Some(true) => format!(
            "there is room: it copies up to {} into the send buffer and does not wait for the peer",
            count(u64::from(len), "byte")
        ),
        _ => "it copies what the send buffer takes: all, a part, or nothing (EAGAIN)".to_owned(),
    }
}

fn control(
    world: EpollView<'_>,
    op: CtlOp,
    fd: Fd,
    mask: Mask,
    file: crate::event::FileId,
) -> String {
    let key = WatchKey { fd, file };
    let ready = world.poll(key);
    let stored = crate::sim::rules::stored(mask);
    let listed = world.instance.interest.get(key).is_some_and(|entry| entry.listed);
    match op {
        CtlOp::Del => format!(
            "it takes fd {fd} off the interest list{}; it wakes nobody",
            if listed { " and the ready list" } else { "" }
        ),
        _ if listed => {
            format!(
                "it changes the mask and polls fd {fd}, which keeps its place on the ready list"
            )
        }
        _ if ready.surely(stored) => format!(
            "it polls fd {fd} and finds {}: appended to the ready list, and a sleeper is woken",
            crate::text::words::bits(ready.set & stored)
        ),
        _ if ready.perhaps(stored) => {
            format!("it polls fd {fd}, and puts it on the ready list if it is ready already")
        }
        _ => format!("it polls fd {fd}, finds nothing, and waits for a wake-up"),
    }
}

fn close(world: EpollView<'_>, fd: Fd) -> String {
    match world.file_at(fd) {
        Some(file) if file.refs > 1 => format!(
            "{} keeps the open file ({}) alive, so its registration stays and goes on reporting \
             fd {fd}",
            if file.refs == 2 { "a copy" } else { "several copies" },
            name_of(file)
        ),
        Some(file) => {
            let lost = match file.unread {
                Some(n) if n > 0 && file.what != FileKind::Listener => {
                    format!(
                        "; {} are thrown away, and the peer gets a reset",
                        count(u64::from(n), "unread byte")
                    )
                }
                _ => String::new(),
            };
            format!(
                "the last descriptor of {}: the kernel forgets its registration{lost}",
                name_of(file)
            )
        }
        None => "the number is not known to be open".to_owned(),
    }
}
