//! What a server tells that waits by io_uring(7).

use epollscope::event::{
    Admitted, Cqe, FileId, GateStep, Kind, ListEntries, ListRead, Output, Provenance, Ret,
    RingHeads, RingOp, RingRead, Sqe, Syscall,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{fd, file, log, mask, peer, text};

fn op() -> impl Strategy<Value = RingOp> {
    select(RingOp::ALL.map(|(op, _)| op).to_vec())
}

fn id() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, any::<u64>()]
}

fn sqe() -> impl Strategy<Value = Sqe> {
    let numbers = (any::<u32>(), mask(), any::<bool>(), id());
    (id(), op(), fd(), numbers).prop_map(|(id, op, fd, (len, mask, multi, target))| Sqe {
        id,
        op,
        fd,
        len,
        mask,
        multi,
        target,
    })
}

fn cqe() -> impl Strategy<Value = Cqe> {
    let ret = prop_oneof![-200..200_i64, any::<i32>().prop_map(i64::from)].prop_map(Ret::from_raw);
    (id(), ret, any::<bool>(), option::of(any::<u16>())).prop_map(|(id, ret, more, buffer)| Cqe {
        id,
        ret,
        more,
        buffer,
    })
}

fn heads() -> impl Strategy<Value = RingHeads> {
    let numbers = [any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()];
    (numbers, any::<bool>(), any::<bool>()).prop_map(|(numbers, overflow, taskrun)| {
        let [sq_head, sq_tail, cq_head, cq_tail] = numbers;
        RingHeads { sq_head, sq_tail, cq_head, cq_tail, overflow, taskrun }
    })
}

/// The calls.
pub(super) fn calls() -> impl Strategy<Value = Syscall> {
    prop_oneof![
        (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(entries, flags, completions)| {
            Syscall::UringSetup { entries, flags, completions }
        }),
        (fd(), any::<u32>()).prop_map(|(ring, buffers)| Syscall::UringRegister { ring, buffers }),
        (fd(), any::<u32>(), 0..3_u32, 0..10_u32).prop_map(|(ring, submit, wait, flags)| {
            Syscall::UringEnter { ring, submit, wait, flags }
        }),
    ]
}

/// What io_uring_enter(2) hands over.
pub(super) fn output() -> impl Strategy<Value = Output> {
    (heads(), vec(cqe(), 0..6), log()).prop_map(|(heads, posted, log)| Output::Ring {
        heads,
        posted: posted.into(),
        log,
    })
}

/// What is not a call.
pub(super) fn kinds() -> impl Strategy<Value = Kind> {
    let admitted = (file(), peer()).prop_map(|(file, peer)| Box::new(Admitted { file, peer }));
    let data = vec(any::<u8>(), 0..=64);
    let reap = (fd(), text(), op(), cqe(), data, option::of(admitted)).prop_map(
        |(ring, name, op, cqe, data, admitted)| Kind::Reap {
            ring,
            name,
            op,
            cqe,
            data: data.into(),
            admitted,
        },
    );
    let lists = (vec(cqe(), 0..4), vec(cqe(), 0..4), vec((op(), any::<u32>()), 0..3));
    let queues = (heads(), (any::<u32>(), any::<u32>()));
    let rings = (fd(), queues, lists).prop_map(|(ring, (heads, entries), lists)| {
        let (pending, overflow, armed) = lists;
        let (pending, overflow, armed) = (pending.into(), overflow.into(), armed.into());
        Kind::Rings { ring, read: RingRead { heads, entries, pending, overflow, armed } }
    });
    let flights = (fd(), vec((sqe(), option::of(file())), 0..6)).prop_map(|(ring, list)| {
        let (poller, list) = (FileId::unnumbered(ring), ListEntries::InFlight(list.into()));
        Kind::ListRead(ListRead { poller, by: Provenance::Deduced, list })
    });
    let step = prop_oneof![
        (fd(), sqe()).prop_map(|(ring, sqe)| GateStep::Push { ring, sqe }),
        (fd(), op(), fd(), cqe()).prop_map(|(ring, op, fd, cqe)| GateStep::Reap {
            ring,
            op,
            fd,
            cqe
        }),
    ];
    prop_oneof![
        step.prop_map(|next| Kind::Park { next }),
        (fd(), text(), sqe()).prop_map(|(ring, name, sqe)| Kind::Sqe { ring, name, sqe }),
        reap,
        (fd(), any::<u16>()).prop_map(|(ring, buffer)| Kind::Give { ring, buffer }),
        rings,
        flights,
    ]
}
