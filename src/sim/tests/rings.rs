//! Rings, signals, blocking reads, and what poll and select cost.

use crate::event::{Errno, Fd, FileId, LaneId, Mask, Ret, RingOp, RingState, Sqe};
use crate::sim::{KernelModel, Place, ScanTally, Way, Woke};

fn place(fd: i32) -> Place {
    Place { fd: Fd(fd), file: FileId(fd.unsigned_abs()) }
}

/// A ring with the number 3, and a pair with 4 and 5.
fn machine(entries: u32) -> KernelModel {
    let mut machine = KernelModel::new();
    machine.ring(place(3), entries);
    machine.unix_pair(place(4), place(5), 200_000);
    machine
}

const RING: Fd = Fd(3);

fn sqe(id: u64, op: RingOp) -> Sqe {
    let (fd, len, mask) = (Fd(4), 100, Mask::IN);
    Sqe { id, op, fd, len, mask, multi: false, target: 0 }
}

fn submit(machine: &mut KernelModel, sqe: Sqe) {
    assert_eq!(machine.ring_write(RING, sqe), Ok(()));
    assert_eq!(machine.ring_submit(RING, 1), Ok(1));
}

/// The completions: `user_data`, the raw result, whether more follow.
fn taken(machine: &mut KernelModel) -> Vec<(u64, Ret, bool)> {
    let all = machine.ring_take(RING, 64).expect("a ring");
    all.into_iter().map(|cqe| (cqe.id, cqe.ret, cqe.more)).collect()
}

#[test]
fn an_armed_recv_completes_with_the_arrival_and_leaves_nothing_in_the_socket() {
    let mut machine = machine(4);
    submit(&mut machine, sqe(1, RingOp::Recv));
    let armed = RingState { armed: vec![27], ..RingState::default() };
    assert_eq!(machine.ring_state(RING), Some(armed));
    assert_eq!(machine.write(Fd(5), 7), Ok(7));
    assert_eq!(taken(&mut machine), [(1, Ret::ok(7), false)]);
    assert_eq!(machine.read(Fd(4), 100), Err(Errno::EAGAIN));
}

#[test]
fn a_close_under_a_recv_is_no_end_and_a_cancel_is() {
    let mut machine = machine(4);
    submit(&mut machine, sqe(1, RingOp::Recv));
    assert_eq!(machine.close(Fd(4)), Ok(()));
    assert_eq!(machine.read(Fd(5), 1), Err(Errno::EAGAIN));
    submit(&mut machine, Sqe { target: 1, ..sqe(2, RingOp::Cancel) });
    let ended = Ret::err(Errno::ECANCELED);
    assert_eq!(taken(&mut machine), [(2, Ret::ok(0), false), (1, ended, false)]);
    assert_eq!(machine.read(Fd(5), 1), Ok(0));
    submit(&mut machine, Sqe { target: 1, ..sqe(3, RingOp::Cancel) });
    assert_eq!(taken(&mut machine), [(3, Ret::err(Errno::ENOENT), false)]);
}

#[test]
fn of_two_recvs_on_one_socket_one_goes_on_waiting() {
    let mut machine = machine(4);
    submit(&mut machine, sqe(1, RingOp::Recv));
    submit(&mut machine, sqe(2, RingOp::Recv));
    assert_eq!(machine.write(Fd(5), 7), Ok(7));
    let done = taken(&mut machine);
    assert_eq!(done.len(), 1);
    assert_eq!(machine.ring_state(RING).map(|state| state.armed), Some(vec![27]));
}

#[test]
fn what_finds_no_room_is_kept_and_a_multishot_poll_ends_with_it() {
    let mut machine = machine(1);
    submit(&mut machine, Sqe { multi: true, ..sqe(1, RingOp::Poll) });
    for _ in 0..3 {
        assert_eq!(machine.write(Fd(5), 1), Ok(1));
    }
    let state = machine.ring_state(RING).expect("a ring");
    assert_eq!((state.posted, state.overflow, state.armed), (2, true, vec![]));
    let more = (1, Ret::ok(1), true);
    assert_eq!(taken(&mut machine), [more, more]);
    assert_eq!(machine.ring_submit(RING, 0), Ok(0));
    assert_eq!(taken(&mut machine), [(1, Ret::ok(1), false)]);
}

#[test]
fn a_thread_in_enter_returns_when_enough_is_there() {
    let mut machine = machine(4);
    assert_eq!(machine.ring_write(RING, sqe(1, RingOp::Recv)), Ok(()));
    assert_eq!(machine.ring_enter(LaneId(2), RING, 1, 1), Ok(()));
    assert_eq!(machine.take_woken(), []);
    assert_eq!(machine.write(Fd(5), 7), Ok(7));
    assert_eq!(machine.take_woken(), [(LaneId(2), Woke::Number(Ok(1)))]);
}

#[test]
fn a_blocking_read_returns_with_the_bytes_the_end_or_a_signal() {
    let mut machine = machine(4);
    let thread = LaneId(2);
    let mut comes = |does: &dyn Fn(&mut KernelModel)| {
        assert_eq!(machine.park_read(thread, Fd(4), 100), Ok(()));
        assert_eq!(machine.take_woken(), []);
        does(&mut machine);
        machine.take_woken()
    };
    let wrote = comes(&|machine| assert!(machine.write(Fd(5), 9).is_ok()));
    assert_eq!(wrote, [(thread, Woke::Number(Ok(9)))]);
    assert_eq!(comes(&|machine| machine.interrupt(thread)), [(thread, Woke::Interrupted)]);
    let closed = comes(&|machine| assert!(machine.close(Fd(5)).is_ok()));
    assert_eq!(closed, [(thread, Woke::Number(Ok(0)))]);
}

#[test]
fn signals_name_who_has_something_while_the_queue_has_room() {
    let mut machine = machine(4);
    machine.send_signals(Fd(4)).expect("open");
    machine.limit_signals(Some(2));
    for _ in 0..5 {
        assert_eq!(machine.write(Fd(5), 1), Ok(1));
    }
    let named = Ok(Some((Fd(4), Mask::IN | Mask::RDNORM)));
    let all: Vec<_> = (0..4).map(|_| machine.take_notice()).collect();
    assert_eq!(all, [Ok(None), named, named, Err(Errno::EAGAIN)]);
}

#[test]
fn hooks_end_at_the_first_that_is_ready_and_questions_do_not() {
    let mut machine = machine(4);
    machine.unix_pair(place(6), place(7), 200_000);
    machine.plain(place(8));
    let fds = [Fd(4), Fd(6), Fd(5)].map(|fd| (fd, Mask::IN));
    assert_eq!(machine.write(Fd(7), 1), Ok(1));
    machine.park_poll(LaneId(1), &fds, Way::Poll, true).expect("polled");
    assert_eq!(machine.scans(), ScanTally { asked: 3, hooks: 2 });
    machine.forget_scans();
    machine.poll(&fds);
    assert_eq!(machine.scans(), ScanTally { asked: 3, hooks: 0 });
    machine.forget_scans();
    // One without a poll method is asked, and hooks nobody; one in no set is not asked.
    let sets = [(Fd(8), Mask::IN), (Fd(4), Mask::EMPTY)];
    machine.park_poll(LaneId(1), &sets, Way::Select, true).expect("selected");
    assert_eq!(machine.scans(), ScanTally { asked: 1, hooks: 0 });
}
