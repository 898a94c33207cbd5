//! The program as a child process: its lines as they come, its commands, its clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use epollscope::event::{Event, Seq};
use epollscope::record::Recording;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long anything may take before a test gives up: far more than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// All events of a recording.
pub(crate) fn events_of(recording: Recording) -> Vec<Event> {
    let mut events = Vec::new();
    Rc::new(recording).journal().forward_from(Seq(1), |event| {
        events.push(event.clone());
        true
    });
    events
}

/// Says that it is over, and ends what goes through those, at the latest when this is gone: whatever
/// happens, a scope waits for its threads.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool, pub(crate) &'a [&'a TcpStream]);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        for stream in self.1 {
            // It may have ended by itself.
            let _ended = stream.shutdown(Shutdown::Both);
        }
    }
}

type Lines = Arc<(Mutex<(Vec<Value>, bool)>, Condvar)>;

/// A running program without a screen.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines,
    /// Lines before this one have been waited for.
    seen: usize,
}

/// The command that runs the program.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epollscope"));
    command.env_remove("EPOLLSCOPE_CONFIG").env("LC_ALL", "C.UTF-8").stdin(Stdio::piped());
    // What is remembered of lessons is no part of a test, unless it says so.
    command.env("XDG_STATE_HOME", "/dev/null");
    command
}

