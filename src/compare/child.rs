//! The process of a loop: the server as it is, not watched, that says what it counted when asked.
//!
//! It is this program again. Its first line of output says where it listens; then it answers each
//! line of input by a line. It ends with its input, and with whoever started it.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use serde::{Deserialize, Serialize};

use crate::engine::{Address, CallCounts, Engine};
use crate::error::Error;
use crate::event::{Kind, LaneChange};
use crate::sys::standard::{Stdin, Stdout};

/// The word, before the number of the process that asks and the options of a server, that makes this
/// program such a process.
pub const SUBCOMMAND: &str = "loop-process";

/// How long the first client may wait for its answer.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// How often it is looked whether the server is still there, meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// Events that are thrown away at a time.
const DRAIN: usize = 100_000;

/// A line of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CountReport {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// What it has counted so far.
    pub(super) counts: CallCounts,
}

/// Lets this process die with `parent`, which has started it (PR_SET_PDEATHSIG, prctl(2)).
///
/// # Errors
/// If that process is not its parent: it is gone already.
pub fn tie(parent: u32) -> Result<(), Error> {
    set_pdeathsig(Signal::SIGKILL).map_err(|e| Error::runtime("prctl(PR_SET_PDEATHSIG)", &e))?;
    if i64::from(getppid().as_raw()) == i64::from(parent) {
        return Ok(());
    }
    Err(Error::runtime("serve", &"whoever asked for this server is gone"))
}

/// Answers until standard input ends.
///
/// # Errors
/// If the server cannot serve, or nobody reads the answers.
pub fn answer(mut engine: Engine) -> Result<u8, Error> {
    let tcp = engine.addresses().iter().find_map(|address| match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    });
    let Some(address) = tcp else {
        return Err(Error::Usage("only a server with a TCP address is counted".to_owned()));
    };
    serve_one(&mut engine, address)?;
    let mut input = BufReader::new(Stdin);
    let mut line = String::new();
    loop {
        report(&CountReport { address, counts: engine.counts() })
            .map_err(|e| Error::runtime("write to standard output", &e))?;
        line.clear();
        let read = input.read_line(&mut line);
        // Whoever asked does not read what a server says that nobody watches.
        engine.drain(DRAIN, &mut |_, _, _| {});
        match read {
            Ok(0) | Err(_) => return Ok(0),
            Ok(_) => {}
        }
    }
}

fn report(report: &CountReport) -> io::Result<()> {
    let mut text = serde_json::to_vec(report)?;
    text.push(b'\n');
    Stdout::default().write_all(&text)
}

/// Serves a first client, of its own: a loop that cannot be had says so before others come.
fn serve_one(engine: &mut Engine, address: SocketAddr) -> Result<(), Error> {
    let failed = |e: io::Error| Error::runtime("serve a first client", &e);
    let mut client = TcpStream::connect(address).map_err(failed)?;
    client.set_read_timeout(Some(LOOK)).map_err(failed)?;
    client.write_all(b"x").map_err(failed)?;
    let end = Instant::now() + FIRST_ANSWER;
    loop {
        let answer = client.read(&mut [0]);
        if let Some(why) = death(engine) {
            return Err(Error::runtime("T1 died", &why));
        }
        match answer {
            Ok(1) => return Ok(()),
            Ok(_) => return Err(failed(ErrorKind::UnexpectedEof.into())),
            Err(_) if Instant::now() < end => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Why a thread of the server has died, if one has.
fn death(engine: &mut Engine) -> Option<Box<str>> {
    let mut why = None;
    engine.drain(DRAIN, &mut |_, _, kind| {
        if let Kind::Lane(LaneChange::Died(cause)) = kind {
            why = Some(cause);
        }
    });
    why
}
