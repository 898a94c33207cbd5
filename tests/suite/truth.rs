//! What the program says against what the kernel and strace say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{PATIENCE, Server, is_call, program};

/// The accept race at will: both threads are woken for connections, one takes them all.
#[test]
fn the_accept_race_can_be_stepped() {
    let mut server = Server::start(&["--threads", "2", "--trigger", "edge"]);
    let listener = server.ever("the listener", |l| l["what"] == "listener")["fd"].as_i64().unwrap();
    for lane in ["T1", "T2"] {
        server.ever("its first wait", |l| l["kind"] == "enter" && l["lane"] == lane);
    }
    server.command("pause");
    server.mark();
    // Both go to sleep in epoll_wait.
    for lane in ["T1", "T2"] {
        server.tell(&format!("step {lane}"));
        server.wait("asleep", |l| {
            l["kind"] == "enter" && l["call"] == "epoll_wait" && l["lane"] == lane
        });
    }
    std::thread::sleep(Duration::from_millis(30));
    let woken = |server: &mut Server| {
        server.wait("a thread is woken", |l| {
            l["kind"] == "call" && l["call"] == "epoll_wait" && l["events"][0]["fd"] == listener
        })["lane"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let _first = server.silent_client();
    let a = woken(&mut server);
    let _second = server.silent_client();
    let b = woken(&mut server);
    assert_ne!(a, b);
    assert_eq!((a.as_str(), b.as_str()), ("T2", "T1"), "last in, first out");
    let accepts = |server: &Server| {
        let lines = server.lines();
        let of = |l: &Value| l["lane"] == a.as_str() && is_call(l, "accept4", listener);
        lines.iter().filter(|l| of(l)).count()
    };
    while accepts(&server) < 3 {
        server.command(&format!("step {a}"));
    }
    // The first thread took both; the other finds nothing.
    server.mark();
    server.tell(&format!("step {b}"));
    let line = server.wait("the other accept", |l| is_call(l, "accept4", listener));
    assert_eq!((&line["lane"], &line["errno"]), (&b.as_str().into(), &"EAGAIN".into()));
    server.command("run");
    server.finding("thundering-herd");
}

/// Echo clients hammering the server from threads of this process; afterwards the server is calm.
fn hammer(server: &Server, clients: usize, rounds: usize) {
    std::thread::scope(|scope| {
        for n in 0..clients {
            scope.spawn(move || {
                let mut client = server.silent_client();
                client.0.set_nodelay(true).unwrap();
                for round in 0..rounds {
                    let line = format!("client {n} round {round}\n");
                    client.send(&line);
                    client.expect(&line);
                }
            });
        }
    });
}

/// Counts of `epoll_wait` returns with events, and of divergences.
fn judged(server: &Server) -> (usize, usize, usize) {
    let lines = server.lines();
    let count = |is: &dyn Fn(&Value) -> bool| lines.iter().filter(|l| is(l)).count();
    (
        count(&|l| l["kind"] == "call" && l["call"] == "epoll_wait"),
        count(&|l| l["kind"] == "divergence"),
        count(&|l| l["kind"] == "gap"),
    )
}

/// The lines before and at the first divergences.
fn around_divergences(server: &Server) -> String {
    let lines = server.lines();
    let first = lines.iter().position(|l| l["kind"] == "divergence").unwrap_or(0);
    let few = &lines[first.saturating_sub(40)..(first + 20).min(lines.len())];
    few.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn on_loopback_tcp_the_model_follows_and_the_rate_is_printed() {
    for (trigger, threads) in [("level", "1"), ("edge", "1"), ("level", "2"), ("edge", "2")] {
        let args = ["--trigger", trigger, "--threads", threads, "--edge-log", "on"];
        let mut server = Server::start(&args);
        hammer(&server, 4, 250);
        server.command("pause");
        let (waits, divergences, gaps) = judged(&server);
        println!(
            "{trigger}, {threads} threads: {divergences} divergences in {waits} waits, {gaps} gaps"
        );
        assert!(waits > 100, "{waits}");
        // Racing threads may reorder what is seen; more than this is a defect of the model.
        assert!(
            divergences * 10 < waits,
            "{trigger} {threads}: {divergences} of {waits}\n{}",
            around_divergences(&server)
        );
    }
}

/// One call in the notation in which strace and the program are compared.
fn told(line: &Value) -> Option<String> {
    if line["kind"] != "call" || line["call"] == "dup" {
        return None;
    }
    let call = line["call"].as_str()?;
    let fd = match call {
        "epoll_create1" => String::new(),
        "epoll_wait" => line["epfd"].to_string(),
        "epoll_ctl" => format!("{}, {}, {}", line["epfd"], line["op"].as_str()?, line["fd"]),
        _ => line["fd"].to_string(),
    };
    let ret = match line["errno"].as_str() {
        Some(errno) => errno.to_owned(),
        None => line["ret"].to_string(),
    };
    Some(format!("{call}({fd}) = {ret}"))
}

/// The same of a line of strace, if it is one of the compared calls.
fn traced(line: &str) -> Option<String> {
    let open = line.find('(')?;
    let call = &line[..open];
    let compared = [
        "epoll_create1",
        "epoll_ctl",
        "epoll_wait",
        "accept4",
        "read",
        "recvfrom",
        "write",
        "sendto",
        "shutdown",
        "close",
    ];
    if !compared.contains(&call) {
        return None;
    }
    let equals = line.rfind(" = ")?;
    let result = line[equals + 3..].split_whitespace().collect::<Vec<_>>();
    let ret = if result.first() == Some(&"-1") { result.get(1)? } else { result.first()? };
    let inside: Vec<_> = line[open + 1..].split([',', ')']).map(str::trim).collect();
    let arguments = match call {
        "epoll_create1" => String::new(),
        "epoll_ctl" => inside[..3].join(", "),
        _ => inside[0].to_owned(),
    };
    Some(format!("{call}({arguments}) = {ret}"))
}

/// strace's lines of one thread, with calls that were interrupted by another thread's line joined.
fn by_thread(text: &str) -> BTreeMap<u64, Vec<String>> {
    let mut open: BTreeMap<u64, String> = BTreeMap::new();
    let mut threads: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let Some((tid, rest)) = line.split_once(' ') else { continue };
        let Ok(tid) = tid.parse() else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            open.insert(tid, begun.to_owned());
        } else if let Some(at) = rest.find(" resumed>") {
            let begun = open.remove(&tid).unwrap_or_default();
            let whole = format!("{begun}{}", &rest[at + " resumed>".len()..]);
            threads.entry(tid).or_default().push(whole);
        } else {
            threads.entry(tid).or_default().push(rest.to_owned());
        }
    }
    threads
}

/// The program under strace, with room for so many descriptors, and where the trace goes.
fn under_strace(name: &str, descriptors: u32, args: &[&str]) -> (Server, PathBuf) {
    let path = std::env::temp_dir().join(format!("epollscope-{name}-{}", std::process::id()));
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {descriptors} && exec strace -f -qq -o \"$0\" -- \"$@\"");
    command.args(["-c", &script]).arg(&path).arg(env!("CARGO_BIN_EXE_epollscope"));
    command.args(["--headless", "--listen", "127.0.0.1:0"]).args(args);
    (Server::spawn(&mut command), path)
}

