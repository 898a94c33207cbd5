//! The ring against the real kernel. Where there is none, nothing is tested.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use super::*;

const SIZES: Sizes = Sizes { submissions: 8, completions: 8, buffers: 4, buffer_bytes: 16 };

fn ring() -> Option<Ring<char>> {
    let mut ring = Ring::new(SIZES).ok()?;
    ring.register_buffers(SIZES).expect("buffers");
    Some(ring)
}

fn submit(ring: &mut Ring<char>) {
    let heads = ring.heads();
    let count = heads.sq_tail - heads.sq_head;
    assert_eq!(ring.enter(count, 0, GETEVENTS, None), Ok(count));
}

/// The next completion, which may take a moment.
fn next(ring: &mut Ring<char>) -> Completion<char> {
    loop {
        if let Some(completion) = ring.take() {
            return completion;
        }
        ring.enter(0, 1, GETEVENTS, None).expect("enter");
    }
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair")
}

#[test]
fn bytes_come_in_buffers_until_these_are_gone() {
    let Some(mut ring) = ring() else { return };
    let (ours, mut theirs) = pair();
    let recv = Operation::RecvMulti { fd: ours.as_raw_fd() };
    ring.write(1, recv, 'r').expect("room");
    submit(&mut ring);
    for _ in 0..5 {
        // A buffer holds 16 bytes: each of these is one completion.
        theirs.write_all(b"0123456789abcdef").expect("written");
    }
    for number in 0..4 {
        let Completion { id: 1, note: 'r', res: 16, more: true, gain: Gain::Buffer(buffer) } =
            next(&mut ring)
        else {
            panic!("completion {number}");
        };
        assert_eq!(ring.bytes(buffer, 16), b"0123456789abcdef");
    }
    let last = next(&mut ring);
    assert_eq!((last.res, last.more), (-(Errno::ENOBUFS as i32), false));
    assert_eq!(ring.in_flight(), 0);
    ring.give(2);
    assert_eq!(ring.bytes(2, 16), b"");
    ring.write(2, Operation::RecvMulti { fd: ours.as_raw_fd() }, 'r').expect("room");
    submit(&mut ring);
    let again = next(&mut ring);
    assert!(matches!(again.gain, Gain::Buffer(2)), "{again:?}");
}

#[test]
fn what_is_sent_comes_back_and_an_accepted_connection_is_owned() {
    let Some(mut ring) = ring() else { return };
    let directory = std::env::temp_dir().join(format!("uring-{}", std::process::id()));
    let listener = UnixListener::bind(&directory).expect("bind");
    let accept = Operation::Accept { fd: listener.as_raw_fd(), multi: true };
    ring.write(1, accept, 'a').expect("room");
    submit(&mut ring);
    let mut client = UnixStream::connect(&directory).expect("connect");
    std::fs::remove_file(&directory).expect("remove");
    let Completion { id: 1, more: true, gain: Gain::Accepted(fd), .. } = next(&mut ring) else {
        panic!("no connection");
    };
    let send = Operation::Send { fd: fd.as_raw_fd(), bytes: b"hello".to_vec() };
    ring.write(2, send, 's').expect("room");
    submit(&mut ring);
    let sent = next(&mut ring);
    assert!(matches!(&sent.gain, Gain::Memory(bytes) if bytes == b"hello"), "{sent:?}");
    assert_eq!((sent.res, sent.more), (5, false));
    drop(fd);
    let mut text = String::new();
    client.read_to_string(&mut text).expect("read");
    assert_eq!(text, "hello");
}

#[test]
fn a_cancelled_operation_ends_and_gives_its_memory_back() {
    let Some(mut ring) = ring() else { return };
    let (ours, _theirs) = pair();
    ring.write(1, Operation::Recv { fd: ours.as_raw_fd(), len: 9 }, 'r').expect("room");
    submit(&mut ring);
    ring.write(2, Operation::Cancel { target: 1 }, 'c').expect("room");
    let taken = ring.write(2, Operation::Cancel { target: 1 }, 'c');
    assert!(taken.is_err(), "the number is taken");
    submit(&mut ring);
    let mut ends = [next(&mut ring), next(&mut ring)];
    ends.sort_by_key(|end| end.id);
    let [over, cancel] = ends;
    let stopped = [-(Errno::ECANCELED as i32), -(Errno::EINTR as i32)];
    assert!(stopped.contains(&over.res), "{over:?}");
    assert!(matches!(over.gain, Gain::Memory(bytes) if bytes.len() == 9));
    assert_eq!((cancel.res, cancel.note, ring.in_flight()), (0, 'c', 0));
}

