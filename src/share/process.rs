//! The side of the session: it starts the process, tells it what is shown, and never waits for it.

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{self, Backlog, setsockopt, sockopt};

use super::ask::{ClassForm, ClassQuestion, ClassTally, ClassTruth};
use super::code::ShareCode;
use super::reports::{Came, listen as listen_to};
use super::wire::{Reported, ShareBlocks, SharePage, ShareReport, Telling, Wanted};
use super::{FilmSize, SUBCOMMAND, ShareOptions};
use crate::error::Error;
use crate::film::{FilmHead, Frame};
use crate::record::{Block, BlockKind};
use crate::sys::descriptor::{out_of_the_way, set_blocking};
use crate::sys::message::pack;

/// Bytes that wait for a viewer in the kernel: one who is slow is to be noticed soon.
const SEND_BUFFER: usize = 32 << 10;
/// Bytes of a segment at the most. On the way to this machine itself one may be longer than all that
/// waits to be sent, and of what is less the other end says only after 40 ms that it is there.
const SEGMENT: u32 = 8 << 10;
/// After what time without an answer a connection is given up by the kernel (tcp(7)), in ms.
const UNANSWERED: u32 = 20_000;
/// Bytes that a pipe may hold without a privilege (pipe(7)).
const PIPE: i32 = 1 << 20;
/// How long the process has to say goodbye.
const END: Duration = Duration::from_millis(500);

/// What has changed since the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareLook {
    /// Nothing.
    Same,
    /// Who watches, or what they want.
    Changed,
    /// It has ended by itself, for this reason.
    Ended(String),
}

/// A session that is shared. Dropping it ends that.
#[derive(Debug)]
pub struct Share {
    child: Child,
    /// Closed at the end.
    pipe: Option<std::fs::File>,
    /// Of what was told the pipe has not taken that yet.
    waits: Vec<u8>,
    reports: Receiver<Came>,
    report: ShareReport,
    tally: ClassTally,
    /// Questions so far.
    asked: u32,
    address: SocketAddr,
    code: ShareCode,
    lan: bool,
}

impl Share {
    /// Shares a session: from now on viewers can connect, and see that page, and have those blocks.
    /// When there is something to [look](Self::look) at, `bell` is rung, on another thread.
    ///
    /// # Errors
    /// If the address cannot be listened on, or is one that others can reach and need not, or the
    /// process cannot be started.
    pub fn start(
        options: &ShareOptions,
        page: fn(&str) -> SharePage,
        blocks: ShareBlocks,
        bell: impl Fn() + Send + 'static,
    ) -> Result<Self, Error> {
        // It stays that of this program, even if its file is replaced (proc(5)).
        Self::start_as(Path::new("/proc/self/exe"), options, page, blocks, bell)
    }

