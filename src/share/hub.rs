//! What is shown now, and who watches it.

mod stream;
mod viewer;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::sync::{Notify, watch};

use super::FilmSize;
use super::ask::{ClassPoll, ClassTally, Token};
use super::bucket::Bucket;
use super::code::ShareCode;
use super::wire::{ShareBlocks, SharePage, ShareReport, Telling, Wanted};
use crate::record::{Block, BlockKind};

use stream::{Stream, StreamPiece};
use viewer::Viewer;
pub(super) use viewer::{Next, Watching};

/// Frames that are kept for those who are behind.
const FRAMES: usize = 64;
/// Bytes of them, for a screen that changes as a whole each time.
const FILM_BYTES: usize = 2 << 20;
/// Blocks that are kept for those who are behind, and bytes of them.
const BLOCKS: (usize, usize) = (4096, 8 << 20);
/// Bytes of where somebody looked, beside all that is kept for everybody: some hours.
const VIEWS: usize = 16 << 20;
/// Bytes of blocks a second: of what is more, worlds are shown instead.
const BLOCK_RATE: u32 = 512 << 10;
/// Whoever begins anew does so from a whole picture with no more than this behind it: from an older
/// one it would be behind at once.
const FRESH: [usize; 2] = [64 << 10, 1 << 20];
/// How long a viewer who lost its place counts as slow.
const SLOW: Duration = Duration::from_secs(3);
/// Viewers at the most.
const VIEWERS: usize = 200;
/// And where they are asked.
const ASKED: usize = 300;

/// All that is shared.
pub(super) struct Hub {
    pub(super) code: ShareCode,
    pub(super) name: Option<String>,
    pub(super) page: Bytes,
    pub(super) policy: String,
    pub(super) offered: ShareBlocks,
    films: [Stream; FilmSize::ALL.len()],
    blocks: Stream,
    /// Bytes of what is kept of them, if it is kept as a whole.
    kept_bytes: usize,
    /// Blocks that may be shown.
    budget: Bucket,
    /// Events are missing: the next block is to be a world.
    torn: bool,
    viewers: Viewers,
    numbered: u64,
    refused: u64,
    /// The last question.
    poll: Option<ClassPoll>,
    /// It, as viewers are told of it.
    question: Bytes,
    /// Nothing more comes.
    over: bool,
    /// Counts what is new.
    news: watch::Sender<u64>,
    /// The session is to be told at once.
    urgent: Rc<Notify>,
    /// It is to be told in its time.
    refusals: Rc<Notify>,
}

impl Hub {
    /// A hub that shows nothing yet.
    pub(super) fn new(
        code: ShareCode,
        name: Option<String>,
        page: SharePage,
        offered: ShareBlocks,
    ) -> Self {
        let kept = offered != ShareBlocks::Passing;
        // What is kept is bounded as a whole: its beginning never gives way.
        let room = if kept { (usize::MAX, usize::MAX) } else { BLOCKS };
        Self {
            code,
            name,
            page: page.html.into(),
            policy: page.policy,
            offered,
            films: FilmSize::ALL.map(|_| Stream::new((FRAMES, FILM_BYTES), FRESH[0], None)),
            blocks: Stream::new(room, FRESH[1], kept.then_some(0)),
            kept_bytes: 0,
            budget: Bucket::new(BLOCK_RATE, Instant::now()),
            torn: false,
            viewers: BTreeMap::new(),
            numbered: 0,
            refused: 0,
            poll: None,
            question: Bytes::new(),
            over: false,
            news: watch::Sender::new(0),
            urgent: Rc::default(),
            refusals: Rc::default(),
        }
    }

    /// Told when something is new.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Told when the session is to know something at once.
    pub(super) fn urgent(&self) -> Rc<Notify> {
        Rc::clone(&self.urgent)
    }

    /// Told when a request is refused.
    pub(super) fn refusals(&self) -> Rc<Notify> {
        Rc::clone(&self.refusals)
    }

    /// A request is refused.
    pub(super) fn refuse(&mut self) {
        self.refused += 1;
        self.refusals.notify_one();
    }

