//! The program on a pseudo-terminal of its own, read through a terminal emulator.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU16;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;

use crate::harness::{PATIENCE, end_of, program};
use crate::sieve::EscapeAudit;

/// A free port.
pub(crate) const FREE: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// What the terminal has been given so far.
pub(crate) struct State {
    pub(crate) parser: vt100::Parser,
    pub(crate) sieve: EscapeAudit,
    /// Nobody reads what the program writes.
    stalled: bool,
    /// There is nothing more to read.
    over: bool,
    /// The first bytes.
    head: Vec<u8>,
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.sieve.feed(bytes);
        let room = HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// How many of the first bytes are kept.
const HEAD: usize = 65_536;

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The program on a terminal of its own.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    master: Option<File>,
    shared: Shared,
    /// The thread that reads, and what makes it end.
    reader: Option<(JoinHandle<()>, UnixStream)>,
    cooked: Termios,
    slave: Option<OwnedFd>,
    /// Where the program runs: keys may have it write files.
    folder: Option<PathBuf>,
}

/// How the program stands to its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    /// It leads a session whose terminal this is.
    Session,
    /// As that, and SIGHUP is ignored.
    DeafToHangup,
    /// The terminal is only where its input and output go: no signal comes from it.
    Loose,
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    (NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap())
}

/// Both sides of a new pseudo-terminal, that no other child of the tests inherits: it would keep
/// the terminal open.
fn open_pair() -> (File, OwnedFd) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = File::options()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NOCTTY)
        .open(ptsname_r(&master).unwrap())
        .unwrap();
    (File::from(OwnedFd::from(master)), slave.into())
}

#[expect(unsafe_code, reason = "nix has no TIOCSWINSZ")]
fn set_size(master: &File, rows: u16, columns: u16) {
    let window = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: ioctl_tty(2), TIOCSWINSZ reads a struct winsize.
    let set = unsafe { nix::libc::ioctl(master.as_raw_fd(), nix::libc::TIOCSWINSZ, &window) };
    assert_eq!(set, 0);
}

#[expect(unsafe_code, reason = "a new session and its terminal can only be set in the child")]
fn on_terminal(slave: &OwnedFd, command: &mut Command, tie: Tie) -> Child {
    command.stdin(slave.try_clone().unwrap());
    command.stdout(slave.try_clone().unwrap());
    command.stderr(slave.try_clone().unwrap());
    let take_terminal = move || {
        // A test binary that plays the program has threads before it can block them itself.
        epollscope::sys::signal::block_observer_signals()?;
        if tie == Tie::DeafToHangup {
            // SAFETY: signal(2) with SIG_IGN installs no handler.
            unsafe { nix::libc::signal(nix::libc::SIGHUP, nix::libc::SIG_IGN) };
        }
        if tie == Tie::Loose {
            return Ok(());
        }
        nix::unistd::setsid()?;
        // SAFETY: ioctl_tty(2), TIOCSCTTY takes an integer; descriptor 0 is the terminal.
        let taken = unsafe { nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) };
        nix::errno::Errno::result(taken).map(|_| ()).map_err(std::io::Error::from)
    };
    // SAFETY: setsid(2), signal(2), ioctl(2) and pthread_sigmask(3) are async-signal-safe, and the
    // closure touches nothing else.
    unsafe { command.pre_exec(take_terminal) };
    let child = command.spawn().unwrap();
    // The command would keep the terminal open.
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    child
}

/// Reads the terminal until it, or the test, ends.
fn read_all(mut master: File, stop: &UnixStream, shared: &Shared) {
    let mut buffer = [0; 8_192];
    loop {
        let free = shared.1.wait_while(hold(shared), |s| s.stalled && !s.over);
        drop(free.unwrap_or_else(PoisonError::into_inner));
        let mut fds = [
            PollFd::new(master.as_fd(), PollFlags::POLLIN),
            PollFd::new(stop.as_fd(), PollFlags::POLLIN),
        ];
        let polled = poll(&mut fds, PollTimeout::NONE);
        if polled.is_err() || fds[1].revents().is_some_and(|r| !r.is_empty()) {
            return;
        }
        let mut state = hold(shared);
        if let Ok(n @ 1..) = master.read(&mut buffer) {
            state.take(&buffer[..n]);
        } else {
            state.over = true;
        }
        let over = state.over;
        drop(state);
        shared.1.notify_all();
        if over {
            return;
        }
    }
}

