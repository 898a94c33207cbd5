//! What a server passes to each poll(2) or select(2), and what the last call made of it.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{Backend, Fd, FileId, Mask, Nanos, Ret, Seq, WatchKey};
use crate::model::check::{Check, Divergence};
use crate::model::file::Poll;

/// What a call copies of an entry of poll(2) into the kernel (struct pollfd).
const POLLFD_BYTES: u64 = 8;
/// What it copies out of it: `revents`.
const REVENTS_BYTES: u64 = 2;
/// Bits of a word of an fd_set, and its bytes (`FDS_LONGS`, fs/select.c).
const WORD: (u64, u64) = (64, 8);
/// The sets of select(2) that the server passes: those to read, and those to write.
const SETS: u64 = 2;

/// One file of the set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanEntry {
    /// The open file and its number.
    pub key: WatchKey,
    /// What it is asked for; of select(2) IN and OUT stand for the two sets.
    pub events: Mask,
    /// When that was last changed.
    pub changed: (Seq, Nanos),
    /// What the last call answered: `revents`, or in which sets its bit is left.
    pub revents: Mask,
    /// When it was last found, and how.
    pub found: Option<(Seq, Nanos, Mask)>,
    /// How often it was found.
    pub finds: u64,
    /// When it was last woken.
    pub woken: Option<(Seq, Nanos)>,
    /// Whether something was told of it since it was last asked.
    touched: bool,
}

/// What the last call did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastScan {
    /// When it returned.
    pub at: (Seq, Nanos),
    /// Its timeout in milliseconds; -1 is for ever.
    pub timeout_ms: i32,
    /// How many files it was passed.
    pub files: u64,
    /// The places of those that it found.
    pub found: Vec<usize>,
    /// How often the thread slept in it; `None` if that was not counted.
    pub slept: Option<u32>,
    /// How many times a file was asked: all of them at first, and again after each sleep
    /// (`do_poll`, `do_select`). At least, if the sleeps were not counted.
    pub asked: u64,
    /// How many wait queues it was hooked to: those of all up to the first one that was found at
    /// once. `None` if that is not known.
    pub hooked: Option<u64>,
    /// Bytes that the call copied into the kernel, and out of it.
    pub copied: (u64, u64),
}

/// What the next call will find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanForecast {
    /// What it surely finds, in the order of the set, with the bits that are known to be set.
    pub found: Vec<(WatchKey, Mask)>,
    /// What it finds if something holds that is not known.
    pub perhaps: Vec<WatchKey>,
    /// Whether nothing is unknown.
    pub certain: bool,
}

/// The array that is passed to poll(2), or the bitmaps of select(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanSet {
    /// Which of the two.
    pub backend: Backend,
    /// In the order of the array; of select(2) in that of the numbers.
    entries: Vec<ScanEntry>,
    /// The places of the files in the array.
    places: FxHashMap<FileId, usize>,
    /// The last call that returned.
    pub last: Option<LastScan>,
    /// How well what is found agrees with what is known of the files.
    pub check: Check,
    /// Of which something was told since they were last asked.
    touched: Vec<WatchKey>,
    /// What the last event changed.
    pub delta: Vec<WatchKey>,
    /// What it brought to light.
    pub divergences: Vec<Divergence>,
    /// How many calls returned.
    pub calls: u64,
}

impl ScanSet {
    /// An empty one.
    pub(in crate::model) fn new(backend: Backend, check: Check) -> Self {
        Self {
            backend,
            entries: Vec::new(),
            places: FxHashMap::default(),
            last: None,
            check,
            touched: Vec::new(),
            delta: Vec::new(),
            divergences: Vec::new(),
            calls: 0,
        }
    }

    /// Whether it is the bitmaps of select(2).
    pub fn is_select(&self) -> bool {
        self.backend == Backend::Select
    }

    /// How many files are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The files in the order of the set.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ScanEntry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Where that file stands, from 0.
    pub fn place(&self, key: WatchKey) -> Option<usize> {
        let place = if self.is_select() {
            self.entries.binary_search_by_key(&key.fd, |entry| entry.key.fd).ok()
        } else {
            self.places.get(&key.file).copied()
        };
        place.filter(|place| self.entries.get(*place).is_some_and(|entry| entry.key == key))
    }

    /// The entry of that file.
    pub fn get(&self, key: WatchKey) -> Option<&ScanEntry> {
        self.place(key).and_then(|place| self.entries.get(place))
    }

    /// The entry at that place.
    pub fn at(&self, place: usize) -> Option<&ScanEntry> {
        self.entries.get(place)
    }

