//! Numbers, times and texts as the screen words them.

use unicode_width::UnicodeWidthStr;

use crate::event::{Fd, FileKind, Mask, Nanos, Peer, Provenance, TimeUnit};
use crate::model::{EpollView, OpenFile, ReadyEntry, Reason, World};

/// By whom a list is known, in a word.
pub(crate) fn provenance(by: Provenance) -> &'static str {
    match by {
        Provenance::Deduced => "seen",
        Provenance::Fdinfo | Provenance::Kernel => "kernel",
        Provenance::Model => "model",
    }
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    if is_printable(text) { text.len() } else { text.width() }
}

/// Whether a text has nothing but characters of ASCII that take a column each.
#[inline]
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A count with its thousands apart: `4,812`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count that has little room: exact up to 9,999, then `18k`.
pub(crate) fn rough(n: u64) -> String {
    match n {
        0..=9_999 => count(n),
        10_000..=9_999_999 => format!("{}k", count(n / 1000)),
        _ => format!("{}M", count(n / 1_000_000)),
    }
}

/// A time in two or three digits: `25 ms`, `8.3 us`, `700 ns`.
pub(crate) fn brief(time: Nanos) -> String {
    let (unit, name) = match time.0 {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, tenths) = (time.0 / unit, time.0 % unit * 10 / unit);
    match tenths {
        1.. if whole < 10 => format!("{whole}.{tenths} {name}"),
        _ => format!("{whole} {name}"),
    }
}

/// Columns of a descriptor's number beside others up to `last`: three at the least.
pub(crate) fn number_columns(last: Option<Fd>) -> u16 {
    let digits = last.and_then(|fd| fd.0.checked_ilog10()).map_or(0, |tens| tens + 1);
    super::draw::cells(digits.max(3) as usize)
}

/// A number and its noun: `1 client`, `4 clients`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n)) }
}

/// A count to divide by or to multiply with.
#[expect(clippy::cast_precision_loss, reason = "it is shown with a few digits")]
pub(crate) fn share(n: u64) -> f64 {
    n as f64
}

/// Bytes in at most five columns: `0`, `999`, `4.0K`, `12M`.
pub fn bytes(n: u32) -> String {
    stored(n.into())
}

/// The same of a file.
pub(crate) fn stored(n: u64) -> String {
    let scaled = |unit: u64, name: char| {
        let tenths = n.saturating_mul(10) / unit;
        if tenths < 100 {
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        } else {
            format!("{}{name}", tenths / 10)
        }
    };
    match n {
        0..=999 => n.to_string(),
        1000..=1_023_999 => scaled(1024, 'K'),
        1_024_000..=1_048_575_999 => scaled(1 << 20, 'M'),
        _ => scaled(1 << 30, 'G'),
    }
}

/// Bytes in a sentence: `12 B`, `4.0 KiB`.
pub fn size(n: u32) -> String {
    let short = bytes(n);
    match short.strip_suffix(['K', 'M', 'G']) {
        Some(number) => format!("{number} {}iB", &short[number.len()..]),
        None => format!("{short} B"),
    }
}

/// The text cut to `max` columns at its end, which says that it is.
pub(crate) fn cut(text: &str, max: usize, ellipsis: &str) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(width(ellipsis));
    let mut used = 0;
    let fits = text.chars().take_while(|c| {
        used += width(c.encode_utf8(&mut [0; 4]));
        used <= room
    });
    let mut cut: String = fits.collect();
    cut.push_str(ellipsis);
    cut
}

/// The text cut to `max` columns at its beginning, which is the less telling end of an address.
pub fn tail(text: &str, max: usize, ellipsis: &str) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(width(ellipsis));
    let mut kept: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        kept.push(c);
    }
    if room == 0 {
        return String::new();
    }
    format!("{ellipsis}{}", kept.iter().rev().collect::<String>())
}

/// The text broken at blanks into lines of at most `columns`.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        let wide = width(line) + 1 + width(word) > columns;
        if line.is_empty() {
            line.push_str(word);
        } else if wide {
            lines.push(word.to_owned());
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

/// The text broken into lines, so many at the most: the last one says so if it is cut.
pub(crate) fn paragraph(text: &str, columns: usize, rows: usize, ellipsis: &str) -> Vec<String> {
    let mut lines = wrap(text, columns);
    if lines.len() > rows {
        lines.truncate(rows);
        if let Some(last) = lines.last_mut() {
            *last = cut(
                &format!("{last} {ellipsis}{ellipsis}"),
                columns.min(width(last) + 2),
                ellipsis,
            );
        }
    }
    lines
}

/// What a file is, in a word.
pub fn kind(file: &OpenFile) -> &'static str {
    match file.what {
        FileKind::Listener => "listener",
        FileKind::Tcp if file.polled.is_some() => "tcp",
        FileKind::Unix if file.polled.is_some() => "unix",
        FileKind::Eventfd if file.polled.is_some() => "eventfd",
        FileKind::Tcp | FileKind::Unix if file.built_in => "built-in",
        FileKind::Tcp | FileKind::Unix => "client",
        FileKind::Eventfd => "control",
        FileKind::Pipe => "pipe",
        FileKind::PipeWriter => "pipe end",
        FileKind::Timerfd => "timer",
        FileKind::Datagram => "dgram",
        FileKind::Udp => "udp",
        FileKind::Epoll => "epoll",
        FileKind::Ring => "io_uring",
        FileKind::Plain => "file",
    }
}

