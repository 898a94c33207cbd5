//! The page of a descriptor or of a thread: what has been counted of it up to the viewed event, and
//! its last events.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use super::calls::Calls;
use super::file::queues;
use crate::event::{Event, FileKind, Kind, Nanos, TimeUnit, Trigger, WatchKey};
use crate::model::{FileCounts, InterestEntry, LaneCounts, OpenFile, ThreadLane, World};
use crate::text;
use crate::tui::draw::{Accent, Align, Row, cells, frame, inside};
use crate::tui::filter::Filter;
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::ui::Page;
use crate::tui::words::{self, count, plural};

/// Draws the page over the panes.
pub(crate) struct PagePane<'a>(pub RenderContext<'a>, pub Page);

/// How many events are shown.
const EVENTS: usize = 10;
/// How many events back they are looked for.
const SEARCHED: usize = 65_536;
/// Columns of what a line is about.
const NAME: u16 = 11;

type Fact = (&'static str, String, Role);

fn fact(name: &'static str, text: impl Into<String>) -> Fact {
    (name, text.into(), Role::Text)
}

impl PagePane<'_> {
    fn title(&self) -> Vec<String> {
        let world = self.0.world();
        let mut title = match self.1 {
            Page::File(key) => {
                let file = world.file_of(key);
                let what = file.map(|file| format!("{} {}", words::kind(file), words::peer(file)));
                let mut title = vec![world.watch_name(key)];
                title.extend(what);
                title
            }
            Page::Thread(lane) => vec![world.lane_name(lane), "a thread of the server".to_owned()],
        };
        title.push("seen, model".to_owned());
        title
    }

    fn facts(&self) -> Vec<Fact> {
        let world = self.0.world();
        let mut facts = match self.1 {
            Page::File(key) => match world.file_of(key) {
                Some(file) => self.of_file(key, file),
                None => {
                    vec![fact("", "not open at this moment: it was closed, or is opened later")]
                }
            },
            Page::Thread(id) => match world.lane(id) {
                Some(lane) => self.of_thread(lane),
                None => vec![fact("", "there is no such thread at this moment")],
            },
        };
        let (lost, at) = (world.counters.lost, world.counters.lost_at);
        let since = match self.1 {
            Page::File(key) => world.file_of(key).map_or(Nanos(0), |file| file.opened),
            Page::Thread(_) => Nanos(0),
        };
        if lost > 0 && at >= since {
            let text = format!(
                "{} were lost, the last {}: what is counted here may be too little",
                plural(lost, "observation"),
                words::when(&world, at)
            );
            facts.push(("lost", text, Role::Bad));
        }
        facts
    }

    fn of_file(&self, key: WatchKey, file: &OpenFile) -> Vec<Fact> {
        let world = self.0.world();
        let counts = file.counts;
        let mut facts = vec![fact("opened", words::when(&world, file.opened))];
        facts.push(match world.instance.interest.get(key) {
            Some(entry) => fact("registered", registered(&world, entry)),
            None if world.watches(key) => fact("waited for", "by no epoll instance"),
            None => fact("registered", "on no list now"),
        });
        facts.push(fact("reported", reported(&world, counts, world.instance.interest.get(key))));
        let again = match counts.again {
            0 => String::new(),
            n => format!("; EAGAIN {}", times(n)),
        };
        if file.what == FileKind::Listener {
            let accepted = plural(counts.accepts, "connection");
            facts.push(fact("accepted", format!("{accepted}{again}")));
        } else {
            let took =
                format!("{}, {} B{again}", plural(counts.reads, "read"), count(counts.bytes_in));
            facts.push(fact("in", took));
            let gave = format!("{}, {} B", plural(counts.writes, "write"), count(counts.bytes_out));
            facts.push(fact("out", gave));
        }
        if world.id.is_some() {
            facts.push(fact("ready list", self.waited(key, counts)));
        }
        let [unread, unsent] = queues(Some(file));
        facts.push(fact("now", format!("unread {unread}, unsent {unsent}")));
        facts
    }

    /// The longest time on the ready list, and whether it stands there now.
    fn waited(&self, key: WatchKey, counts: FileCounts) -> String {
        let world = self.0.world();
        let longest = match counts.waited {
            Some((time, at)) => {
                let time = words::lasting(&world, time);
                format!("longest wait {time}, up to event {}", count(at.0))
            }
            None if counts.reports > 0 => "the longest wait is not known".to_owned(),
            None => "no wait has ended".to_owned(),
        };
        let now = match world.instance.ready.find(key) {
            _ if !world.knows_ready_list() => "; not known now".to_owned(),
            Some((_, entry)) => {
                format!("; there since {}", words::moment(&world, entry.since))
            }
            None => String::new(),
        };
        longest + &now
    }

    fn of_thread(&self, lane: &ThreadLane) -> Vec<Fact> {
        let world = self.0.world();
        let spent = lane.spent(world.t);
        let turns = match lane.turns {
            1 => "1 wait has returned".to_owned(),
            n => format!("{} waits have returned", count(n)),
        };
        let mut facts = vec![
            fact("thread", format!("{} of the kernel", lane.tid)),
            fact("turns", format!("{turns}; {}", plural(lane.calls, "call"))),
            fact("events", a_wait(spent.events, lane.turns)),
        ];
        // On a clock that counts steps nothing takes time.
        if world.clock == TimeUnit::Nanoseconds {
            facts.insert(2, fact("time", format!("{} up to {}", shares(spent), world.t)));
        }
        facts
    }

    /// The last events, oldest first, and whether the search for more was given up.
    fn events(&self) -> (Vec<Event>, bool) {
        let RenderContext { scene, .. } = self.0;
        let world = scene.world;
        let (mut events, mut left) = (Vec::new(), SEARCHED);
        scene.journal.back_from(world.seq, |event| {
            if self.is_of(event) {
                events.push(event.clone());
            }
            left -= 1;
            events.len() < EVENTS && left > 0 && !self.is_before(event)
        });
        events.reverse();
        (events, left == 0)
    }

    /// Whether an event is about what the page is about.
    fn is_of(&self, event: &Event) -> bool {
        let world = self.0.scene.world;
        match self.1 {
            Page::File(key) => {
                let told = text::is_row(event) || matches!(event.kind, Kind::Wakeup(_));
                told && !self.is_before(event) && Filter::Fd(key.fd).shows_event(world, event)
            }
            Page::Thread(lane) => event.lane == lane && text::is_row(event),
        }
    }

    /// Whether an event is older than the file: its number meant another one then.
    fn is_before(&self, event: &Event) -> bool {
        let Page::File(key) = self.1 else { return false };
        let opened = self.0.scene.world.file_of(key).map(|file| file.opened);
        opened.is_some_and(|opened| event.t < opened)
    }
}

