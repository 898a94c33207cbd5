//! What a goroutine does: code that looks as if each of its calls waited.
//!
//! It makes none. It asks the thread that runs it, and is left where the thread cannot answer yet.
//! Nothing may stand on its stack there but numbers and the port: see `sys/coroutine.rs`.

use std::io;

use crate::event::GoWait;
use crate::sys::coroutine::{Coroutine, Port};

/// Bytes that a goroutine reads before it lets the others run. Go would interrupt it after 10 ms
/// (runtime/proc.go: `forcePreemptNS`); nobody interrupts one here.
const FAIR_BYTES: u32 = 64 * 1024;

/// What a goroutine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It reads a connection and writes the answers.
    Client,
    /// It only reads: chat.
    Reader,
    /// It writes what others queue: chat.
    Writer,
    /// It accepts.
    Listener,
    /// It carries out commands.
    Control,
}

/// What a goroutine asks of its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `read`, and the serving of what it brings.
    Read,
    /// `send` of what is queued.
    Send,
    /// `accept4`.
    Accept,
    /// `read` of the control eventfd, and the carrying out of what waits.
    Control,
    /// To be left until that has come.
    Park(GoWait),
    /// To be left until the others that can run have run.
    Yield,
}

/// What the thread answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It goes on: what it waited for may have come.
    Go,
    /// So many bytes were moved, or one client was taken.
    Moved(u32),
    /// EAGAIN.
    Again,
    /// Nothing is queued.
    Empty,
    /// The connection is not to be read now.
    Deaf,
    /// No descriptor is left.
    NoDescriptor,
    /// The file is closed.
    Gone,
}

/// The file is closed: the goroutine ends.
struct Gone;

/// A goroutine's code with its stack.
pub(super) type Routine = Coroutine<Ask, Answer>;
type GoPort<'a> = Port<'a, Ask, Answer>;

/// A new one, which has not begun.
///
/// # Errors
/// If there is no memory for its stack.
pub(super) fn routine(role: Role) -> io::Result<Routine> {
    Coroutine::new(match role {
        Role::Client => |port| {
            let _gone = client(port);
        },
        Role::Reader => |port| {
            let _gone = reader(port);
        },
        Role::Writer => |port| {
            let _gone = writer(port);
        },
        Role::Listener => |port| {
            let _gone = accept(port);
        },
        Role::Control => |port| {
            let _gone = control(port);
        },
    })
}

/// A connection: what is queued goes out, what comes is served.
fn client(port: &GoPort<'_>) -> Result<(), Gone> {
    let mut turn = 0;
    loop {
        write_all(port, &mut turn)?;
        read(port, &mut turn)?;
    }
}

/// The end of a chat connection that reads: what it says goes to the queues of the others.
fn reader(port: &GoPort<'_>) -> Result<(), Gone> {
    let mut turn = 0;
    loop {
        read(port, &mut turn)?;
    }
}

/// The end that writes what others, or its own reader, have queued.
fn writer(port: &GoPort<'_>) -> Result<(), Gone> {
    loop {
        write_all(port, &mut 0)?;
        park(port, GoWait::Queue)?;
    }
}

/// A listener.
fn accept(port: &GoPort<'_>) -> Result<(), Gone> {
    loop {
        match port.ask(Ask::Accept) {
            Answer::Again => park(port, GoWait::Read)?,
            Answer::NoDescriptor => park(port, GoWait::Descriptor)?,
            // It is enough for now, or the error is one that nobody minds.
            Answer::Empty => leave(port)?,
            Answer::Gone => return Err(Gone),
            Answer::Go | Answer::Moved(_) | Answer::Deaf => {}
        }
    }
}

/// The control eventfd: commands for the server.
fn control(port: &GoPort<'_>) -> Result<(), Gone> {
    loop {
        match port.ask(Ask::Control) {
            Answer::Again => park(port, GoWait::Read)?,
            Answer::Gone => return Err(Gone),
            _ => {}
        }
    }
}

/// Returns when something was read (internal/poll/fd_unix.go: `FD.Read`). `turn`: bytes since it
/// was last left.
fn read(port: &GoPort<'_>, turn: &mut u32) -> Result<(), Gone> {
    loop {
        match port.ask(Ask::Read) {
            Answer::Again => {
                park(port, GoWait::Read)?;
                *turn = 0;
            }
            Answer::Deaf => {
                park(port, GoWait::Room)?;
                *turn = 0;
                return Ok(());
            }
            // The end of the stream that nobody acts upon: it is read again and again.
            Answer::Moved(0) => return leave(port),
            Answer::Moved(bytes) => {
                *turn = turn.saturating_add(bytes);
                if *turn >= FAIR_BYTES {
                    leave(port)?;
                    *turn = 0;
                }
                return Ok(());
            }
            Answer::Gone => return Err(Gone),
            // The end of the stream, and something is still to be written.
            Answer::Go | Answer::Empty | Answer::NoDescriptor => return Ok(()),
        }
    }
}

/// Returns when nothing is queued (internal/poll/fd_unix.go: `FD.Write`).
fn write_all(port: &GoPort<'_>, turn: &mut u32) -> Result<(), Gone> {
    loop {
        match port.ask(Ask::Send) {
            Answer::Again => {
                park(port, GoWait::Write)?;
                *turn = 0;
            }
            Answer::Empty => return Ok(()),
            Answer::Gone => return Err(Gone),
            _ => {}
        }
    }
}

fn park(port: &GoPort<'_>, on: GoWait) -> Result<(), Gone> {
    go_on(port.ask(Ask::Park(on)))
}

fn leave(port: &GoPort<'_>) -> Result<(), Gone> {
    go_on(port.ask(Ask::Yield))
}

fn go_on(answer: Answer) -> Result<(), Gone> {
    if answer == Answer::Gone { Err(Gone) } else { Ok(()) }
}