impl Server {
    /// Starts the program headless on a free port.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(program().args(["--headless", "--listen", "127.0.0.1:0"]).args(args))
    }

    /// Starts a prepared command and waits for its first line.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = child.stdout.take().unwrap();
        let lines = Lines::default();
        let shared = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = Vec::new();
            // A line without its end was cut off when the program was killed.
            while out.read_until(b'\n', &mut line).is_ok_and(|_| line.ends_with(b"\n")) {
                assert!(line.iter().all(|b| *b >= 0x20 || *b == b'\n'), "a control byte: {line:?}");
                let value = serde_json::from_slice(&line).unwrap_or_else(|error| {
                    panic!("no JSON: {error}: {}", String::from_utf8_lossy(&line))
                });
                shared.0.lock().unwrap().0.push(value);
                shared.1.notify_all();
                line.clear();
            }
            shared.0.lock().unwrap().1 = true;
            shared.1.notify_all();
        });
        let stdin = child.stdin.take();
        let mut server = Self { child, stdin, lines, seen: 0 };
        server.wait("listening", |line| line["kind"] == "listening");
        server
    }

    /// Waits for a line after the last one waited for.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let (at, line) = self.find(self.seen, what, is);
        self.seen = at + 1;
        line
    }

    /// Waits for a line anywhere.
    #[track_caller]
    pub(crate) fn ever(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.find(0, what, is).1
    }

    #[track_caller]
    fn find(&self, from: usize, what: &str, is: impl Fn(&Value) -> bool) -> (usize, Value) {
        let deadline = Instant::now() + PATIENCE;
        let mut at = from;
        let mut lines = self.lines.0.lock().unwrap();
        loop {
            while let Some(line) = lines.0.get(at) {
                if is(line) {
                    return (at, line.clone());
                }
                at += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.1 {
                let tail: Vec<_> = lines.0.iter().map(Value::to_string).collect();
                let (skip, ago) = (tail.len().saturating_sub(60), tail.len() - from);
                // Who reads the lines is not to fail for this.
                drop(lines);
                let (threads, tail) = (self.threads(), tail[skip..].join("\n"));
                panic!(
                    "{what} is not in the last {ago}; the threads:\n{threads}\nthe last:\n{tail}"
                );
            }
            lines = self.lines.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Where its threads are (`/proc/PID/task/TID/stat` and `syscall`, proc(5)).
    fn threads(&self) -> String {
        let of = |task: std::io::Result<std::fs::DirEntry>| {
            let path = task.ok()?.path();
            let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
            Some(format!("{}  {}", read("stat").trim(), read("syscall").trim()))
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten();
        tasks.filter_map(of).collect::<Vec<_>>().join("\n")
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.lines.0.lock().unwrap().0.clone()
    }

    /// How many lines there are so far: a place to look from.
    pub(crate) fn mark(&mut self) {
        self.seen = self.lines.0.lock().unwrap().0.len();
    }

    /// Gives a command without waiting for anything.
    pub(crate) fn tell(&mut self, command: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        writeln!(stdin, "{command}").unwrap();
    }

    /// Gives a command and waits until it is done.
    #[track_caller]
    pub(crate) fn command(&mut self, command: &str) -> Value {
        self.mark();
        self.tell(command);
        self.wait(command, |line| {
            line["kind"] == "command" && line["command"] == command && line["state"] != "accepted"
        })
    }

    /// Waits for a finding.
    #[track_caller]
    pub(crate) fn finding(&self, name: &str) -> Value {
        self.ever(name, |line| line["kind"] == "finding" && line["finding"] == name)
    }

    /// The address of the first listener.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.ever("listening", |line| line["kind"] == "listening");
        line["addresses"][0].as_str().unwrap().parse().unwrap()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The epoll instance's descriptor.
    pub(crate) fn epoll(&self) -> i64 {
        let made = |l: &Value| l["kind"] == "call" && l["call"] == "epoll_create1";
        self.ever("epoll_create1", made)["ret"].as_i64().unwrap()
    }

    /// Connects a client and returns it with the server's descriptor for it.
    #[track_caller]
    pub(crate) fn client(&self) -> (Client, i64) {
        let stream = TcpStream::connect(self.address()).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let me = stream.local_addr().unwrap().to_string();
        let accepts = |l: &Value| l["call"] == "accept4" || l["op"] == "accept";
        let line = self.ever("accept4", |l| accepts(l) && l["peer"] == me.as_str());
        // A completion has its result as strace has those of calls: in words.
        let number = line["ret"].as_i64().or_else(|| line["result"].as_str()?.parse().ok());
        (Client(stream), number.unwrap())
    }

    /// Where the listener with this number in the command line listens.
    pub(crate) fn listener(&self, number: usize) -> String {
        let line = self.ever("listening", |line| line["kind"] == "listening");
        line["addresses"][number].as_str().unwrap().to_owned()
    }

    /// All lines, once the program has ended.
    #[track_caller]
    pub(crate) fn all_lines(&self) -> Vec<Value> {
        let lines = self.lines.0.lock().unwrap();
        let (lines, late) = self.lines.1.wait_timeout_while(lines, PATIENCE, |l| !l.1).unwrap();
        assert!(!late.timed_out(), "the output does not end");
        lines.0.clone()
    }

    /// How many lines so far are so.
    pub(crate) fn count(&self, is: impl Fn(&Value) -> bool) -> usize {
        self.lines.0.lock().unwrap().0.iter().filter(|line| is(line)).count()
    }

    /// Waits until so many lines, in all, are so.
    #[track_caller]
    pub(crate) fn many(&self, what: &str, number: usize, is: impl Fn(&Value) -> bool) {
        let mut count = 0;
        let nth = |line: &Value| {
            count += usize::from(is(line));
            count == number
        };
        let nth = std::cell::RefCell::new(nth);
        self.ever(&format!("{number} times {what}"), |line| (*nth.borrow_mut())(line));
    }

    /// Connects a client without waiting for the server.
    pub(crate) fn silent_client(&self) -> Client {
        let stream = TcpStream::connect(self.address()).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(stream)
    }

    /// Closes standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        self.ended()
    }

    /// Asks the program to end and waits for it.
    pub(crate) fn quit(mut self) -> ExitStatus {
        self.tell("quit");
        self.ended()
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        end_of(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file that is whole whenever somebody reads it: another run of the same tests may be
/// writing it, too.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

/// Waits for the end of the program.
#[track_caller]
pub(crate) fn end_of(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the program does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The CPU time that a process has used; also of one that has ended and is not waited for.
pub(crate) fn cpu_time(pid: Pid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, which is the second field, may hold blanks (proc_pid_stat(5)).
    let fields = stat[stat.rfind(')').unwrap()..].split_whitespace().skip(12).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).unwrap().unwrap();
    Duration::from_millis(ticks * 1000 / u64::try_from(per_second).unwrap())
}

/// The memory that a process has in use, in bytes (`VmRSS`, proc_pid_status(5)).
pub(crate) fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}

/// A client of the server under test.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    /// The client's own address.
    pub(crate) fn name(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Sends text.
    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Writes until the other side takes no more; how much.
    pub(crate) fn stuff(&mut self) -> usize {
        self.0.set_nonblocking(true).unwrap();
        let mut total = 0;
        while let Ok(sent) = self.0.write(&[b'x'; 16_384]) {
            total += sent;
        }
        self.0.set_nonblocking(false).unwrap();
        total
    }

    /// Reads exactly as many bytes as `text` has and compares.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        let mut got = vec![0; text.len()];
        self.0.read_exact(&mut got).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&got), text);
    }

    /// Sends the end of the stream.
    pub(crate) fn half_close(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        nix::sys::socket::setsockopt(&self.0, nix::sys::socket::sockopt::Linger, &linger).unwrap();
    }

    /// Reads until the end.
    pub(crate) fn rest(&mut self) -> String {
        let mut text = Vec::new();
        let _ = self.0.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Whether a line is that call on that descriptor.
pub(crate) fn is_call(line: &Value, call: &str, fd: i64) -> bool {
    line["kind"] == "call" && line["call"] == call && line["fd"] == fd
}

/// Whether a line is a whole ready list of exactly these descriptors.
pub(crate) fn is_list(line: &Value, fds: &[i64]) -> bool {
    line["kind"] == "ready"
        && line["list"].as_array().is_some_and(|list| {
            list.iter().map(|entry| entry["fd"].as_i64().unwrap_or(-1)).eq(fds.iter().copied())
        })
}
