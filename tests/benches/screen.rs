//! The program on a pseudo-terminal, measured from outside: how soon it shows something, how soon a
//! client's byte and a key are answered, how much it writes, and what it does when nothing happens.
//!
//! `cargo bench --bench screen`. The times depend on the machine and want a calm one.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may stop")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// The end of a frame: the end of a synchronized update.
const FRAME: &[u8] = b"\x1b[?2026l";
/// Connections of the crowd.
const CROWD: usize = 10_000;

/// The program with its terminal.
struct Screen {
    child: Child,
    master: File,
    address: SocketAddr,
    /// All that it wrote.
    written: Vec<u8>,
    /// What that comes to.
    shown: vt100::Parser,
}

impl Screen {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let window = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&window), None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_epollscope"));
        command.args(["--listen", &address.to_string()]).env("TERM", "xterm-256color");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let size = |n| NonZeroU16::new(n).unwrap();
        let shown = vt100::Parser::new(size(ROWS), size(COLUMNS), 0);
        Self { child, master: File::from(pty.master), address, written: Vec::new(), shown }
    }

    /// Reads what comes within that time, and a little; whether anything came.
    fn read(&mut self, time: Duration) -> bool {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(time).unwrap();
        if poll(&mut fds, timeout).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 1 << 14];
        let n = self.master.read(&mut buffer).unwrap();
        self.written.extend_from_slice(&buffer[..n]);
        self.shown.process(&buffer[..n]);
        true
    }

    /// Reads until a frame has ended, counted from `from`.
    fn until_frame(&mut self, from: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.written[from..].windows(FRAME.len()).any(|part| part == FRAME) {
            self.read(deadline.checked_duration_since(Instant::now()).expect("a frame"));
        }
    }

    /// Reads until `text` is on the screen.
    fn until_shown(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.shown.screen().contents().contains(text) {
            self.read(deadline.checked_duration_since(Instant::now()).expect(text));
        }
    }

    /// Reads for a while, and then until nothing has come for a moment.
    fn settle(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.read(left);
        }
        while self.read(Duration::from_millis(30)) {}
    }

    fn key(&mut self, key: &[u8]) {
        self.master.write_all(key).unwrap();
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    /// Clock ticks and context switches of all threads so far (proc(5)).
    fn used(&self) -> (u64, u64) {
        let (mut ticks, mut switches) = (0, 0);
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap() {
            let path = task.unwrap().path();
            let stat = std::fs::read_to_string(path.join("stat")).unwrap();
            let after = stat.rsplit_once(')').unwrap().1;
            let fields = after.split_whitespace().skip(11).take(2);
            ticks += fields.map(|n| n.parse::<u64>().unwrap()).sum::<u64>();
            let status = std::fs::read_to_string(path.join("status")).unwrap();
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            let numbers = lines.map(|line| line.rsplit(char::is_whitespace).next().unwrap());
            switches += numbers.map(|n| n.parse::<u64>().unwrap()).sum::<u64>();
        }
        (ticks, switches)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The median and the longest.
fn told(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!("median {:.2?}, longest {:.2?}", times[times.len() / 2], times[times.len() - 1])
}

fn start_to_first_screen() {
    let mut times = Vec::new();
    for _ in 0..31 {
        let begun = Instant::now();
        let mut screen = Screen::start();
        screen.until_frame(0);
        times.push(begun.elapsed());
    }
    println!("start to the first screenful:     {}", told(times));
}

fn byte_to_screen() {
    let mut screen = Screen::start();
    screen.until_frame(0);
    let mut client = screen.connect();
    screen.settle(Duration::from_millis(300));
    let mut times = Vec::new();
    for n in 0..200 {
        // What is read is shown with the call.
        let text = format!("byte{n:04}");
        let begun = Instant::now();
        client.write_all(text.as_bytes()).unwrap();
        screen.until_shown(&text);
        times.push(begun.elapsed());
        screen.settle(Duration::from_millis(40));
    }
    println!("a client's bytes to the screen:   {}", told(times));
}

fn nothing_happens() {
    let mut screen = Screen::start();
    screen.until_frame(0);
    let mut clients = [screen.connect(), screen.connect()];
    for client in &mut clients {
        client.write_all(b"hello\n").unwrap();
    }
    screen.settle(Duration::from_secs(4));
    let (written, used) = (screen.written.len(), screen.used());
    std::thread::sleep(Duration::from_secs(10));
    let (ticks, switches) = screen.used();
    while screen.read(Duration::from_millis(10)) {}
    println!(
        "ten seconds in which nothing happens: {} bytes, {} context switches, {} clock ticks",
        screen.written.len() - written,
        switches - used.1,
        ticks - used.0,
    );
}

fn colour(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(n) => Color::Indexed(n),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// Bytes of a frame in which that screen moves by one column.
fn scrolled(screen: &vt100::Screen) -> usize {
    let area = Rect::new(0, 0, COLUMNS, ROWS);
    let (mut before, mut after) = (Buffer::empty(area), Buffer::empty(area));
    for (x, y) in (0..COLUMNS).flat_map(|x| (0..ROWS).map(move |y| (x, y))) {
        for (buffer, from) in [(&mut before, x), (&mut after, x + 1)] {
            let Some(cell) = screen.cell(y, from) else { continue };
            let text = Some(cell.contents()).filter(|s| !s.is_empty()).unwrap_or(" ");
            let bold = if cell.bold() { Modifier::BOLD } else { Modifier::empty() };
            let style = Style::new().fg(colour(cell.fgcolor())).bg(colour(cell.bgcolor()));
            buffer[(x, y)].set_symbol(text).set_style(style.add_modifier(bold));
        }
    }
    let mut bytes = Vec::new();
    CrosstermBackend::new(&mut bytes).draw(before.diff(&after).into_iter()).unwrap();
    bytes.len()
}

fn bytes_a_frame() {
    let mut screen = Screen::start();
    screen.until_frame(0);
    let mut clients: Vec<_> = (0..26).map(|_| screen.connect()).collect();
    screen.settle(Duration::from_millis(300));
    screen.key(b"2");
    screen.settle(Duration::from_secs(1));
    let (from, begun) = (screen.written.len(), Instant::now());
    while begun.elapsed() < Duration::from_secs(10) {
        for client in &mut clients {
            client.write_all(b"hello\n").unwrap();
            screen.read(Duration::from_millis(2));
        }
    }
    let live = &screen.written[from..];
    let frames = live.windows(FRAME.len()).filter(|part| *part == FRAME).count().max(1);
    let (live, scrolled) = (live.len() / frames, scrolled(screen.shown.screen()));
    let share = 100 * live / scrolled.max(1);
    println!(
        "a frame of a live timeline:       {live} bytes, {frames} frames in 10 s; \
         the same screen scrolled by a column: {scrolled} bytes ({share} %)"
    );
}

/// Raises the soft limit of descriptors, here and for the program that is started.
fn descriptors() -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() && hard > CROWD as u64 + 100
}

fn keys_in_a_crowd() {
    if !descriptors() {
        println!("keys beside {CROWD} connections:  skipped, the limit of descriptors is too low");
        return;
    }
    let mut screen = Screen::start();
    screen.until_frame(0);
    let mut clients = Vec::new();
    while clients.len() < CROWD {
        clients.push(screen.connect());
        while screen.read(Duration::ZERO) {}
    }
    screen.settle(Duration::from_secs(3));
    let mut times = Vec::new();
    for _ in 0..100 {
        for key in [b"?", b"\x1b"] {
            let (from, begun) = (screen.written.len(), Instant::now());
            screen.key(key);
            screen.until_frame(from);
            times.push(begun.elapsed());
            screen.settle(Duration::from_millis(40));
        }
    }
    println!("a key beside {CROWD} connections: {}", told(times));
}

fn main() {
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    start_to_first_screen();
    byte_to_screen();
    bytes_a_frame();
    keys_in_a_crowd();
    nothing_happens();
}