/// Locks, also after a failed assertion, so that everything is taken down.
fn hold(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Terminals of this process so far.
static STARTED: AtomicU32 = AtomicU32::new(0);

impl Terminal {
    /// Starts the program and does not wait for its screen.
    pub(crate) fn start(rows: u16, columns: u16, args: &[&str]) -> Self {
        let mut command = program();
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").args(args);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("epollscope-terminal-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut terminal = Self::spawn(rows, columns, command.current_dir(&folder), Tie::Session);
        terminal.folder = Some(folder);
        terminal
    }

    /// Starts a prepared command.
    pub(crate) fn spawn(rows: u16, columns: u16, command: &mut Command, tie: Tie) -> Self {
        let (master, slave) = open_pair();
        set_size(&master, rows, columns);
        let cooked = tcgetattr(&slave).unwrap();
        let child = on_terminal(&slave, command, tie);
        let (height, width) = size(rows, columns);
        let state = State {
            parser: vt100::Parser::new(height, width, 0),
            sieve: EscapeAudit::default(),
            stalled: false,
            over: false,
            head: Vec::new(),
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let (ours, stop) = UnixStream::pair().unwrap();
        let (own, source) = (Arc::clone(&shared), master.try_clone().unwrap());
        let reader = std::thread::spawn(move || read_all(source, &stop, &own));
        let reader = Some((reader, ours));
        Self {
            child,
            master: Some(master),
            shared,
            reader,
            cooked,
            slave: Some(slave),
            folder: None,
        }
    }

    /// Where the program runs, if it was started in a folder of its own.
    #[track_caller]
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_deref().expect("a folder of its own")
    }

    /// What has come so far.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        hold(&self.shared)
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.bytes(keys.as_bytes());
    }

    /// Types any bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.master.as_mut().expect("the terminal is open").write_all(bytes).unwrap();
    }

    /// Waits until the state satisfies the test.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        while !is(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            let text = state.parser.screen().contents();
            assert!(!left.is_zero(), "{what} is not on the screen:\n{text}");
            state = self.shared.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until the screen satisfies the test, and returns its text.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        self.wait(what, |state| is(&state.parser.screen().contents()));
        self.text()
    }

    /// The text of the screen.
    pub(crate) fn text(&self) -> String {
        self.state().parser.screen().contents()
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits for a frame that begins after this moment.
    #[track_caller]
    pub(crate) fn next_frame(&self) {
        let frames = self.state().sieve.frames;
        self.wait("another frame", |state| state.sieve.frames > frames);
    }

    /// Waits until nothing has come for a moment, or something always comes.
    pub(crate) fn settle(&self) {
        let mut state = self.state();
        for _ in 0..10 {
            let pause = Duration::from_millis(20);
            let (now, quiet) = self.shared.1.wait_timeout(state, pause).unwrap();
            if quiet.timed_out() {
                return;
            }
            state = now;
        }
    }

    /// The port that the header invites to.
    #[track_caller]
    pub(crate) fn port(&self) -> u16 {
        let text = self.shows("127.0.0.1:");
        let at = text.find("127.0.0.1:").unwrap() + "127.0.0.1:".len();
        let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let (height, width) = size(rows, columns);
        self.state().parser.screen_mut().set_size(height, width);
        set_size(self.master.as_ref().expect("the terminal is open"), rows, columns);
    }

    /// The terminal says that it has this size, and has not.
    pub(crate) fn claim(&self, rows: u16, columns: u16) {
        set_size(self.master.as_ref().expect("the terminal is open"), rows, columns);
    }

    /// From now on nobody reads what the program writes, or somebody does again.
    pub(crate) fn stall(&self, stalled: bool) {
        self.state().stalled = stalled;
        self.shared.1.notify_all();
    }

    /// The terminal goes away.
    pub(crate) fn hang_up(&mut self) {
        hold(&self.shared).over = true;
        self.shared.1.notify_all();
        if let Some((reader, stop)) = self.reader.take() {
            drop(stop);
            let _panicked = reader.join();
        }
        self.master = None;
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        end_of(&mut self.child)
    }

    /// The terminal is as it was before: cooked, main screen, cursor, no paste or mouse modes; and
    /// nothing was ever written to it that is not the program's own.
    #[track_caller]
    pub(crate) fn is_restored(&self) {
        self.wait("the main screen", |state| {
            let screen = state.parser.screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        let deadline = Instant::now() + PATIENCE;
        while !self.is_cooked() {
            assert!(Instant::now() < deadline, "the terminal is not cooked");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.is_clean();
    }

    /// Waits until lines are typed on the terminal, whoever made it so.
    #[track_caller]
    pub(crate) fn wait_until_cooked(&self) {
        let deadline = Instant::now() + PATIENCE;
        let slave = self.slave.as_ref().expect("the terminal is open");
        while !tcgetattr(slave).unwrap().local_flags.contains(LocalFlags::ICANON) {
            assert!(Instant::now() < deadline, "the terminal is not cooked");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every byte that was written, if not more than some thousand, once the program has ended.
    pub(crate) fn all_bytes(&mut self) -> Vec<u8> {
        // With its last descriptor the terminal's other side ends, after all that was written.
        self.slave = None;
        self.wait("the end", |state| state.over);
        std::mem::take(&mut self.state().head)
    }

    fn is_cooked(&self) -> bool {
        let now = tcgetattr(self.slave.as_ref().expect("the terminal is open")).unwrap();
        let same = now.local_flags == self.cooked.local_flags;
        same && now.input_flags == self.cooked.input_flags
    }

    /// Every byte so far belongs to a frame or to a sequence that the program writes itself.
    #[track_caller]
    pub(crate) fn is_clean(&self) {
        let wrong = self.state().sieve.wrong.clone();
        assert_eq!(wrong, None, "bytes that are not the program's own");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.hang_up();
        let _ = self.folder.take().map(std::fs::remove_dir_all);
    }
}