/// Ends the program and compares what it told with what strace saw; how many calls that were.
fn compare(name: &str, mut server: Server, path: &Path) -> usize {
    server.tell("quit");
    assert!(server.ended().success());
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let threads = by_thread(&text);
    let lines = server.all_lines();
    assert!(!lines.iter().any(|l| l["kind"] == "gap"), "{name}: a gap");
    let mut compared = 0;
    for started in lines.iter().filter(|l| l["kind"] == "thread" && l["state"] == "started") {
        let lane = started["lane"].as_str().unwrap();
        let mine: Vec<_> = lines.iter().filter(|l| l["lane"] == lane).filter_map(told).collect();
        let theirs: Vec<_> = threads[&started["tid"].as_u64().unwrap()]
            .iter()
            .filter_map(|line| traced(line))
            .collect();
        for (n, (mine, theirs)) in mine.iter().zip(&theirs).enumerate() {
            assert_eq!(mine, theirs, "{name}: call {n} of {lane}");
        }
        assert_eq!(mine.len(), theirs.len(), "{name}: {lane}");
        compared += mine.len();
    }
    println!("{name}: {compared} calls agree with strace");
    compared
}

fn compare_lines(trigger: &str) {
    let args = ["--trigger", trigger, "--threads", "2"];
    let (mut server, path) = under_strace(trigger, 1024, &args);
    let (mut a, fd_a) = server.client();
    let (mut b, _) = server.client();
    for n in 0..20 {
        let line = format!("line {n}\n");
        a.send(&line);
        a.expect(&line);
        b.send(&line);
        b.expect(&line);
    }
    server.command(&format!("trigger fd={fd_a}"));
    server.command("pause");
    a.send("held");
    server.command("step T1");
    server.command("run");
    a.expect("held");
    b.half_close();
    b.rest();
    drop(a);
    server.wait("the close", |l| is_call(l, "close", fd_a));
    assert!(compare(trigger, server, &path) > 100);
}