/// How a file is registered.
fn registered(world: &World, entry: &InterestEntry) -> String {
    let asked = entry.mask.asked();
    let mask = if asked.is_empty() { "none".to_owned() } else { asked.join(" ") };
    let trigger = match entry.trigger() {
        Trigger::Level => "level-triggered",
        Trigger::Edge => "edge-triggered",
    };
    format!("{mask}, {trigger}, since {}", words::moment(world, entry.changed.1))
}

/// How often it was handed over, and when last.
fn reported(world: &World, counts: FileCounts, entry: Option<&InterestEntry>) -> String {
    let last = entry.and_then(|entry| entry.delivered);
    let last = last.map(|(_, t, mask)| format!(", last {} with {mask}", words::when(world, t)));
    format!("{}{}", times(counts.reports), last.unwrap_or_default())
}

fn times(n: u64) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{} times", count(n)),
    }
}

/// How a thread has spent its time.
fn shares(spent: LaneCounts) -> String {
    let all = spent.asleep.0.saturating_add(spent.running.0).saturating_add(spent.held.0);
    let share = |part: Nanos| words::share(part.0) * 100.0 / words::share(all.max(1));
    format!(
        "asleep {:.1} %, running {:.1} %, held {:.1} % of {}",
        share(spent.asleep),
        share(spent.running),
        share(spent.held),
        words::brief(Nanos(all))
    )
}

/// Events in how many waits.
fn a_wait(events: u64, waits: u64) -> String {
    if waits == 0 {
        return format!("{}, and no wait has returned", count(events));
    }
    let each = words::share(events) / words::share(waits);
    format!("{} in {}: {each:.1} a wait", count(events), plural(waits, "wait"))
}

impl Widget for PagePane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        Clear.render(area.intersection(buf.area), buf);
        buf.set_style(area.intersection(buf.area), look.theme.base());
        look.note(area, Spot::Cover);
        frame(buf, area, &self.title(), look.theme, Accent::Focus);
        let inner = inside(area);
        let dim = look.style(Role::Dim);
        let ellipsis = look.theme.glyphs.ellipsis;
        let mut y = 0;
        for (name, text, role) in self.facts() {
            let mut row = Row::new(buf, inner, y);
            row.put(" ", dim).column(name, NAME, Align::Left, dim);
            let text = words::cut(&text, row.left().into(), ellipsis);
            row.put(&text, look.style(role));
            y += 1;
        }
        let (events, gave_up) = self.events();
        let heading = match events.len() {
            0 if gave_up => format!("no event among the last {}", count(SEARCHED as u64)),
            0 => "no event is kept".to_owned(),
            n if gave_up => format!("{n} events among the last {}", count(SEARCHED as u64)),
            n => format!("the last {}", plural(n as u64, "event")),
        };
        Row::new(buf, inner, y).put(" ", dim).put(&heading, look.style(Role::Title));
        y += 1;
        let rows = usize::from(inner.height.saturating_sub(y));
        let skip = events.len().saturating_sub(rows);
        let calls = Calls(look);
        for (n, event) in events.iter().skip(skip).enumerate() {
            let row = Rect { y: inner.y + y + cells(n), height: 1, ..inner };
            look.note(row, Spot::Event(event.seq));
            calls.draw(event, &mut Row::new(buf, row, 0));
        }
    }
}
