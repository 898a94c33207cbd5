//! Systems that forbid an io_uring: the program says so in one sentence, and does without.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use serde_json::Value;

use super::has_ring;
use crate::harness::{Server, program};

/// The program without a screen, started by a process that has done this first.
#[expect(unsafe_code, reason = "limits and filters can only be set in the child")]
fn started_by(before: impl Fn() -> std::io::Result<()> + Send + Sync + 'static) -> Command {
    let mut command = program();
    command.args(["--headless", "--listen", "127.0.0.1:0"]);
    // SAFETY: setrlimit(2) and prctl(2) are system calls and nothing else.
    unsafe { command.pre_exec(before) };
    command
}

/// The program where io_uring_setup(2) fails so, as a container's seccomp filter has it.
fn forbidden(errno: Errno) -> Command {
    let step =
        |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap(), jt, jf, k };
    let number = u32::try_from(libc::SYS_io_uring_setup).unwrap();
    let answer = libc::SECCOMP_RET_ERRNO | u32::try_from(errno as i32).unwrap();
    let steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, answer),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    started_by(move || filter(steps))
}

#[expect(unsafe_code, reason = "nix has no seccomp")]
fn filter(mut steps: [libc::sock_filter; 4]) -> std::io::Result<()> {
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the call takes numbers (prctl(2), PR_SET_NO_NEW_PRIVS).
    Errno::result(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel copies the program, which lives until the call returns (seccomp(2)).
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) })?;
    Ok(())
}

const SENTENCES: [(Errno, &str); 2] = [
    (
        Errno::EPERM,
        "forbidden here by a seccomp filter, as in containers (--security-opt seccomp=unconfined)",
    ),
    (Errno::ENOSYS, "this system has none (ENOSYS)"),
];

#[test]
fn a_server_that_may_not_have_a_ring_does_not_start_with_one() {
    if !has_ring() {
        return;
    }
    for (errno, sentence) in SENTENCES {
        let mut command = forbidden(errno);
        command.args(["--backend", "io_uring"]).stdin(Stdio::null());
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(sentence), "{error}");
    }
}

#[test]
fn a_running_server_that_may_not_have_a_ring_says_so_and_goes_by_it() {
    if !has_ring() {
        return;
    }
    for (errno, sentence) in SENTENCES {
        let mut server = Server::spawn(&mut forbidden(errno));
        let (mut client, _) = server.client();
        let answer = server.command("backend io_uring");
        assert_eq!(
            (answer["state"].as_str(), answer["note"].as_str()),
            (Some("failed"), Some(sentence))
        );
        let entered = |to: &'static str| {
            move |l: &Value| l["kind"] == "backend" && l["to"] == to && l["phase"] == "entered"
        };
        for to in ["poll", "select", "goroutine", "threads", "epoll"] {
            server.mark();
            server.tell("backend");
            server.wait(to, entered(to));
        }
        let skipped = format!("io_uring is skipped: {sentence}");
        server.ever("the reason", |l| l["kind"] == "note" && l["text"] == skipped.as_str());
        client.send("still here");
        client.expect("still here");
        assert!(server.quit().success());
    }
}

/// Kernels that count what a ring locks refuse it; those that charge it as memory do not.
#[test]
fn without_lockable_memory_there_is_a_ring_or_a_sentence() {
    if !has_ring() {
        return;
    }
    let mut command = started_by(|| Ok(setrlimit(Resource::RLIMIT_MEMLOCK, 0, 0)?));
    command.args(["--backend", "io_uring", "--for", "50ms"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let refused = "needs lockable memory: ulimit -l is 0 KiB";
    match output.status.code() {
        Some(0) => assert!(error.is_empty(), "{error}"),
        code => assert!(code == Some(1) && error.contains(refused), "{code:?}: {error}"),
    }
}