/// No descriptors left, and then some.
fn compare_exhausted(trigger: &str) {
    let name = format!("exhausted-{trigger}");
    let (mut server, path) = under_strace(&name, 40, &["--trigger", trigger]);
    let clients: Vec<_> = (0..45).map(|_| server.silent_client()).collect();
    server.wait("EMFILE", |l| l["errno"] == "EMFILE");
    server.wait("a refusal", |l| l["kind"] == "refused");
    server.wait("another try", |l| l["errno"] == "EMFILE");
    drop(clients);
    server.many("close", 46, |l| l["call"] == "close" && l["ret"] == 0);
    let (mut last, _) = server.client();
    last.send("x");
    last.expect("x");
    assert!(compare(&name, server, &path) > 200);
}

/// Clients that do not read, that reset, that never stop; mistakes; other applications.
fn compare_rough(app: &str, trigger: &str) {
    let name = format!("{app}-{trigger}");
    // Some of these mistakes spin, and each call of theirs is traced.
    let args = ["--app", app, "--trigger", trigger, "--threads", "3", "--delay", "1"];
    let args = [&args[..], &["--buffers", "4096"]].concat();
    let (mut server, path) = under_strace(&name, 1024, &args);
    let (mut deaf, deaf_fd) = server.client();
    let (mut rude, rude_fd) = server.client();
    let (half, half_fd) = server.client();
    server.ever("registered", |l| is_call(l, "epoll_ctl", half_fd));
    for _ in 0..20 {
        deaf.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        rude.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    if app == "echo" {
        deaf.stuff();
        server.wait("back-pressure", |l| l["fd"] == deaf_fd && l["state"] == "back-pressure");
    }
    for mistake in ["close-keeps-dup", "out-always", "accept-once", "trust-batch", "no-rearm"] {
        server.command(&format!("mistake {mistake} on"));
        let (mut client, fd) = server.client();
        server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
        server.command(&format!("oneshot fd={fd}"));
        client.send("text\n");
        server.ever("read", |l| is_call(l, "read", fd));
        server.command(&format!("exclusive fd={fd}"));
        client.reset();
        server.command(&format!("mistake {mistake} off"));
    }
    half.half_close();
    rude.reset();
    for fd in [half_fd, rude_fd] {
        server.ever("the close", |l| is_call(l, "close", fd));
    }
    server.command("threads 1");
    server.command("pause");
    server.command(&format!("drop fd={deaf_fd}"));
    server.command("run");
    assert!(compare(&name, server, &path) > 100);
}

/// Whether strace is there and may trace; says so loudly if not.
fn is_strace_there() -> bool {
    let there = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED a comparison with strace: it is not installed");
        return false;
    }
    let may = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED a comparison with strace: it may not trace here");
        return false;
    }
    true
}

#[test]
fn strace_and_the_program_agree_call_for_call() {
    if is_strace_there() {
        compare_lines("level");
        compare_lines("edge");
    }
}

#[test]
fn strace_and_the_program_agree_when_things_go_wrong() {
    if is_strace_there() {
        for trigger in ["level", "edge"] {
            compare_exhausted(trigger);
            for app in ["echo", "chat", "http", "discard"] {
                compare_rough(app, trigger);
            }
        }
    }
}

#[test]
fn a_unix_socket_is_served_and_its_file_removed() {
    use std::io::{Read, Write};
    let path = std::env::temp_dir().join(format!("epollscope-{}.sock", std::process::id()));
    // A stale file: bound once, nobody answers.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut command = program();
    command.arg("--headless").arg("--unix").arg(&path);
    let server = Server::spawn(&mut command);
    let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"by path\n").unwrap();
    let mut got = [0; 8];
    client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"by path\n");
    // A second server does not take over a socket that answers.
    let second = program().arg("--headless").arg("--unix").arg(&path).output().unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert!(server.quit().success());
    assert!(!path.exists());
}