    /// The same, by a process that runs `program`, which must be this one.
    ///
    /// # Errors
    /// As [`Share::start`].
    pub fn start_as(
        program: &Path,
        options: &ShareOptions,
        page: fn(&str) -> SharePage,
        blocks: ShareBlocks,
        bell: impl Fn() + Send + 'static,
    ) -> Result<Self, Error> {
        if !options.lan && !options.address.ip().is_loopback() {
            return Err(Error::Usage("sharing beyond this machine needs --lan".to_owned()));
        }
        let failed = |error: io::Error| Error::runtime("share", &error);
        let (listener, address) = listen(options.address)?;
        let code = options.code.clone().map_or_else(ShareCode::draw, Ok).map_err(failed)?;
        let mut child = Command::new(program)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(listener))
            // What the terminal sends is for whoever shows the session.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (pipe, reports) = ends(&mut child).map_err(failed)?;
        let reports = listen_to(reports, bell).map_err(failed)?;
        let mut share = Self {
            child,
            pipe: Some(pipe),
            waits: Vec::new(),
            reports,
            report: ShareReport::default(),
            tally: ClassTally::default(),
            asked: 0,
            address,
            code: code.clone(),
            lan: options.lan,
        };
        let page = page(code.as_str());
        let (code, name) = (code.as_str().to_owned(), options.name.clone());
        share.tell(&Telling::Begin { code, name, page, blocks });
        Ok(share)
    }

    /// Where it can be watched: the addresses by which this machine is known, with the code.
    pub fn addresses(&self) -> Vec<String> {
        let at = |ip: IpAddr| {
            format!("{}/{}", SocketAddr::new(ip, self.address.port()), self.code.as_str())
        };
        let ip = self.address.ip();
        if !ip.is_unspecified() {
            return vec![at(ip)];
        }
        let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
        let known = interfaces.filter_map(|interface| interface.address).filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))
        });
        let others = known.filter(|known| !known.is_loopback() && known.is_ipv4() == ip.is_ipv4());
        others.map(at).collect()
    }

    /// Whether other machines can connect.
    pub fn is_lan(&self) -> bool {
        self.lan && !self.address.ip().is_loopback()
    }

    /// Who watches, as of the last look.
    pub fn report(&self) -> ShareReport {
        self.report
    }

    /// Whether blocks are wanted, as of the last look; a whole picture, until that has been told.
    pub fn wants_blocks(&self) -> Wanted {
        self.report.blocks
    }

    /// The same of the film of that size.
    pub fn wants_film(&self, size: FilmSize) -> Wanted {
        self.report.films[size.index()]
    }

    /// Tells a block; whether it found room.
    pub fn tell_block(&mut self, block: Block) -> bool {
        let whole = block.kind == BlockKind::Key;
        let told = self.tell(&Telling::Block(block));
        answered(&mut self.report.blocks, whole && told);
        told
    }

    /// Tells a block of a recording that is kept as a whole: none of it is lost.
    pub fn keep_block(&mut self, block: Block) {
        self.insist(&Telling::Block(block));
        answered(&mut self.report.blocks, true);
    }

    /// Tells some bytes of one as they are in its file, which may be the first.
    pub fn keep_stored(&mut self, first: bool, bytes: Vec<u8>) {
        self.insist(&Telling::Stored { first, bytes });
        answered(&mut self.report.blocks, true);
    }

    /// From now on there are these blocks to be had, which are another recording.
    pub fn offer(&mut self, blocks: ShareBlocks) {
        self.insist(&Telling::Blocks(blocks));
    }

    /// Tells a frame, and before it what it is painted with if that is new; whether they found room.
    pub fn tell_frame(&mut self, size: FilmSize, head: Option<&FilmHead>, frame: &Frame) -> bool {
        let told = head.is_none_or(|head| self.tell(&Telling::FilmHead(size, head.line())))
            && self.tell(&Telling::Film { size, key: frame.key, line: frame.line() });
        answered(&mut self.report.films[size.index()], frame.key && told);
        told
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells something; whether it found room. What did not is not told later.
    pub fn tell(&mut self, telling: &Telling) -> bool {
        self.pass_on();
        if !self.waits.is_empty() {
            return false;
        }
        let Ok(bytes) = pack(telling) else { return false };
        self.waits = bytes;
        self.pass_on();
        true
    }

    /// Tells something that must not be lost: it waits for room.
    fn insist(&mut self, telling: &Telling) {
        if let Ok(bytes) = pack(telling) {
            self.waits.extend(bytes);
            self.pass_on();
        }
    }

    /// Asks all who watch; the number of the question.
    pub fn ask(&mut self, text: String, form: ClassForm) -> u32 {
        self.asked += 1;
        let number = self.asked;
        self.insist(&Telling::Ask(ClassQuestion { number, text, form }));
        number
    }

    /// Takes no more answers to that question.
    pub fn close_answers(&mut self, number: u32) {
        self.insist(&Telling::CloseAnswers(number));
    }

    /// Tells what was right in it.
    pub fn solve(&mut self, number: u32, truth: ClassTruth) {
        self.insist(&Telling::Solve(number, truth));
    }

    /// Tells that there are no more questions.
    pub fn ask_no_more(&mut self) {
        self.insist(&Telling::NoMoreQuestions);
    }

    /// What the answers to that question come to, as of the last look.
    pub fn tally(&self, number: u32) -> Option<&ClassTally> {
        Some(&self.tally).filter(|tally| tally.number == number)
    }

    /// Whether something that must not be lost, or the rest of what was begun, waits for room: no
    /// bell is rung when there is.
    pub fn is_behind(&self) -> bool {
        !self.waits.is_empty()
    }

    /// Puts into the pipe what it takes.
    fn pass_on(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        while !self.waits.is_empty() {
            match pipe.write(&self.waits) {
                Ok(written) => drop(self.waits.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // That nobody reads it any more is seen where reports end.
                Err(_) => return,
            }
        }
    }

    /// Looks what the process has reported; returns at once.
    pub fn look(&mut self) -> ShareLook {
        self.pass_on();
        let before = (self.report, self.tally.clone());
        loop {
            match self.reports.try_recv() {
                Ok(Ok(Reported::Watched(report))) => self.report = report,
                Ok(Ok(Reported::Answered(tally))) => self.tally = tally,
                Ok(Err(error)) => return ShareLook::Ended(error.to_string()),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return ShareLook::Ended(self.why()),
            }
        }
        if (self.report, &self.tally) == (before.0, &before.1) {
            ShareLook::Same
        } else {
            ShareLook::Changed
        }
    }

    /// Why the process has ended.
    fn why(&mut self) -> String {
        // Its end of the pipe is closed by its death: it can be waited for.
        match self.child.wait() {
            Ok(status) => match status.signal() {
                Some(signal) => format!("its process was ended by signal {signal}"),
                None => format!("its process has ended with status {}", status.code().unwrap_or(0)),
            },
            Err(error) => error.to_string(),
        }
    }

    /// Ends it, and tells viewers why.
    pub fn end(mut self, why: &str) {
        self.tell(&Telling::Bye(why.to_owned()));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pipe = None;
        let until = Instant::now() + END;
        let left = || until.saturating_duration_since(Instant::now());
        // Until it has closed its end, all that comes are reports.
        while self.reports.recv_timeout(left()).is_ok() {}
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A whole picture has been told: it need not be told again until it is asked for again.
fn answered(wanted: &mut Wanted, whole: bool) {
    if whole && *wanted == Wanted::Whole {
        *wanted = Wanted::More;
    }
}

/// Listens on an address, for the process that is to be started.
pub(super) fn listen(address: SocketAddr) -> Result<(OwnedFd, SocketAddr), Error> {
    let refused = |error: io::Error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => "address in use".to_owned(),
            _ => error.to_string(),
        };
        Error::Bind { address: address.to_string(), reason }
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    // A class comes all at once, and is let in one by one.
    let _as_it_is = socket::listen(&listener, Backlog::MAXCONN);
    // Connections have what their listener has.
    let _as_it_is = setsockopt(&listener, sockopt::SndBuf, &SEND_BUFFER);
    let _as_it_is = setsockopt(&listener, sockopt::TcpUserTimeout, &UNANSWERED);
    let _as_it_is = setsockopt(&listener, sockopt::TcpMaxSeg, &SEGMENT);
    Ok((listener.into(), address))
}

/// This side's ends of the pipes: no number of the server's stands behind them, and nobody waits
/// for room.
fn ends(child: &mut Child) -> io::Result<(std::fs::File, std::fs::File)> {
    let there = child.stdin.take().zip(child.stdout.take());
    let (input, output) = there.ok_or_else(|| io::Error::other("it has no pipes"))?;
    let (input, output) = (OwnedFd::from(input), OwnedFd::from(output));
    let (input, output) = (out_of_the_way(input), out_of_the_way(output));
    set_blocking(input.as_fd(), false)?;
    let _as_it_is = fcntl(&input, FcntlArg::F_SETPIPE_SZ(PIPE));
    Ok((input.into(), output.into()))
}
