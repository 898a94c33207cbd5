//! The terminal: entered and left exactly once, whatever happens, and drawn to frame by frame.
//!
//! ratatui's own `Terminal` is not used: it prints when it is dropped, which aborts on a dead
//! terminal, and it asks the terminal for the cursor, which may never answer.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::panic;
use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::style::ResetColor;
use ratatui::crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use ratatui::crossterm::{Command, queue};
use ratatui::layout::Rect;

use super::watchdog;
use crate::error::Error;

/// The longest text that is put on the clipboard, in bytes.
const MAX_COPY: usize = 65_536;

/// While the terminal takes nothing: how often to look whether the program is to end, in ms.
const STALLED: u8 = 50;

/// The largest part of a terminal that is drawn on, columns and rows: a terminal may claim to have
/// any number (TIOCSWINSZ, ioctl_tty(2)), and more cells than there is memory for.
const LARGEST: (u16, u16) = (1000, 500);

/// How long the terminal may take to make room for what gives it back, in ms.
const ROOM_WITHIN: u8 = 100;

/// Whether the terminal is the program's, and with the mouse.
static ENTERED: AtomicU8 = AtomicU8::new(OUT);
const OUT: u8 = 0;
const IN: u8 = 1;
const IN_WITH_MOUSE: u8 = 2;

thread_local! {
    /// Set on the thread that draws: only its panics concern the terminal.
    static IS_UI: Cell<bool> = const { Cell::new(false) };
}

/// Whether the mouse is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    /// The terminal keeps it, so that text can be selected.
    #[default]
    Terminal,
    /// A click selects.
    Captured,
}

/// Checks that somebody can look at a screen and type.
///
/// # Errors
/// `NoTerminal` if standard input or output is no terminal, or TERM is dumb.
pub fn require() -> Result<(), Error> {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    if dumb || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    Ok(())
}

/// Takes the terminal; does nothing if it is taken.
fn enter(mouse: Mouse) -> io::Result<()> {
    let state = if mouse == Mouse::Captured { IN_WITH_MOUSE } else { IN };
    if ENTERED.swap(state, Ordering::SeqCst) != OUT {
        return Ok(());
    }
    let mut bytes = Vec::new();
    greet(&mut bytes, mouse)?;
    let entered = terminal::enable_raw_mode().and_then(|()| write_out(&bytes));
    if entered.is_err() {
        leave();
    }
    entered
}

/// What makes a terminal the program's.
fn greet(out: &mut impl Write, mouse: Mouse) -> io::Result<()> {
    queue!(out, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
    if mouse == Mouse::Captured {
        queue!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back; does nothing if it is not taken. Failures are ignored: a terminal that
/// is gone needs nothing back.
pub fn leave() {
    if let Some(bytes) = farewell() {
        make_room(&io::stdout(), ROOM_WITHIN.into());
        let _ = write_out(&bytes);
        let _ = terminal::disable_raw_mode();
    }
}

/// As [`leave`], for a terminal that may not take a single byte: nothing here can block.
pub fn leave_stalled() {
    if let Some(bytes) = farewell() {
        // An open file of its own, so that O_NONBLOCK is nobody else's.
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        if let Ok(mut tty) = File::options().write(true).custom_flags(flags).open("/dev/tty") {
            make_room(&tty, PollTimeout::ZERO);
            let _ = tty.write_all(&bytes);
        }
        let _ = terminal::disable_raw_mode();
    }
}

/// What undoes [`enter`], once.
fn farewell() -> Option<Vec<u8>> {
    let state = ENTERED.swap(OUT, Ordering::SeqCst);
    if state == OUT {
        return None;
    }
    let mut text = String::new();
    let mut add = |command: &dyn Fn(&mut String) -> std::fmt::Result| {
        // Writing to a string cannot fail.
        let _ = command(&mut text);
    };
    add(&|t| EndSynchronizedUpdate.write_ansi(t));
    if state == IN_WITH_MOUSE {
        add(&|t| DisableMouseCapture.write_ansi(t));
    }
    add(&|t| DisableBracketedPaste.write_ansi(t));
    add(&|t| ResetColor.write_ansi(t));
    add(&|t| Show.write_ansi(t));
    add(&|t| LeaveAlternateScreen.write_ansi(t));
    Some(text.into_bytes())
}

/// Writes to standard output without its lock and its buffer, which a panic may have left in any
/// state, and without another descriptor: the server may have used up all that there are.
fn write_out(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(io::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Throws away what a terminal has not taken, if it takes nothing more within that time. CAN ends a
/// sequence that was cut by this.
fn make_room(tty: &impl AsFd, within: PollTimeout) {
    if !has_room(tty, within) {
        let _ = tcflush(tty, FlushArg::TCOFLUSH);
        let _ = nix::unistd::write(tty, b"\x18");
    }
}

/// Whether a terminal takes something within that time.
fn has_room(tty: &impl AsFd, within: PollTimeout) -> bool {
    let mut fds = [PollFd::new(tty.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, within).is_ok_and(|ready| ready > 0)
}

/// Standard output for the frames: an open file of its own, so that O_NONBLOCK is nobody else's.
/// Where the terminal belongs to another user it can only be shared, and writes wait.
fn output() -> io::Result<File> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let own = File::options().write(true).custom_flags(flags).open("/proc/self/fd/1");
    own.or_else(|_| Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

/// On a panic of the drawing thread gives the terminal back before the message is printed. Panics
/// of other threads are left to those who catch and report them while the screen is up.
fn install_panic_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ui = IS_UI.with(Cell::get);
            if ui {
                leave();
            }
            if ui || ENTERED.load(Ordering::SeqCst) == OUT {
                before(info);
            }
        }));
    });
}

/// Bytes of a frame, kept until they are flushed in one write.
struct Frame {
    bytes: Vec<u8>,
    tty: File,
}

impl Write for Frame {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.write_all_out();
        self.bytes.clear();
        written
    }
}

