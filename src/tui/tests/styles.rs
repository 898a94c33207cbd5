//! Whole screens as their styles: a pane that lost its colours differs from these, though not a
//! letter of its text does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::{Stage, text};
use crate::tui::app::App;
use crate::tui::run::paint;
use crate::tui::theme::{ASCII, Depth, Theme, ThemeName, UNICODE};

/// The dark theme's colours by their initials (Okabe and Ito's names).
const COLOURS: [(Color, char); 6] = [
    (Color::Indexed(214), 'o'),
    (Color::Indexed(117), 's'),
    (Color::Indexed(36), 'g'),
    (Color::Indexed(75), 'b'),
    (Color::Indexed(209), 'v'),
    (Color::Indexed(182), 'p'),
];

/// Modifiers by the marks before a colour; bold is a capital.
const MODIFIERS: [(Modifier, char); 3] =
    [(Modifier::DIM, '~'), (Modifier::REVERSED, '!'), (Modifier::UNDERLINED, '_')];

/// A short name of a cell's style, and what it stands for. The same style has the same name on
/// every screen; `.` is plain.
fn named(cell: &Cell) -> (String, String) {
    let (mut name, mut meaning) = (String::new(), Vec::new());
    if cell.bg != Color::Reset {
        name.push('#');
        meaning.push(format!("on {}", cell.bg));
    }
    for (modifier, mark) in MODIFIERS {
        if cell.modifier.contains(modifier) {
            name.push(mark);
            meaning.push(format!("{modifier:?}").to_lowercase());
        }
    }
    let bold = cell.modifier.contains(Modifier::BOLD);
    let known = COLOURS.iter().find(|(colour, _)| *colour == cell.fg).map(|(_, c)| c.to_string());
    let letter = match known {
        Some(letter) => letter,
        None if cell.fg != Color::Reset => format!("<{}>", cell.fg).to_lowercase(),
        None if bold => "t".to_owned(),
        None => ".".to_owned(),
    };
    name.push_str(&if bold { letter.to_uppercase() } else { letter });
    if bold {
        meaning.push("bold".to_owned());
    }
    if cell.fg != Color::Reset {
        meaning.push(format!("{}", cell.fg));
    }
    (name, meaning.join(" "))
}

/// The styles of a buffer: a line of runs, each a style's name and its columns, for each of its
/// lines, or for several that are alike; below them what the names stand for.
pub(crate) fn styles(buf: &Buffer) -> String {
    let mut legend = BTreeMap::new();
    let mut lines: Vec<(u16, String)> = Vec::new();
    for y in 0..buf.area.height {
        let mut runs: Vec<(String, usize)> = Vec::new();
        for x in 0..buf.area.width {
            let (name, meaning) = named(&buf[(x, y)]);
            match runs.last_mut() {
                Some((last, columns)) if *last == name => *columns += 1,
                _ => {
                    legend.insert(name.clone(), meaning);
                    runs.push((name, 1));
                }
            }
        }
        let line = runs.iter().map(|(name, n)| format!("{name}{n}")).collect::<Vec<_>>().join(" ");
        if lines.last().is_none_or(|(_, last)| *last != line) {
            lines.push((y, line));
        }
    }
    let mut text = String::new();
    for (n, (first, line)) in lines.iter().enumerate() {
        let last = lines.get(n + 1).map_or(buf.area.height, |(next, _)| *next) - 1;
        let rows = if last == *first { format!("{first}") } else { format!("{first}-{last}") };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{rows:>5} {line}");
    }
    legend.remove(".");
    for (name, meaning) in &legend {
        let _ = write!(text, "\n{name:>5} {meaning}");
    }
    text
}

fn coloured(app: &App, stage: &Stage, name: ThemeName) -> String {
    let theme = Theme::new(name, Depth::Indexed, &UNICODE);
    let (width, height) = app.ui.size;
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    paint(app, stage.scene(), &theme, &mut buf);
    styles(&buf)
}

#[track_caller]
fn snapshot(name: &str, stage: &Stage, keys: &str) {
    let mut app = stage.app((120, 40));
    stage.press(&mut app, keys);
    insta::assert_snapshot!(name, coloured(&app, stage, ThemeName::Dark));
}

#[test]
fn styles_of_the_screens() {
    snapshot("start", &Stage::start(), "");
    snapshot("held", &Stage::three_clients(), "");
    snapshot("past", &Stage::three_clients(), "[[[");
    snapshot("finding", &Stage::stranded(), "");
    snapshot("findings", &Stage::stranded(), "4");
    snapshot("calls", &Stage::three_clients(), "3kk");
    snapshot("help", &Stage::start(), "?");
    snapshot("palette_error", &Stage::start(), ":read twice<Enter>");
}

#[test]
fn styles_in_a_room() {
    let stage = Stage::three_clients();
    let app = stage.app((120, 40));
    insta::assert_snapshot!("projector", coloured(&app, &stage, ThemeName::Projector));
}

#[test]
fn a_style_that_is_lost_makes_another_text() {
    let stage = Stage::three_clients();
    let app = stage.app((80, 24));
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    paint(&app, stage.scene(), &theme, &mut buf);
    let whole = styles(&buf);
    let styled = (0..24).flat_map(|y| (0..80).map(move |x| (x, y)));
    for at in styled.filter(|at| named(&buf[*at]).0 != ".") {
        let mut bare = buf.clone();
        bare[at].fg = Color::Reset;
        bare[at].bg = Color::Reset;
        bare[at].modifier = Modifier::empty();
        assert_ne!(styles(&bare), whole, "{at:?}");
    }
}

/// Screens of all sizes as text and as styles, each looked at as a picture when it was accepted.
#[test]
fn screens_with_their_styles() {
    let held = ("held", Stage::three_clients(), "");
    let found = ("finding", Stage::stranded(), "");
    let first = ("start", Stage::start(), "");
    let way = ("way", Stage::three_clients(), "5");
    let (dark, room) = (ThemeName::Dark, ThemeName::Projector);
    for (size, (what, stage, keys), name, glyphs) in [
        ((60, 16), &held, dark, &UNICODE),
        ((60, 16), &found, ThemeName::Mono, &ASCII),
        ((80, 24), &first, dark, &UNICODE),
        ((80, 24), &found, room, &UNICODE),
        ((120, 40), &found, dark, &ASCII),
        ((120, 40), &held, room, &UNICODE),
        ((160, 50), &held, dark, &UNICODE),
        ((160, 50), &way, room, &ASCII),
        ((240, 70), &held, dark, &UNICODE),
        ((240, 70), &found, room, &UNICODE),
    ] {
        let mut app = stage.app(size);
        stage.press(&mut app, keys);
        let theme = Theme::new(name, Depth::Indexed, glyphs);
        let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        paint(&app, stage.scene(), &theme, &mut buf);
        let whole = format!("{}\n\n{}", text(&buf), styles(&buf));
        let name = format!("{what}_{}x{}_{name:?}", size.0, size.1).to_lowercase();
        insta::assert_snapshot!(name, whole);
    }
}
