//! The first row: what is served, how, whether it is held, and where in time the view stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{Backend, Nanos, ReadPolicy, Seq, TimeUnit};
use crate::model::{Loss, Sync};
use crate::text;
use crate::tui::draw::Row;
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::ui::{Hold, Past, ReplayState, WatchState};
use crate::tui::words::{self, plural};

/// Draws the first row.
pub(crate) struct HeaderPane<'a>(pub RenderContext<'a>);

const A_SECOND: Nanos = Nanos(1_000_000_000);

/// A piece of the header; those with a high rank are left out first.
struct Piece {
    text: String,
    role: Role,
    rank: u8,
}

fn piece(rank: u8, role: Role, text: impl Into<String>) -> Piece {
    Piece { text: text.into(), role, rank }
}

impl HeaderPane<'_> {
    fn live(&self) -> Vec<Piece> {
        let look = &self.0;
        let world = look.world();
        let settings = &world.settings;
        let dot = look.theme.glyphs.dot;
        let address = look.scene.header.facts.addresses.first().map_or("", String::as_str);
        let read = match settings.read {
            ReadPolicy::Drain => "drain".to_owned(),
            ReadPolicy::Once(ReadPolicy::DEFAULT_BYTES) => "once".to_owned(),
            ReadPolicy::Once(n) => format!("once {n}"),
        };
        let backend = settings.backend;
        let counted = match backend {
            Backend::Threads => world.lanes.iter().filter(|lane| lane.is_alive()).count() as u64,
            _ => backend.lanes(settings.threads).into(),
        };
        let threads = plural(counted, "thread");
        // In a narrow header what matters more needs the columns.
        let way = match backend {
            Backend::Epoll if look.ui.size.0 < WIDE => settings.trigger.to_string(),
            Backend::Epoll => format!("{backend}{dot}{}", settings.trigger),
            _ => backend.to_string(),
        };
        let how = match (backend, settings.read) {
            (Backend::IoUring, _) if look.ui.size.0 < WIDE => format!("{way}{dot}1 ring"),
            (Backend::IoUring, ReadPolicy::Drain) => format!("{way}{dot}recv multi{dot}1 ring"),
            (Backend::IoUring, ReadPolicy::Once(n)) => format!("{way}{dot}recv {n}{dot}1 ring"),
            (Backend::Threads, _) => format!("{way}{dot}{threads}, one a client"),
            (Backend::Goroutine, _) if look.ui.size.0 < WIDE => format!("{way}{dot}{threads}"),
            (Backend::Goroutine, _) => format!("{way}{dot}{threads} on 1 epoll"),
            _ => format!("{way}{dot}{read}{dot}{threads}"),
        };
        let mut pieces = vec![
            piece(6, Role::Title, "epollscope"),
            piece(2, Role::Text, format!("{} {address}", settings.app.word())),
            piece(1, Role::Text, how),
        ];
        if settings.paused {
            pieces.push(piece(0, Role::Badge, format!(" {} held ", look.theme.glyphs.held)));
        } else {
            pieces.push(piece(3, Role::Good, "running"));
        }
        if let Some(to) = world.switching {
            pieces.push(piece(0, Role::Badge, format!(" to {to} ")));
        }
        if settings.delay_ms > 0 {
            pieces.push(piece(2, Role::Text, format!("delay {} ms", settings.delay_ms)));
        }
        self.warnings(&mut pieces);
        self.numbers(&mut pieces);
        pieces
    }

    /// What is recorded, and what of it found no room.
    fn recording(&self) -> Option<Piece> {
        let progress = self.0.ui.recording.as_ref()?;
        let lost = match progress.lost {
            0 => String::new(),
            lost => format!(", lost {}", words::count(lost)),
        };
        Some(piece(0, Role::Badge, format!(" REC {}{lost} ", words::stored(progress.bytes))))
    }

    /// Who watches what is shown.
    fn sharing(&self) -> Option<Piece> {
        // A server that others can reach says so itself.
        let known = self.0.scene.header.facts.lan;
        let mut sharing = self.0.ui.sharing?;
        sharing.lan &= !known;
        Some(piece(0, Role::Badge, sharing.badge(self.0.ui.size.0)))
    }

    fn warnings(&self, pieces: &mut Vec<Piece>) {
        let look = &self.0;
        pieces.extend(self.recording());
        pieces.extend(self.sharing());
        let world = look.world();
        for mistake in world.settings.mistakes.iter() {
            pieces.push(piece(0, Role::Badge, format!(" MISTAKE {} ", mistake.word())));
        }
        for lane in world.lanes.iter().filter(|lane| lane.has_died()) {
            pieces.push(piece(
                0,
                Role::Bad,
                format!("{} {} died", look.theme.glyphs.stuck, lane.id),
            ));
        }
        let active = world.findings.iter().filter(|f| f.active).count() as u64;
        if active > 0 {
            let found = format!("{} {}", look.theme.glyphs.stuck, plural(active, "finding"));
            pieces.push(piece(1, Role::Bad, found));
        }
        if world.check().loss == Loss::NoQueue {
            pieces.push(piece(0, Role::Bad, "no signal queue: wake-ups unseen"));
        }
        if look.scene.header.facts.lan {
            pieces.push(piece(0, Role::Badge, " LAN "));
        }
    }

    fn numbers(&self, pieces: &mut Vec<Piece>) {
        let look = &self.0;
        let world = look.world();
        let clients = world.clients() as u64;
        pieces.push(piece(3, Role::Text, plural(clients, "client")));
        let refused = world.counters.refused;
        if refused > 0 {
            pieces.push(piece(1, Role::Bad, format!("refused {}", words::rough(refused))));
        }
        pieces.push(piece(4, Role::Text, self.rate()));
        pieces.push(self.lost());
        let rank = if clients == 0 { 3 } else { 7 };
        pieces.push(piece(rank, Role::Key, look.scene.header.facts.invitation.as_str()));
    }

    /// How many observations were lost, and since when all are there again. It is bad news while
    /// they are missing.
    fn lost(&self) -> Piece {
        let world = self.0.world();
        let (lost, at) = (world.counters.lost, world.counters.lost_at);
        if lost == 0 {
            return piece(5, Role::Dim, "lost 0");
        }
        let known = world.check().sync == Sync::Following && world.t.since(at) >= A_SECOND;
        let (rank, role) = if known { (5, Role::Dim) } else { (0, Role::Bad) };
        let since = if known {
            format!("whole since {}", words::moment(&world, at))
        } else {
            format!("last {}", words::when(&world, at))
        };
        piece(rank, role, format!("lost {}, {since}", words::rough(lost)))
    }

    /// Events in the last second of event time, which of a lesson is a step.
    fn rate(&self) -> String {
        let scene = &self.0.scene;
        let before = scene.world.t.0.checked_sub(A_SECOND.0);
        let before = before.and_then(|before| scene.journal.seq_at(Nanos(before)));
        let events = scene.world.seq.0.saturating_sub(before.unwrap_or(Seq(0)).0);
        let each = match scene.world.clock {
            TimeUnit::Nanoseconds => "s",
            TimeUnit::Steps => "step",
        };
        format!("{} ev/{each}", words::count(events))
    }

    /// A recording: how it plays, and where it is.
    fn replay(&self, replay: &ReplayState, past: &Past) -> Vec<Piece> {
        let look = &self.0;
        let playing = look.ui.play.as_ref().filter(|play| !play.stands);
        let t = playing.and_then(|play| play.clock).map_or(past.world.t, |clock| clock.t);
        let until = look.scene.journal.until().unwrap_or_default();
        let (seq, last) = (words::count(past.seq.0), words::count(look.scene.live.seq.0));
        let speed = replay.speed.word();
        let state = match playing {
            Some(_) => format!("{} {speed}x", look.theme.glyphs.look),
            None => look.theme.glyphs.held.to_owned(),
        };
        let marks = look.scene.live.bookmarks.len() + look.ui.bookmarks.len();
        let mut pieces = vec![
            piece(0, Role::Badge, format!(" REPLAY {} ", replay.name)),
            piece(0, Role::Title, state),
            piece(0, Role::Text, words::reached(&past.world, t.min(until), until)),
            piece(1, Role::Text, format!("event {seq} of {last}")),
        ];
        if marks > 0 {
            pieces.push(piece(2, Role::Text, plural(marks as u64, "mark")));
        }
        pieces.extend(self.sharing());
        self.numbers_of(&mut pieces);
        pieces.push(piece(6, Role::Dim, look.scene.header.kernel.as_str()));
        pieces
    }

    /// A session elsewhere: where it is, and how it is looked at.
    fn watch(&self, watching: &WatchState) -> Vec<Piece> {
        let look = &self.0;
        let world = look.world();
        let mut pieces = vec![piece(0, Role::Badge, format!(" WATCHING {} ", watching.host))];
        match &look.ui.past {
            None if watching.news.ended.is_some() => pieces.push(piece(0, Role::Bad, "ended")),
            None => pieces.push(piece(0, Role::Title, format!("{} now", look.theme.glyphs.look))),
            Some(past) => {
                let what = match past.hold {
                    Hold::Past if look.ui.play.is_some() => "SLOW MOTION",
                    Hold::Past => "PAST",
                    Hold::Still => "STILL",
                };
                let t = words::moment(&past.world, past.world.t);
                pieces.push(piece(0, Role::Badge, format!(" {what} {t} ")));
                let (seq, last) = (past.seq.0, look.scene.live.seq.0);
                let event = format!("event {} of {}", words::count(seq), words::count(last));
                pieces.push(piece(2, Role::Text, event));
            }
        }
        pieces.push(if watching.follows {
            piece(3, Role::Text, "follows the teacher's view")
        } else {
            piece(1, Role::Text, "own view")
        });
        if world.settings.paused {
            pieces.push(piece(1, Role::Badge, format!(" {} held ", look.theme.glyphs.held)));
        }
        self.warnings(&mut pieces);
        pieces.push(piece(4, Role::Text, plural(world.clients() as u64, "client")));
        pieces.push(piece(5, Role::Text, self.rate()));
        let missing = watching.news.not_received;
        let (rank, role) = if missing == 0 { (6, Role::Dim) } else { (1, Role::Bad) };
        pieces.push(piece(rank, role, format!("not received {}", words::rough(missing))));
        pieces
    }

    fn numbers_of(&self, pieces: &mut Vec<Piece>) {
        let world = self.0.world();
        let active = world.findings.iter().filter(|f| f.active).count() as u64;
        if active > 0 {
            let found = format!("{} {}", self.0.theme.glyphs.stuck, plural(active, "finding"));
            pieces.push(piece(3, Role::Bad, found));
        }
        pieces.push(piece(4, Role::Text, plural(world.clients() as u64, "client")));
        pieces.push(self.lost());
    }

    fn past(&self, past: &Past) -> Vec<Piece> {
        let scene = &self.0.scene;
        let dot = self.0.theme.glyphs.dot;
        let t = words::moment(&past.world, past.world.t);
        let title = match past.hold {
            Hold::Past if self.0.ui.play.is_some() => format!(" SLOW MOTION {t} "),
            Hold::Past => format!(" PAST {t} "),
            Hold::Still => format!(" STILL {t} "),
        };
        let seq = words::count(past.seq.0);
        let newest = words::count(scene.live.seq.0);
        let leave = match past.hold {
            Hold::Past => "g returns",
            Hold::Still => "f goes on",
        };
        let mut pieces = vec![
            piece(0, Role::Badge, title),
            piece(1, Role::Title, format!("event {seq} of {newest}")),
        ];
        let first = scene.journal.first().unwrap_or(Seq(0));
        if past.seq < first {
            let gone = "this event has been dropped from the history: it is shown as it was";
            pieces.push(piece(2, Role::Bad, gone));
        } else {
            let what = scene.journal.get(past.seq).map(|event| text::moment(scene.live, &event));
            pieces.push(piece(3, Role::Data, what.unwrap_or_default()));
            let begins = scene.journal.begins().unwrap_or(Nanos(0));
            let begins = words::moment(&past.world, begins);
            pieces.push(piece(4, Role::Dim, format!("{dot} history back to {begins}")));
        }
        pieces.push(piece(0, Role::Key, format!("{dot} {leave}")));
        pieces.extend(self.recording());
        pieces.extend(self.sharing());
        pieces
    }
}

impl Widget for HeaderPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let ui = self.0.ui;
        let mut pieces = match (&ui.watching, &ui.past, &ui.replay) {
            (Some(watching), ..) => self.watch(watching),
            (None, Some(past), Some(replay)) => self.replay(replay, past),
            (None, Some(past), None) => self.past(past),
            (None, None, _) => self.live(),
        };
        pieces.retain(|piece| !piece.text.is_empty());
        let total = |pieces: &[Piece]| -> usize {
            pieces.iter().map(|p| words::width(&p.text) + 2).sum::<usize>()
        };
        while total(&pieces) > usize::from(area.width) + 1 && pieces.len() > 1 {
            let most = pieces.iter().map(|p| p.rank).max().unwrap_or(0);
            let Some(at) = pieces.iter().rposition(|p| p.rank == most) else { break };
            pieces.remove(at);
        }
        let mut row = Row::new(buf, area, 0);
        row.put(" ", self.0.style(Role::Text));
        for (n, piece) in pieces.iter().enumerate() {
            if n > 0 {
                row.put("  ", self.0.style(Role::Text));
            }
            row.put(&piece.text, self.0.style(piece.role));
        }
    }
}