/// Whether the tool itself needs the file to work with, and no server would have it: the eventfd
/// that wakes the server's threads for a command.
pub(crate) fn is_own(file: &OpenFile) -> bool {
    file.what == FileKind::Eventfd && file.polled.is_none()
}

/// The other end, made fit to be shown.
pub fn peer(file: &OpenFile) -> String {
    match &file.peer {
        Some(Peer::Unix { name, pid: 0 }) if name.is_empty() => "unix".to_owned(),
        Some(peer) => crate::event::visible(peer.to_string().as_bytes(), 120),
        None if is_own(file) => "tool's own".to_owned(),
        None => crate::event::visible(file.name.as_bytes(), 120),
    }
}

/// Which of the watched conditions are known to hold.
pub(crate) fn ready_bits(world: EpollView<'_>, entry: &ReadyEntry) -> Mask {
    let watched = world.instance.interest.get(entry.key).map_or(Mask::EMPTY, |e| e.mask);
    let set = world.file_of(entry.key).map_or(Mask::EMPTY, |file| file.poll().set);
    set & (watched - Mask::PRIVATE)
}

/// Whether an entry stands on the ready list although nothing it watches for holds any more: the
/// next `epoll_wait` polls it and drops it.
pub fn is_stale(world: EpollView<'_>, entry: &ReadyEntry) -> bool {
    let file = world.file_of(entry.key);
    let drained = file.is_some_and(|file| file.unread == Some(0) || file.polled.is_some());
    drained && ready_bits(world, entry).is_empty()
}

/// Why an entry stands on the ready list, in at most `columns` columns if it can be said so: the
/// first wording that fits, else the last and shortest one. Whether the next `epoll_wait` drops it is
/// said if that may be foretold.
pub fn reason(world: EpollView<'_>, entry: &ReadyEntry, columns: usize, foretold: bool) -> String {
    let mut wordings = wordings(world, entry, foretold);
    let fitting = wordings.iter().position(|text| width(text) <= columns);
    let last = wordings.len().saturating_sub(1);
    wordings.swap_remove(fitting.unwrap_or(last))
}

/// What can be said of an entry, the longest wording first.
fn wordings(world: EpollView<'_>, entry: &ReadyEntry, foretold: bool) -> Vec<String> {
    let at = moment(&world, entry.since);
    if foretold && is_stale(world, entry) {
        let done = match world.file_of(entry.key).map(|file| file.what) {
            Some(FileKind::Listener) => "accepted",
            Some(FileKind::PipeWriter | FileKind::Timerfd | FileKind::Epoll) => "not ready",
            _ => "drained",
        };
        let stays = format!("{done}; leaves at the next epoll_wait");
        return vec![stays, format!("{done}: next wait drops it")];
    }
    // Later arrivals change nothing but the amount: an entry is listed once.
    let unread = world.file_of(entry.key).and_then(|file| file.unread);
    let what = match entry.why {
        Reason::Arrived(then) => return arrived(&world, &at, unread.or(then)),
        Reason::Connection(then) => match unread.or(then) {
            Some(n) if n > 1 => format!("{n} connections wait"),
            _ => "connection waits".to_owned(),
        },
        Reason::Room => "room to write".to_owned(),
        Reason::PeerClosed => "peer closed".to_owned(),
        Reason::Expired => "expired".to_owned(),
        Reason::Inner => "inner epoll ready".to_owned(),
        Reason::Signalled if world.labelled => "written".to_owned(),
        Reason::Signalled => "written by the tool".to_owned(),
        Reason::AtAdd => "polled ready at ADD".to_owned(),
        Reason::AtMod => "polled ready at MOD".to_owned(),
        Reason::PutBack => return put_back(world, entry),
        Reason::Perhaps => {
            let twice = "perhaps: woken twice around one harvest";
            return vec![twice.to_owned(), "perhaps: woken twice".to_owned()];
        }
        Reason::Woken(mask) => format!("woken with {mask}"),
    };
    let since = matches!(entry.why, Reason::Connection(_) | Reason::Room);
    let when = if since { "since" } else { preposition(&world) };
    vec![format!("{what} {when} {at}"), what]
}

/// A time as the world's clock has it: seconds, or steps.
pub fn moment(world: &World, t: Nanos) -> String {
    time(world.clock, t)
}

