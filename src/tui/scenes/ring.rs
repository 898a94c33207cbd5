//! A server that waits by io_uring(7).

use super::{CONTROL, LISTENER, Stage, T1, file};
use crate::event::{
    Admitted, Backend, ConnState, Cqe, Fd, GateStep, Kind, LaneChange, Mask, Output, Peer, Queues,
    Ret, RingHeads, RingOp, RingRead, Settings, Sqe, SwitchPhase, Syscall, WakeupLog,
};

const RING: Fd = Fd(7);

/// What was written, and how far the kernel and the server have come.
#[derive(Default)]
struct WrittenRing {
    heads: RingHeads,
    last_id: u64,
}

impl WrittenRing {
    fn write(&mut self, stage: &mut Stage, op: RingOp, fd: Fd, multi: bool) -> u64 {
        self.last_id += 1;
        self.heads.sq_tail += 1;
        let len = match op {
            RingOp::Send => 2110,
            RingOp::Read => 8,
            _ => 0,
        };
        let (id, mask, target) = (self.last_id, Mask::EMPTY, 0);
        let sqe = Sqe { id, op, fd, len, mask, multi, target };
        stage.push(T1, Kind::Sqe { ring: RING, name: "".into(), sqe });
        id
    }

    fn enter(&mut self, stage: &mut Stage, posted: &[Cqe]) {
        let submit = self.heads.sq_tail - self.heads.sq_head;
        let call = Syscall::UringEnter { ring: RING, submit, wait: 1, flags: 1 };
        stage.push(T1, Kind::Enter(call));
        self.heads.sq_head = self.heads.sq_tail;
        if posted.is_empty() {
            return;
        }
        stage.after_ms(400);
        self.heads.cq_tail += u32::try_from(posted.len()).expect("few");
        let output =
            Output::Ring { heads: self.heads, posted: posted.into(), log: WakeupLog::Drained };
        stage.returns(call, Ret::ok(submit.into()), output);
    }

    fn reap(&mut self, stage: &mut Stage, op: RingOp, cqe: Cqe, data: &[u8]) {
        self.heads.cq_head += 1;
        let admitted = cqe.ret.fd().filter(|_| op == RingOp::Accept).map(|fd| {
            let port = 56_417 + u16::try_from(fd.0).unwrap_or(0);
            let peer = Peer::Inet(([127, 0, 0, 1], port).into());
            Box::new(Admitted { file: file(fd), peer })
        });
        let (name, data) = ("".into(), data.into());
        stage.push(T1, Kind::Reap { ring: RING, name, op, cqe, data, admitted });
        if let Some(buffer) = cqe.buffer {
            stage.push(T1, Kind::Give { ring: RING, buffer });
        }
    }
}

fn cqe(id: u64, ret: i64, more: bool, buffer: Option<u16>) -> Cqe {
    Cqe { id, ret: Ret::from_raw(ret), more, buffer }
}

impl Stage {
    /// Five clients: while the thread is held, bytes of two are received; a send of another one waits
    /// for room; the last one does not read, and is not received from.
    pub(in crate::tui) fn ring() -> Self {
        let mut stage = Self::start();
        let mut ring = stage.go_over();
        let accept = ring.write(&mut stage, RingOp::Accept, LISTENER, true);
        ring.write(&mut stage, RingOp::Read, CONTROL, false);
        let mut recvs = Vec::new();
        for fd in [9, 12, 13, 14, 15] {
            let came = cqe(accept, fd, true, None);
            ring.enter(&mut stage, &[came]);
            ring.reap(&mut stage, RingOp::Accept, came, b"");
            let fd = Fd(i32::try_from(fd).expect("small"));
            recvs.push(ring.write(&mut stage, RingOp::Recv, fd, true));
            let queues = Queues { unread: Some(0), unsent: Some(0), ..Queues::default() };
            stage.tool(Kind::Arrive { fd, queues });
        }
        let got = cqe(recvs[0], 5, true, Some(3));
        ring.enter(&mut stage, &[got]);
        ring.reap(&mut stage, RingOp::Recv, got, b"hello");
        let over = cqe(recvs[4], -125, false, None);
        let (fd, state) = (Fd(15), ConnState::BackPressure);
        stage.push(T1, Kind::Conn { fd, state, queued: 65_536 });
        let queues = Queues { unread: Some(65_536), unsent: Some(2048), ..Queues::default() };
        stage.tool(Kind::Arrive { fd, queues });
        ring.enter(&mut stage, &[over]);
        ring.reap(&mut stage, RingOp::Recv, over, b"");
        ring.write(&mut stage, RingOp::Send, Fd(14), false);
        stage.after_ms(100);
        let posted = [cqe(recvs[2], 9, true, Some(4)), cqe(recvs[0], 5, true, Some(7))];
        ring.enter(&mut stage, &posted);
        stage.tool(Kind::Settings(Settings { paused: true, ..stage.world.settings }));
        let next = GateStep::Reap { ring: RING, op: RingOp::Recv, fd: Fd(13), cqe: posted[0] };
        stage.push(T1, Kind::Park { next });
        stage.after_ms(200);
        let armed = [(RingOp::Recv, 4), (RingOp::Accept, 1), (RingOp::Read, 1), (RingOp::Send, 1)];
        let mut armed = armed.to_vec();
        armed.sort_unstable();
        let (pending, overflow) = (posted.into(), [].into());
        let read = RingRead {
            heads: ring.heads,
            entries: (256, 1024),
            pending,
            overflow,
            armed: armed.into(),
        };
        stage.tool(Kind::Rings { ring: RING, read });
        stage
    }

    fn go_over(&mut self) -> WrittenRing {
        let to = Backend::IoUring;
        let phase = |phase| Kind::Backend { to, phase };
        self.tool(phase(SwitchPhase::Asked));
        self.interrupt();
        self.returns(Syscall::Close { fd: super::EP }, Ret::ok(0), Output::None);
        self.push(T1, Kind::Lane(LaneChange::Ended));
        self.tool(phase(SwitchPhase::Left));
        self.push(T1, Kind::Lane(LaneChange::Started { tid: 4712 }));
        let setup = Syscall::UringSetup { entries: 256, flags: 8, completions: 1024 };
        self.returns(setup, Ret::ok(RING.0.into()), Output::None);
        let register = Syscall::UringRegister { ring: RING, buffers: 256 };
        self.returns(register, Ret::ok(0), Output::None);
        self.push(T1, phase(SwitchPhase::Entered(None)));
        self.tool(Kind::Settings(Settings { backend: to, ..self.world.settings }));
        WrittenRing::default()
    }
}
