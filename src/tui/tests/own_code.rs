//! Screens of the loops in which each connection has code of its own.

use super::*;
use crate::event::{Backend, FileKind, GoChange, GoId, GoWait, LaneChange, SwitchPhase};

fn enters(backend: Backend) -> Stage {
    let mut stage = Stage::start();
    stage.tool(Kind::Settings(Settings { backend, threads: 2, ..Settings::default() }));
    stage.tool(Kind::Backend { to: backend, phase: SwitchPhase::Entered(None) });
    for fd in [9, 12] {
        stage.after_ms(500);
        stage.client(Fd(fd));
    }
    stage
}

fn file_of(fd: i32) -> FileId {
    FileId(fd.unsigned_abs())
}

#[track_caller]
fn holds(stage: &Stage, sizes: &[(u16, u16)], words: &[&str]) {
    for size in sizes {
        let app = stage.app(*size);
        let screen = shown(&app, stage, &UNICODE);
        for word in words {
            assert!(screen.contains(word), "{word:?} is not in\n{screen}");
        }
    }
}

/// Three goroutines: one is parked, one runs, one can.
pub(super) fn goroutines() -> Stage {
    let mut stage = enters(Backend::Goroutine);
    let (t1, t2) = (LaneId(1), LaneId(2));
    stage.push(t2, Kind::Lane(LaneChange::Started { tid: 4712 }));
    let go = |go: u32, what| Kind::Go { go: GoId(go), what };
    for (id, fd) in [(1, 4), (7, 9), (8, 12)] {
        stage.push(t1, go(id, GoChange::Spawn { fd: Fd(fd), file: file_of(fd) }));
    }
    stage.push(t1, go(1, GoChange::Run));
    stage.push(t1, go(1, GoChange::Park { on: GoWait::Read }));
    stage.push(t1, go(7, GoChange::Run));
    stage
}

/// Three threads, asleep each in its call.
pub(super) fn threads() -> Stage {
    let mut stage = enters(Backend::Threads);
    stage.push(LaneId(1), Kind::Enter(Syscall::Accept { fd: Fd(4) }));
    for (lane, fd) in [(2, 9), (3, 12)] {
        stage.push(LaneId(lane), Kind::Lane(LaneChange::Started { tid: 4711 + u32::from(lane) }));
        stage.push(LaneId(lane), Kind::Enter(Syscall::Read { fd: Fd(fd), len: 4096 }));
    }
    stage
}

#[test]
fn goroutines_their_run_queue_and_their_threads() {
    let stage = goroutines();
    let calls = ["T1 * runs G1", "T1 * runs G7"];
    holds(&stage, &[(120, 40), (240, 70)], &calls);
    let both = ["G1", "parked in accept", "runs on T1", "+ runnable, 1st", "wait", "runs G7"];
    holds(&stage, &[(80, 24), (120, 40), (240, 70)], &both);
    let wide = [
        "Goroutines ─ 3 ─ seen",
        "Run queue ─ 1 ─ seen",
        "Ready list (rdllist)",
        "64K",
        "* what its scheduler did",
    ];
    holds(&stage, &[(120, 40), (240, 70)], &wide);
    holds(&stage, &[(80, 24)], &["goroutine·2 threads", "Run queue ─ 1  rdllist"]);
}

#[test]
fn threads_asleep_each_in_its_call() {
    let stage = threads();
    let words = ["Connections ─ 3 ─ seen", "z in accept4", "z in read", "T3", "3 of 3"];
    holds(&stage, &[(80, 24), (120, 40), (240, 70)], &words);
    assert_eq!(stage.scene().world.file_at(Fd(4)).map(|f| f.what), Some(FileKind::Listener));
}