    /// Whether nothing changes with time: nobody watches, and what was answered has been told.
    pub(super) fn is_quiet(&self) -> bool {
        self.viewers.is_empty() && !self.poll.as_ref().is_some_and(ClassPoll::has_news)
    }

    /// Takes what the session tells.
    pub(super) fn take(&mut self, telling: Telling) {
        match telling {
            // It is the first one, and has been taken.
            Telling::Begin { .. } => {}
            Telling::FilmHead(size, line) => {
                let film = &mut self.films[size.index()];
                film.head = event(None, &line);
                film.push(film.head.clone(), false);
            }
            Telling::Film { size, key, line } => {
                self.films[size.index()].push(event(None, &line), key);
                self.answered(key);
            }
            Telling::Blocks(offered) => {
                self.offered = offered;
                self.begin_to_keep();
            }
            Telling::Block(block) if self.blocks.kept.is_some() => self.keep(&block),
            Telling::Block(block) => self.block(&block, Instant::now()),
            Telling::Stored { first, bytes } => {
                if first {
                    self.begin_to_keep();
                }
                self.push_kept(bytes, ShareBlocks::KEPT, false);
            }
            Telling::Ask(question) => {
                let poll = ClassPoll::new(question);
                self.show_question(&poll.json());
                self.poll = Some(poll);
            }
            Telling::CloseAnswers(number) => self.poll_of(number, |poll, viewers| {
                poll.close(|token| watches(viewers, token));
            }),
            Telling::Solve(number, truth) => self.poll_of(number, |poll, viewers| {
                poll.solve(truth, |token| watches(viewers, token));
            }),
            Telling::NoMoreQuestions => {
                self.poll = None;
                self.show_question("null");
            }
            Telling::Bye(why) => self.end(&why),
        }
        self.tell();
    }

    /// Does that to the question with that number, if it is the last one.
    fn poll_of(&mut self, number: u32, change: impl FnOnce(&mut ClassPoll, &Viewers)) {
        if let Some(poll) = self.poll.as_mut().filter(|poll| poll.is(number)) {
            change(poll, &self.viewers);
            let shown = poll.json();
            self.show_question(&shown);
            // The session waits for what they come to.
            self.urgent.notify_one();
        }
    }

    /// Shows a question to all who watch, and to those who will.
    fn show_question(&mut self, shown: &str) {
        self.question = event(Some("question"), shown);
        self.films.iter_mut().for_each(|film| film.push(self.question.clone(), false));
    }

    /// Takes an answer; whether it is one.
    pub(super) fn answer(&mut self, body: &[u8]) -> bool {
        let (viewers, poll) = (&self.viewers, self.poll.as_mut());
        poll.is_some_and(|poll| poll.take(body, |token| watches(viewers, token), Instant::now()))
    }

    /// Whether no more answers are taken.
    pub(super) fn is_closed(&self) -> bool {
        self.poll.as_ref().is_some_and(ClassPoll::is_closed)
    }

    /// What the answers come to, if that is new.
    pub(super) fn tally(&mut self) -> Option<ClassTally> {
        let film = |viewer: &&Viewer| !viewer.what.is_blocks();
        let (viewers, all) = (self.viewers.values().filter(film).count(), &self.viewers);
        self.poll.as_mut()?.news(viewers, |token| watches(all, token))
    }

    /// What comes now is another recording: whoever has the one before may have it to its end.
    fn begin_to_keep(&mut self) {
        let Self { blocks, viewers, .. } = self;
        if blocks.kept.is_some() {
            let those = viewers.values().filter(|viewer| viewer.what.is_blocks());
            let places = those.filter_map(|viewer| viewer.place.filter(|_| !viewer.done));
            let end = blocks.ring.end();
            blocks.ring.forget(places.min().unwrap_or(end));
            blocks.kept = Some(end);
            self.kept_bytes = 0;
        }
    }