impl Frame {
    /// Writes the frame, however long the terminal takes to take it; when the program is to end,
    /// what it has not taken is forgotten.
    fn write_all_out(&mut self) -> io::Result<()> {
        let mut rest = &self.bytes[..];
        while !rest.is_empty() {
            match nix::unistd::write(&self.tty, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if watchdog::caught().is_some() => {
                    make_room(&self.tty, PollTimeout::ZERO);
                    return Err(Errno::EAGAIN.into());
                }
                Err(Errno::EAGAIN) => {
                    has_room(&self.tty, STALLED.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The terminal while it is the program's. Dropping it gives it back.
pub struct Terminal {
    backend: CrosstermBackend<Frame>,
    shown: Buffer,
    next: Buffer,
    mouse: Mouse,
    /// The next frame is drawn in full.
    fresh: bool,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If the terminal refuses.
    pub fn enter(mouse: Mouse) -> io::Result<Self> {
        install_panic_hook();
        IS_UI.with(|ui| ui.set(true));
        // Whatever can fail comes before the terminal is taken.
        let frame = Frame { bytes: Vec::new(), tty: output()? };
        let (width, height) = terminal::size()?;
        enter(mouse)?;
        let mut terminal = Self {
            backend: CrosstermBackend::new(frame),
            shown: Buffer::default(),
            next: Buffer::default(),
            mouse,
            fresh: true,
        };
        terminal.resize(width, height);
        Ok(terminal)
    }

    /// Takes over a new size; the next frame is drawn in full.
    pub fn resize(&mut self, width: u16, height: u16) {
        let area = Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1));
        self.shown = Buffer::empty(area);
        self.next = Buffer::empty(area);
        self.fresh = true;
    }

    /// Columns and rows that are drawn on.
    pub fn size(&self) -> (u16, u16) {
        (self.next.area.width, self.next.area.height)
    }

    /// Draws a frame and writes what differs from the one before, inside a synchronized update.
    ///
    /// # Errors
    /// If the terminal does not take it.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        self.next.reset();
        paint(&mut self.next);
        let diff = self.shown.diff(&self.next);
        if diff.is_empty() && !self.fresh {
            return Ok(());
        }
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if self.fresh {
            queue!(self.backend, ResetColor, Clear(ClearType::All))?;
        }
        self.backend.draw(diff.into_iter())?;
        queue!(self.backend, EndSynchronizedUpdate)?;
        Write::flush(&mut self.backend)?;
        self.fresh = false;
        std::mem::swap(&mut self.shown, &mut self.next);
        Ok(())
    }

    /// Puts text on the clipboard by OSC 52; says whether it was short enough.
    ///
    /// # Errors
    /// If the terminal does not take it.
    pub fn copy(&mut self, text: &str) -> io::Result<bool> {
        if text.len() > MAX_COPY {
            return Ok(false);
        }
        write!(self.backend, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
        Write::flush(&mut self.backend)?;
        Ok(true)
    }

    /// Gives the terminal back, stops the process until the shell continues it, and takes the
    /// terminal again.
    ///
    /// # Errors
    /// If the terminal refuses.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        leave();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTSTP)?;
        enter(self.mouse)?;
        self.measure()
    }

    /// Takes the terminal again after the process was stopped without being asked: it stands as
    /// the shell left it. In the background that stops the process once more (SIGTTOU,
    /// tcsetattr(3)), until the terminal is its own.
    ///
    /// # Errors
    /// If the terminal refuses.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        // The library believes that nothing has changed.
        terminal::disable_raw_mode()?;
        terminal::enable_raw_mode()?;
        greet(&mut self.backend, self.mouse)?;
        Write::flush(&mut self.backend)?;
        self.measure()
    }

    fn measure(&mut self) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        self.resize(width, height);
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        leave();
        IS_UI.with(|ui| ui.set(false));
    }
}