#[test]
fn posted_completions_stay_until_they_are_taken_and_overflow_is_told() {
    let Some(mut ring) = ring() else { return };
    // Cancelling what is not there completes at once with ENOENT.
    for round in 0..2 {
        for id in 0..8 {
            let cancel = Operation::Cancel { target: 99 };
            ring.write(round * 8 + id, cancel, 'c').expect("room");
        }
        assert!(ring.is_full());
        let refused = ring.write(99, Operation::Cancel { target: 99 }, 'c');
        assert!(refused.is_err());
        submit(&mut ring);
    }
    let mut posted = Vec::new();
    ring.posted(&mut posted);
    let heads = ring.heads();
    assert_eq!(posted.len(), 8);
    assert_eq!((heads.cq_head, heads.cq_tail, heads.overflow), (0, 8, true));
    assert_eq!((heads.sq_head, heads.sq_tail), (16, 16));
    assert_eq!(ring.take().map(|first| first.id), Some(posted[0].id));
    let mut ids: Vec<_> = (1..16).map(|_| next(&mut ring).id).collect();
    ids.push(posted[0].id);
    ids.sort_unstable();
    assert_eq!(ids, (0..16).collect::<Vec<_>>());
    assert!(!ring.heads().overflow);
}

#[test]
fn a_wait_ends_with_its_timeout() {
    let Some(ring) = ring() else { return };
    let wait = Some(Duration::from_millis(2));
    assert_eq!(ring.enter(0, 1, GETEVENTS, wait), Err(Errno::ETIME));
}

#[test]
fn a_ring_dropped_in_flight_frees_nothing_under_the_kernel() {
    let Some(mut ring) = ring() else { return };
    let (ours, mut theirs) = pair();
    ring.write(1, Operation::RecvMulti { fd: ours.as_raw_fd() }, 'r').expect("room");
    submit(&mut ring);
    drop(ring);
    theirs.write_all(b"late").expect("written");
}

/// Has io_uring_setup(2) fail so in this thread from now on, as container runtimes have it.
fn forbid(errno: Errno) {
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("short"),
        jt,
        jf,
        k,
    };
    let number = u32::try_from(libc::SYS_io_uring_setup).expect("a number");
    let answer = libc::SECCOMP_RET_ERRNO | u32::try_from(errno as i32).expect("a number");
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, answer),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: the call takes numbers (prctl(2), PR_SET_NO_NEW_PRIVS).
    let quiet = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel copies the program, which lives until the call returns (seccomp(2)).
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!((quiet, set), (0, 0), "{}", Errno::last());
}

#[test]
fn a_filter_is_told_by_its_sentence() {
    if Ring::<char>::probe().is_err() {
        return;
    }
    for (errno, denied) in [(Errno::EPERM, Denied::Seccomp), (Errno::ENOSYS, Denied::Missing)] {
        // The filter is that thread's alone.
        let probe = std::thread::spawn(move || {
            forbid(errno);
            Ring::<char>::probe()
        });
        assert_eq!(probe.join().expect("thread"), Err(denied));
    }
}

#[test]
fn what_is_armed_in_a_plain_ring_completes_when_something_arrives() {
    let Ok(mut ring) = Ring::plain(4) else { return };
    let (ours, mut theirs) = pair();
    let recv = Operation::Recv { fd: ours.as_raw_fd(), len: 100 };
    assert_eq!(ring.write(1, recv, ()), Ok(()));
    assert_eq!(ring.write(1, Operation::Nop, ()), Err(Operation::Nop));
    assert_eq!(enter(ring.number(), 1, 0, 0), Ok(1));
    assert!(ring.take().is_none() && ring.in_flight() == 1);
    theirs.write_all(b"hello").expect("written");
    let done = ring.take().map(|done| (done.id, done.res, done.more));
    assert_eq!((done, ring.in_flight()), (Some((1, 5, false)), 0));
}

#[test]
fn a_full_queue_takes_no_more() {
    let Ok(mut ring) = Ring::plain(2) else { return };
    let all = [0, 1, 2].map(|id| ring.write(id, Operation::Nop, ()).is_ok());
    assert_eq!((all, ring.heads().sq_tail), ([true, true, false], 2));
}