    fn keep(&mut self, block: &Block) {
        let last = block.kind == BlockKind::End;
        if block.kind == BlockKind::Head {
            self.begin_to_keep();
            self.push_kept(first_bytes(block), ShareBlocks::KEPT, false);
        } else if block.kind == BlockKind::View {
            // Where somebody looks is told as long as there is room for it.
            self.push_kept(block.encode(), ShareBlocks::KEPT + VIEWS, false);
        } else if !self.push_kept(block.encode(), ShareBlocks::KEPT, last) && self.is_kept() {
            let (kind, raw) = (BlockKind::End, b"{\"why\":\"limit\"}".to_vec());
            let end = Block { kind, count: 0, until: block.from, raw, ..block.clone() };
            self.push_kept(end.encode(), ShareBlocks::KEPT, true);
            self.offered = ShareBlocks::too_large("what happened");
        }
    }

    /// Whether what comes is kept for everybody.
    fn is_kept(&self) -> bool {
        self.offered == ShareBlocks::Whole
    }

    /// Keeps a piece, if there are no more than `most` bytes then, or it is the last one; whether
    /// that is so.
    fn push_kept(&mut self, bytes: Vec<u8>, most: usize, last: bool) -> bool {
        let length = bytes.len();
        let kept = last || (self.is_kept() && self.kept_bytes + length <= most);
        if kept {
            self.kept_bytes += length;
            self.blocks.ring.push(StreamPiece { bytes: bytes.into(), whole: false, last }, length);
        }
        kept
    }

    fn block(&mut self, block: &Block, now: Instant) {
        if block.kind == BlockKind::Head {
            self.blocks.head = first_bytes(block).into();
            self.blocks.ring.clear();
            return;
        }
        let key = block.kind == BlockKind::Key;
        if self.torn && !key && block.kind == BlockKind::Events {
            return;
        }
        let bytes = Bytes::from(block.encode());
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if matches!(block.kind, BlockKind::Events | BlockKind::Key) {
            self.torn = !self.budget.take(length, now);
            if self.torn {
                return;
            }
        }
        self.blocks.push(bytes, key);
        self.answered(key);
    }