/// The same on that clock: `12.031`, `step 5`.
pub fn time(clock: TimeUnit, t: Nanos) -> String {
    match clock {
        TimeUnit::Steps => format!("step {}", t.0 / TimeUnit::STEP.0),
        TimeUnit::Nanoseconds => t.to_string(),
    }
}

/// When that was: `at 12.031`, `in step 5`.
pub fn when(world: &World, t: Nanos) -> String {
    format!("{} {}", preposition(world), moment(world, t))
}

/// How far it is: `33.810 of 59.812 s`, `step 3 of 12`.
pub fn reached(world: &World, t: Nanos, until: Nanos) -> String {
    match world.clock {
        TimeUnit::Steps => format!("{} of {}", moment(world, t), until.0 / TimeUnit::STEP.0),
        TimeUnit::Nanoseconds => format!("{t} of {until} s"),
    }
}

/// How long something lasts: `1.4 s`, `3 steps`.
pub(crate) fn lasting(world: &World, span: Nanos) -> String {
    match (world.clock, span.0 / TimeUnit::STEP.0) {
        (TimeUnit::Nanoseconds, _) => brief(span),
        (TimeUnit::Steps, 0) => "less than a step".to_owned(),
        (TimeUnit::Steps, steps) => plural(steps, "step"),
    }
}

fn preposition(world: &World) -> &'static str {
    match world.clock {
        TimeUnit::Steps => "in",
        TimeUnit::Nanoseconds => "at",
    }
}

fn arrived(world: &World, at: &str, unread: Option<u32>) -> Vec<String> {
    let Some(n) = unread else {
        let when = preposition(world);
        return vec![format!("bytes arrived {when} {at}"), "bytes arrived".to_owned()];
    };
    let n = size(n);
    if world.clock == TimeUnit::Steps {
        return vec![format!("arrived in {at}, {n} unread"), format!("arrived, {n} unread")];
    }
    let [long, short] = ["arrived at", "arrived"].map(|word| format!("{word} {at}, {n} unread"));
    vec![long, short, format!("arrived, {n} unread")]
}

/// A thread with what it is called, as a column of the calls has it.
pub fn lanes(world: &World) -> u16 {
    let names = world.lanes.iter().map(|lane| width(&world.lane_name(lane.id)));
    super::draw::cells(names.max().unwrap_or(2).clamp(2, 10))
}

fn put_back(world: EpollView<'_>, entry: &ReadyEntry) -> Vec<String> {
    let words = |long: &str, short: &str| {
        vec![format!("put back: {long}"), format!("put back: {short}"), "put back".to_owned()]
    };
    let Some(file) = world.file_of(entry.key) else { return words("its file is gone", "gone") };
    match file.unread {
        Some(n) if n > 0 && file.what == FileKind::Listener => {
            words(&format!("{n} not accepted"), &format!("{n} wait"))
        }
        _ if file.ended() => words("the peer has closed", "closed"),
        // A count, and no bytes.
        Some(n) if n > 0 && matches!(file.what, FileKind::Eventfd | FileKind::Timerfd) => {
            words(&format!("its count is {n}"), &format!("count {n}"))
        }
        Some(n) if n > 0 && file.was_left() => {
            words(&format!("{} left unread", size(n)), &format!("{} left", size(n)))
        }
        // Nobody has read since it arrived.
        Some(n) if n > 0 => words(&format!("{} unread", size(n)), &size(n)),
        _ if ready_bits(world, entry).any(Mask::OUT) => words("room to write", "room"),
        _ => {
            vec![format!("put back {}", when(&world, entry.since)), "put back".to_owned()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_are_short() {
        assert_eq!(
            [count(0), count(999), count(4812), count(1_000_000)],
            ["0", "999", "4,812", "1,000,000"]
        );
        assert_eq!(
            [bytes(12), bytes(4096), bytes(65_536), bytes(2 << 20)],
            ["12", "4.0K", "64K", "2.0M"]
        );
        assert_eq!([size(12), size(4096)], ["12 B", "4.0 KiB"]);
    }

    #[test]
    fn numbers_of_descriptors_have_the_columns_that_they_need() {
        let columns = [None, Some(7), Some(999), Some(1000), Some(65_535)];
        assert_eq!(columns.map(|last| number_columns(last.map(Fd))), [3, 3, 3, 4, 5]);
    }

    #[test]
    fn addresses_keep_their_ends() {
        assert_eq!(tail("127.0.0.1:51234", 8, "…"), "…1:51234");
        assert_eq!(tail("short", 8, "…"), "short");
        assert_eq!(tail("longer", 0, "…"), "");
    }

    #[test]
    fn words_wrap_at_blanks() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(paragraph("one two three", 7, 2, "…"), ["one two", "three"]);
        assert_eq!(paragraph("one two three", 7, 1, "…"), ["one tw…"]);
        assert_eq!(paragraph("one two three", 9, 1, "…"), ["one two …"]);
    }
}
