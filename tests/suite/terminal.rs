//! The program in a pseudo-terminal, read through a terminal emulator, with real clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{PATIENCE, end_of, program};

/// The program on a terminal of its own.
struct Terminal {
    child: Child,
    master: std::fs::File,
    screen: Arc<(Mutex<vt100::Parser>, Condvar)>,
    cooked: nix::sys::termios::Termios,
    slave: OwnedFd,
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    (NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap())
}

#[expect(unsafe_code, reason = "a new session and its terminal can only be set in the child")]
fn on_terminal(slave: &OwnedFd, command: &mut std::process::Command) -> Child {
    command.stdin(slave.try_clone().unwrap());
    command.stdout(slave.try_clone().unwrap());
    command.stderr(slave.try_clone().unwrap());
    let take_terminal = || {
        nix::unistd::setsid()?;
        // SAFETY: ioctl_tty(2), TIOCSCTTY takes an integer; descriptor 0 is the terminal.
        let taken = unsafe { nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) };
        nix::errno::Errno::result(taken).map(|_| ()).map_err(std::io::Error::from)
    };
    // SAFETY: setsid(2) and ioctl(2) are async-signal-safe, and the closure touches nothing else.
    unsafe { command.pre_exec(take_terminal) };
    command.spawn().unwrap()
}

impl Terminal {
    fn start(rows: u16, columns: u16, args: &[&str]) -> Self {
        let window = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&window), None).unwrap();
        let cooked = nix::sys::termios::tcgetattr(&pty.slave).unwrap();
        let mut command = program();
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").args(args);
        let child = on_terminal(&pty.slave, &mut command);
        let (height, width) = size(rows, columns);
        let parser = vt100::Parser::new(height, width, 0);
        let screen = Arc::new((Mutex::new(parser), Condvar::new()));
        let master = std::fs::File::from(pty.master);
        let (shared, mut reader) = (Arc::clone(&screen), master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 8_192];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                shared.0.lock().unwrap().process(&buffer[..n]);
                shared.1.notify_all();
            }
        });
        Self { child, master, screen, cooked, slave: pty.slave }
    }

    fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen satisfies the test, and returns its text.
    #[track_caller]
    fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut parser = self.screen.0.lock().unwrap();
        loop {
            let text = parser.screen().contents();
            if is(&text) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} is not on the screen:\n{text}");
            parser = self.screen.1.wait_timeout(parser, left).unwrap().0;
        }
    }

    #[track_caller]
    fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// The port that the header invites to.
    #[track_caller]
    fn port(&self) -> u16 {
        let text = self.shows("127.0.0.1:");
        let at = text.find("127.0.0.1:").unwrap() + "127.0.0.1:".len();
        let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn resize(&self, rows: u16, columns: u16) {
        let window = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let (height, width) = size(rows, columns);
        self.screen.0.lock().unwrap().screen_mut().set_size(height, width);
        #[expect(unsafe_code, reason = "nix has no TIOCSWINSZ")]
        // SAFETY: ioctl_tty(2), TIOCSWINSZ reads a struct winsize.
        let set =
            unsafe { nix::libc::ioctl(self.master.as_raw_fd(), nix::libc::TIOCSWINSZ, &window) };
        assert_eq!(set, 0);
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        end_of(&mut self.child)
    }

    /// The terminal is as it was before: cooked, main screen, cursor, no paste or mouse modes.
    #[track_caller]
    fn is_restored(&self) {
        let now = nix::sys::termios::tcgetattr(&self.slave).unwrap();
        assert_eq!(now.local_flags, self.cooked.local_flags);
        assert_eq!(now.input_flags, self.cooked.input_flags);
        self.until("the main screen", |_| true);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let parser = self.screen.0.lock().unwrap();
            let screen = parser.screen();
            let clean = !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None;
            drop(parser);
            if clean {
                return;
            }
            assert!(Instant::now() < deadline, "the terminal is not restored");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FREE: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn a_telnet_line_is_seen_held_stepped_and_gone_back_to() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    terminal.shows("Interest list");
    terminal.shows("Ready list");
    let mut client = terminal.connect();
    let me = client.local_addr().unwrap().to_string();
    terminal.shows(&me);
    client.write_all(b"hello\r\n").unwrap();
    let mut echo = [0; 7];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello\r\n");
    terminal.shows("\"hello\\r\\n\"");
    // Toggle all to edge-triggered.
    terminal.keys("T");
    terminal.shows("EDGE");
    // Hold: the line waits on the ready list.
    terminal.keys(" ");
    terminal.shows("held");
    client.write_all(b"waiting\r\n").unwrap();
    terminal.shows("9 B unread");
    // One call: epoll_wait reports it.
    terminal.keys(".");
    terminal.shows("being handled by T1");
    terminal.keys("[");
    terminal.shows("PAST");
    terminal.keys("g");
    terminal.until("the present", |text| !text.contains("PAST"));
    terminal.keys(" ");
    let mut echo = [0; 9];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"waiting\r\n");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_screen_for_a_time_ends_by_itself() {
    let mut terminal = Terminal::start(24, 80, &["--listen", "127.0.0.1:0", "--for", "1s"]);
    terminal.shows("Why");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn every_size_is_survived() {
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    terminal.resize(70, 240);
    terminal.shows("Timeline");
    terminal.resize(1, 1);
    terminal.resize(10, 30);
    terminal.shows("80x24");
    terminal.resize(40, 120);
    terminal.shows("Timeline");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_unix_client_and_a_built_in_client_are_shown() {
    let path = std::env::temp_dir().join(format!("epollscope-tui-{}.sock", std::process::id()));
    let path_text = path.display().to_string();
    let args = ["--listen", "127.0.0.1:0", "--unix", &path_text];
    let mut terminal = Terminal::start(40, 120, &args);
    terminal.shows("Interest list");
    let mut client = loop {
        if let Ok(client) = UnixStream::connect(&path) {
            break client;
        }
    };
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"by path\n").unwrap();
    let mut echo = [0; 8];
    client.read_exact(&mut echo).unwrap();
    terminal.shows("1 client");
    terminal.keys("c");
    terminal.shows("2 clients");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    assert!(!path.exists());
    terminal.is_restored();
}

#[test]
fn a_signal_restores_the_terminal() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGINT, 130)] {
        let mut terminal = Terminal::start(24, 80, &FREE);
        terminal.shows("Interest list");
        kill(Pid::from_raw(terminal.child.id().cast_signed()), signal).unwrap();
        assert_eq!(terminal.ended().code(), Some(code), "{signal}");
        terminal.is_restored();
    }
}

#[test]
fn a_dumb_terminal_is_one_clear_line_and_exit_2() {
    let window = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&window), None).unwrap();
    let mut command = program();
    command.env("TERM", "dumb").args(FREE);
    let mut child = on_terminal(&pty.slave, &mut command);
    assert_eq!(child.wait().unwrap().code(), Some(2));
    // Once the last descriptor of the other side is closed, reading ends (with EIO).
    drop((command, pty.slave));
    let mut bytes = Vec::new();
    let _end = std::fs::File::from(pty.master).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("--headless") && text.trim_end().lines().count() == 1, "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