    /// The session need not give it again.
    fn answered(&self, whole: bool) {
        if whole {
            self.urgent.notify_one();
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, why: &str) {
        if !self.over {
            let bye = event(Some("bye"), &serde_json::Value::from(why).to_string());
            self.films.iter_mut().for_each(|film| film.push(bye.clone(), false));
            self.over = true;
            self.tell();
        }
    }

    fn tell(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// Lets one more watch; `None` if there are too many.
    pub(super) fn enter(&mut self, what: Watching, token: Option<Token>) -> Option<u64> {
        let most = if self.poll.is_some() { ASKED } else { VIEWERS };
        if self.viewers.len() >= most || self.over {
            return None;
        }
        self.numbered += 1;
        let viewer =
            Viewer { what, token, place: None, begun: false, done: false, lost_place: None };
        self.viewers.insert(self.numbered, viewer);
        self.poll.iter_mut().for_each(ClassPoll::recount);
        self.urgent.notify_one();
        Some(self.numbered)
    }

    fn leave(&mut self, viewer: u64) {
        let Some(Viewer { what, .. }) = self.viewers.remove(&viewer) else { return };
        self.poll.iter_mut().for_each(ClassPoll::recount);
        // What nobody watches is not painted any more: who comes later begins anew.
        if !self.viewers.values().any(|other| other.what.is_like(what)) {
            match what {
                Watching::Film(size) => self.films[size.index()].ring.clear(),
                _ if self.blocks.kept.is_some() => {}
                Watching::Blocks | Watching::Recordings => self.blocks.ring.clear(),
            }
        }
    }

    /// Who watches.
    pub(super) fn viewers(&self) -> usize {
        self.viewers.len()
    }

    fn stream(&self, what: Watching) -> &Stream {
        match what {
            Watching::Film(size) => &self.films[size.index()],
            Watching::Blocks | Watching::Recordings => &self.blocks,
        }
    }

    /// What that viewer gets next.
    pub(super) fn next(&mut self, viewer: u64) -> Next {
        let Some(viewer) = self.viewers.get_mut(&viewer) else { return Next::End };
        let stream = match viewer.what {
            Watching::Film(size) => &self.films[size.index()],
            Watching::Blocks | Watching::Recordings => &self.blocks,
        };
        let kept = stream.kept.is_some();
        if viewer.place.is_some_and(|place| stream.ring.get(place).is_err()) {
            // Of a whole, nobody goes on from elsewhere.
            viewer.done |= kept;
            (viewer.place, viewer.lost_place) = (None, Some(Instant::now()));
            self.urgent.notify_one();
        }
        if viewer.done {
            return Next::End;
        }
        // What is told at the end is all that is left to whoever has seen nothing yet.
        let last = (self.over && !kept).then(|| stream.ring.end().saturating_sub(1));
        let begins = || last.or_else(|| stream.begins());
        let Some(place) = viewer.place.or_else(begins) else {
            return if self.over { Next::End } else { Next::Wait };
        };
        let anew = viewer.place.replace(place).is_none();
        // A film tells again what it is painted with; a recording has one head.
        if anew && !kept && (!viewer.begun || !viewer.what.is_blocks()) {
            viewer.begun = true;
            let asked = if viewer.what.is_blocks() { &[][..] } else { &self.question[..] };
            return Next::Bytes([&stream.head[..], asked].concat().into());
        }
        match stream.ring.get(place) {
            Ok(Some(piece)) => {
                let over = piece.last && viewer.what != Watching::Recordings;
                (viewer.place, viewer.done) = (Some(place + 1), over);
                Next::Bytes(piece.bytes.clone())
            }
            Ok(None) | Err(_) if self.over => Next::End,
            Ok(None) | Err(_) => Next::Wait,
        }
    }

    /// How it is.
    pub(super) fn report(&self) -> ShareReport {
        let now = Instant::now();
        let is_slow = |viewer: &&Viewer| {
            let lately = |at: Instant| now.saturating_duration_since(at) < SLOW;
            let ring = &self.stream(viewer.what).ring;
            let behind = viewer.place.is_some_and(|place| ring.get(place).is_err());
            behind || viewer.lost_place.is_some_and(lately)
        };
        let count = |viewers: usize| u32::try_from(viewers).unwrap_or(u32::MAX);
        ShareReport {
            viewers: count(self.viewers.len()),
            slow: count(self.viewers.values().filter(is_slow).count()),
            refused: self.refused,
            films: FilmSize::ALL.map(|size| self.wanted(Watching::Film(size))),
            blocks: match self.wanted(Watching::Blocks) {
                Wanted::More if self.torn => Wanted::Whole,
                wanted => wanted,
            },
        }
    }

    fn wanted(&self, what: Watching) -> Wanted {
        let those = || self.viewers.values().filter(|viewer| viewer.what.is_like(what));
        let waits = those().any(|viewer| viewer.place.is_none());
        match those().next() {
            None => Wanted::No,
            Some(_) if waits && self.stream(what).begins().is_none() => Wanted::Whole,
            Some(_) => Wanted::More,
        }
    }
}

/// Those who watch, by numbers.
type Viewers = BTreeMap<u64, Viewer>;

/// Whether the page with that token is there.
fn watches(viewers: &Viewers, token: Token) -> bool {
    viewers.values().any(|viewer| viewer.token == Some(token))
}

/// How a recording begins: with the line, and with it again under a checksum.
fn first_bytes(head: &Block) -> Vec<u8> {
    [head.raw.clone(), head.encode()].concat()
}

/// An event of server-sent events (WHATWG HTML, 9.2), whose data is one line.
fn event(name: Option<&str>, line: &str) -> Bytes {
    let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
    format!("{name}data: {}\n\n", line.trim_end()).into()
}

/// A viewer: it leaves when this is dropped.
pub(super) struct Seat {
    hub: Rc<RefCell<Hub>>,
    viewer: u64,
}

impl Seat {
    /// Takes a seat; `None` if there is none.
    pub(super) fn take(
        hub: &Rc<RefCell<Hub>>,
        what: Watching,
        token: Option<Token>,
    ) -> Option<Self> {
        let viewer = hub.borrow_mut().enter(what, token)?;
        Some(Self { hub: Rc::clone(hub), viewer })
    }

    /// What it gets next.
    pub(super) fn next(&self) -> Next {
        self.hub.borrow_mut().next(self.viewer)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.borrow_mut().leave(self.viewer);
    }
}

#[cfg(test)]
mod tests;
