//! What a list says of a file, and of how far it is to be believed, whichever way the server waits.

use crate::event::FileKind;
use crate::model::{Check, FindingKind, OpenFile};
use crate::tui::theme::Role;
use crate::tui::words;

/// The shortest column of peers: an IPv4 address with its port.
pub(super) const PEER: u16 = 15;
/// The column of peers on the smallest screen: the end of an address with its port.
pub(super) const NARROWEST: u16 = 8;
/// The columns of unread and of unsent.
pub(super) const QUEUE: u16 = 6;

/// The role of a file's number, and of the rest of its row: what is the tool's own stands back.
pub(super) fn roles(file: Option<&OpenFile>) -> [Role; 2] {
    if file.is_some_and(words::is_own) { [Role::Dim; 2] } else { [Role::Title, Role::Text] }
}

/// How a list that is predicted is known.
pub(super) fn provenance(check: &Check, known: bool, by: &str, ok: &str) -> String {
    match (known, check.diverged) {
        (false, _) => "unknown".to_owned(),
        (true, 0) => format!("{by} {ok} {}", words::rough(check.agreed)),
        (true, n) => words::plural(n, "divergence"),
    }
}

/// Unread and unsent as text; what is not known is `?`, what does not exist is a dash.
pub(super) fn queues(file: Option<&OpenFile>) -> [String; 2] {
    let Some(file) = file else { return ["?".to_owned(), "?".to_owned()] };
    let number = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), words::bytes);
    let count = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    if file.polled.is_some() {
        return [file.unread, file.unsent].map(|n| n.map_or_else(|| "-".to_owned(), words::bytes));
    }
    match file.what {
        FileKind::Listener => {
            let waiting = count(file.unread);
            let limit = file.unsent.map_or_else(String::new, |n| format!("/{n}"));
            let both = format!("{waiting}{limit}");
            // So many that both do not fit: who waits matters more than how many may.
            let fits = both.len() <= usize::from(QUEUE);
            [if fits { both } else { count(file.unread) }, "-".to_owned()]
        }
        FileKind::Tcp | FileKind::Unix if file.queued > 0 => [
            number(file.unread),
            words::bytes(file.queued.saturating_add(file.unsent.unwrap_or(0))),
        ],
        FileKind::Tcp | FileKind::Unix => [number(file.unread), number(file.unsent)],
        _ => ["-".to_owned(), "-".to_owned()],
    }
}

/// A finding in one short word.
pub(super) fn ailment(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::EdgeStranded
        | FindingKind::EmfileStranded
        | FindingKind::OneshotDisarmed
        | FindingKind::NoBuffers
        | FindingKind::MultishotEnded => "stuck",
        FindingKind::OutSpin
        | FindingKind::EofSpin
        | FindingKind::MaskZeroSpin
        | FindingKind::EmfileSpin
        | FindingKind::TimeoutZeroSpin => "spins",
        FindingKind::Ghost | FindingKind::RingGhost => "ghost",
        FindingKind::ThunderingHerd => "herd",
        FindingKind::StaleEvent => "stale",
        FindingKind::Starving => "starves",
        FindingKind::SelectFdLimit => "beyond",
        FindingKind::ThreadLimit => "refused",
        FindingKind::ScanCost => "costs",
        FindingKind::CqOverflow => "overflow",
        FindingKind::GoroutineLeak => "leaked",
    }
}