    pub(in crate::model) fn get_mut(&mut self, key: WatchKey) -> Option<&mut ScanEntry> {
        self.place(key).and_then(|place| self.entries.get_mut(place))
    }

    /// The entry of that number.
    pub fn by_fd(&self, fd: Fd) -> Option<&ScanEntry> {
        if self.is_select() {
            let place = self.entries.binary_search_by_key(&fd, |entry| entry.key.fd).ok();
            return place.and_then(|place| self.entries.get(place));
        }
        self.entries.iter().find(|entry| entry.key.fd == fd)
    }

    /// How many bits are set, of select(2): a number in either set is one.
    pub fn bits(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.events.is_empty()).count()
    }

    /// `nfds` of select(2): the highest number in a set, plus one.
    pub fn nfds(&self) -> u64 {
        let last = self.entries.iter().rev().find(|entry| !entry.events.is_empty());
        last.map_or(0, |entry| u64::try_from(entry.key.fd.0 + 1).unwrap_or(0))
    }

    /// Words of one bitmap.
    pub fn words(&self) -> u64 {
        self.nfds().div_ceil(WORD.0)
    }

    /// Which answers of a file's poll method are answers for that entry (fs/select.c: `do_pollfd`,
    /// `POLLIN_SET`, `POLLOUT_SET`).
    pub fn answer(&self, events: Mask, poll: Poll) -> Poll {
        if !self.is_select() {
            let asked = events | Mask::ALWAYS;
            return Poll { set: poll.set & asked, unknown: poll.unknown & asked };
        }
        let input = Mask::IN | Mask::RDNORM | Mask::RDBAND | Mask::ALWAYS;
        let output = Mask::OUT | Mask::WRNORM | Mask::WRBAND | Mask::ERR;
        let mut answer = Poll::default();
        for (bit, conditions) in [(Mask::IN, input), (Mask::OUT, output)] {
            if !events.has(bit) {
                continue;
            }
            if poll.set.any(conditions) {
                answer.set |= bit;
            } else if poll.unknown.any(conditions) {
                answer.unknown |= bit;
            }
        }
        answer
    }

    /// Of which the next call may find something: those of which something was told since they
    /// were last asked, and those that it found then.
    pub(in crate::model) fn candidates(&self) -> Vec<usize> {
        let told = self.touched.iter().filter_map(|key| self.place(*key));
        let found = self.last.iter().flat_map(|last| last.found.iter().copied());
        let mut places: Vec<_> = told.chain(found).collect();
        places.sort_unstable();
        places.dedup();
        places.retain(|place| *place < self.entries.len());
        places
    }

    /// Forgets what the last event changed.
    pub(in crate::model) fn clear(&mut self) {
        self.delta.clear();
        self.divergences.clear();
    }

    /// Where the model and the kernel did not agree.
    pub(in crate::model) fn differ(&mut self, divergence: Divergence) {
        self.check.differ(divergence);
        self.divergences.push(divergence);
    }

    /// Something was told of that file.
    pub(in crate::model) fn touch(&mut self, key: WatchKey) {
        let Some(entry) = self.get_mut(key) else { return };
        let new = !std::mem::replace(&mut entry.touched, true);
        if new {
            self.touched.push(key);
        }
        self.delta.push(key);
    }

    /// All of them were asked; what was told of those that `later` says may have come after that.
    pub(in crate::model) fn asked(&mut self, later: impl Fn(&ScanEntry) -> bool) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.retain(|key| {
            let Some(entry) = self.get_mut(*key) else { return false };
            entry.touched = later(entry);
            entry.touched
        });
        self.touched = touched;
    }

    /// The server changed an entry, or took it out; `false` if that does not fit what is known.
    pub(in crate::model) fn change(
        &mut self,
        key: WatchKey,
        events: Option<Mask>,
        place: usize,
        at: (Seq, Nanos),
    ) -> bool {
        let fits = match (events, self.place(key)) {
            (Some(events), Some(known)) => {
                let entry = &mut self.entries[known];
                (entry.events, entry.changed) = (events, at);
                self.is_select() || known == place
            }
            (Some(events), None) => self.add(key, events, place, at),
            (None, Some(known)) => {
                self.take_out(known);
                self.is_select() || known == place
            }
            (None, None) => false,
        };
        self.delta.push(key);
        self.touch(key);
        fits
    }

    fn add(&mut self, key: WatchKey, events: Mask, place: usize, at: (Seq, Nanos)) -> bool {
        let entry = ScanEntry {
            key,
            events,
            changed: at,
            revents: Mask::EMPTY,
            found: None,
            finds: 0,
            woken: None,
            touched: false,
        };
        if self.is_select() {
            match self.entries.binary_search_by_key(&key.fd, |entry| entry.key.fd) {
                Ok(old) => self.entries[old] = entry,
                Err(new) => {
                    self.entries.insert(new, entry);
                    self.shift(new, 1);
                }
            }
            return true;
        }
        let fits = place == self.entries.len();
        self.places.insert(key.file, self.entries.len());
        self.entries.push(entry);
        fits
    }

    /// Takes the entry at that place out; the last one of an array takes its place.
    fn take_out(&mut self, place: usize) {
        if self.is_select() {
            self.entries.remove(place);
            self.unfound(place);
            self.shift(place, -1);
            return;
        }
        let last = self.entries.len() - 1;
        let gone = self.entries.swap_remove(place);
        self.places.remove(&gone.key.file);
        self.unfound(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.key.file, place);
            if let Some(scan) = &mut self.last {
                scan.found.iter_mut().filter(|at| **at == last).for_each(|at| *at = place);
                scan.found.sort_unstable();
            }
        }
    }

    /// What stood there is not among those found any more.
    fn unfound(&mut self, place: usize) {
        if let Some(scan) = &mut self.last {
            scan.found.retain(|at| *at != place);
        }
    }

    /// What stands from that place on has moved.
    fn shift(&mut self, from: usize, by: isize) {
        let Some(scan) = &mut self.last else { return };
        for at in scan.found.iter_mut().filter(|at| **at >= from) {
            *at = at.saturating_add_signed(by);
        }
    }

    /// The set as the server has it: what was known of an entry stays.
    pub(in crate::model) fn read(&mut self, entries: &[(WatchKey, Mask)], at: (Seq, Nanos)) {
        let mut old: FxHashMap<WatchKey, ScanEntry> =
            std::mem::take(&mut self.entries).into_iter().map(|entry| (entry.key, entry)).collect();
        (self.places, self.last, self.touched) = (FxHashMap::default(), None, Vec::new());
        for (key, events) in entries {
            let place = self.entries.len();
            self.add(*key, *events, place, at);
            if let (Some(known), Some(entry)) = (old.remove(key), self.get_mut(*key)) {
                *entry = ScanEntry { events: *events, touched: false, ..known };
            }
            self.touch(*key);
        }
    }

    /// Takes over what a call returned: those of `ready` with what was answered.
    pub(in crate::model) fn scanned(
        &mut self,
        at: (Seq, Nanos),
        timeout_ms: i32,
        ret: Ret,
        slept: Option<u32>,
        ready: &[(WatchKey, Mask)],
    ) {
        self.calls += 1;
        for place in self.last.take().map(|scan| scan.found).unwrap_or_default() {
            if let Some(entry) = self.entries.get_mut(place) {
                entry.revents = Mask::EMPTY;
                self.delta.push(entry.key);
            }
        }
        let mut found = Vec::with_capacity(ready.len());
        for (key, revents) in ready {
            let Some(place) = self.place(*key) else { continue };
            let entry = &mut self.entries[place];
            entry.revents = *revents;
            entry.found = Some((at.0, at.1, *revents));
            entry.finds += 1;
            found.push(place);
            self.delta.push(*key);
        }
        let files = if self.is_select() { self.bits() } else { self.len() } as u64;
        let hooked = self.hooked(timeout_ms, slept, found.first().copied());
        let asked = files * (1 + u64::from(slept.unwrap_or(0)));
        let copied = self.copied(ret);
        self.last = Some(LastScan { at, timeout_ms, files, found, slept, asked, hooked, copied });
    }

    /// To how many wait queues a call was hooked.
    fn hooked(&self, timeout_ms: i32, slept: Option<u32>, first: Option<usize>) -> Option<u64> {
        let hooks = |entries: &[ScanEntry]| {
            if !self.is_select() {
                return entries.len() as u64;
            }
            entries.iter().filter(|entry| !entry.events.is_empty()).count() as u64
        };
        match (timeout_ms, slept?, first) {
            (0, ..) => Some(0),
            (_, 0, Some(first)) => Some(hooks(self.entries.get(..=first).unwrap_or_default())),
            _ => Some(hooks(&self.entries)),
        }
    }

    /// Bytes that a call copied in and out.
    fn copied(&self, ret: Ret) -> (u64, u64) {
        if self.is_select() {
            let bytes = SETS * self.words() * WORD.1;
            // A call that fails leaves the sets as they are (`core_sys_select`).
            return (bytes, if ret.value().is_some() { bytes } else { 0 });
        }
        let files = self.len() as u64;
        (files * POLLFD_BYTES, files * REVENTS_BYTES)
    }
}
