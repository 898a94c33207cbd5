//! What is filmed is what is painted.

use proptest::prelude::*;

use super::*;
use crate::event::{Fd, ReplaySpeed};
use crate::film::{FilmLine, FilmScreen};
use crate::tui::scenes::Stage;
use crate::tui::theme::{ASCII, Depth, ThemeName, UNICODE};

const SIZE: (u16, u16) = (120, 40);

fn theme(name: ThemeName) -> Theme {
    Theme::new(name, Depth::Indexed, &UNICODE)
}

fn painted(app: &App, stage: &Stage) -> String {
    let mut app = app.clone();
    app.ui.size = SIZE;
    let mut buf = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    crate::tui::run::paint(&app, stage.scene(), &theme(ThemeName::Dark), &mut buf);
    // Without the blanks that a terminal does not show: those below wide symbols.
    let line = |y| {
        let mut covered = 0;
        let cells = (0..SIZE.0).map(|x| buf[(x, y)].symbol());
        let seen = cells.filter(|symbol| {
            let hidden = covered > 0;
            covered = if hidden { covered - 1 } else { glyph_of(symbol).0 - 1 };
            !hidden
        });
        seen.collect::<String>().trim_end().to_owned()
    };
    (0..SIZE.1).map(line).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_keys_give_frames_that_are_the_screen(
        keys in proptest::collection::vec(0_usize..14, 1..40),
        forced in any::<u64>(),
    ) {
        const KEYS: [&str; 14] =
            ["[", "]", "g", "1", "2", "3", "4", "5", "?", "<Esc>", "j", "k", "/文b<Enter>", "z"];
        let stage = Stage::three_clients();
        // The terminal has another size.
        let mut app = stage.app((80, 24));
        let mut camera = Camera::new("x", TimeUnit::Nanoseconds, SIZE, &theme(ThemeName::Dark));
        let mut screen = FilmScreen::new(SIZE.0, SIZE.1);
        for (n, key) in keys.into_iter().enumerate() {
            stage.press(&mut app, KEYS[key]);
            if forced >> (n % 64) & 3 == 3 {
                camera.force_key();
            }
            let taken = camera.app(&mut app, stage.scene());
            prop_assert_eq!(taken.head.is_some() || n > 0, true);
            if let Some(frame) = taken.frame {
                // As it goes over a wire.
                let Some(FilmLine::Frame(frame)) = FilmLine::parse(&frame.line()) else {
                    return Err(TestCaseError::fail("no frame"));
                };
                screen.apply(&frame);
            }
            prop_assert_eq!(screen.text(), painted(&app, &stage));
            prop_assert_eq!(app.ui.size, (80, 24));
        }
        let camera_styles = camera.head().styles.len();
        prop_assert!(camera_styles < 40, "{camera_styles}");
    }
}

#[test]
fn a_screen_that_is_as_before_gives_no_frame_and_a_late_viewer_gets_a_whole_one() {
    let stage = Stage::three_clients();
    let mut app = stage.app(SIZE);
    let mut camera = Camera::new("x", TimeUnit::Nanoseconds, SIZE, &theme(ThemeName::Dark));
    let first = camera.app(&mut app, stage.scene());
    assert!(first.head.is_some());
    let first = first.frame.expect("the first one");
    assert!(first.key && !first.words.calls.is_empty());
    assert_eq!(camera.app(&mut app, stage.scene()), Taken::default());
    camera.force_key();
    let again = camera.app(&mut app, stage.scene()).frame.expect("it is asked for");
    assert_eq!(again.spans, first.spans);
    assert_eq!(again.words.why, first.words.why);
    assert!(again.words.calls.is_empty(), "they were told");
}

#[test]
fn the_words_say_which_row_is_whose_and_why() {
    let stage = Stage::three_clients();
    let mut app = stage.app(SIZE);
    let mut camera = Camera::new("x", TimeUnit::Nanoseconds, SIZE, &theme(ThemeName::Dark));
    let words = camera.app(&mut app, stage.scene()).frame.expect("the first one").words;
    let screen = painted(&app, &stage);
    let lines: Vec<_> = screen.lines().collect();
    let rows = words.rows.expect("all are new");
    let interest = rows.iter().filter(|row| row.1 < 10 && row.0 < 12);
    for FilmRow(y, _, _, fd) in interest.clone() {
        let line = lines[usize::from(*y)];
        assert!(line.contains(&format!(" {fd} ")), "{fd}: {line}");
    }
    assert!(interest.count() >= 5);
    assert_eq!(words.fd, app.ui.watch.map(|key| key.fd));
    let says = words.says.expect("it is new");
    assert_eq!(words.why[&words.fd.expect("it is new")].as_deref(), Some(&*says));
    assert!(words.why[&Fd(9)].as_deref().is_some_and(|why| why.starts_with("fd 9")));
    // What covers them hides their rows.
    stage.press(&mut app, "?");
    let words = camera.app(&mut app, stage.scene()).frame.expect("the help").words;
    let left = words.rows.expect("they changed");
    assert!(left.len() < rows.len(), "{left:?}");
}

#[test]
fn colours_are_numbers_and_reversed_cells_have_theirs_exchanged() {
    for name in [ThemeName::Dark, ThemeName::Light, ThemeName::Projector, ThemeName::Mono] {
        let stage = Stage::three_clients();
        let mut app = stage.app(SIZE);
        let mut camera = Camera::new("x", TimeUnit::Nanoseconds, SIZE, &theme(name));
        camera.app(&mut app, stage.scene());
        let head = camera.head();
        assert_ne!(head.fg, head.bg);
        for style in 0..head.styles.len() {
            let (fg, bg) = head.colours(u16::try_from(style).expect("few"));
            assert_ne!(fg, bg, "{name:?}: {:?}", head.styles[style]);
        }
        let held = head.styles.iter().any(|style| style.bg == Some(head.fg));
        assert!(held, "{name:?}: the badge of a held server");
        let turned: Vec<_> = head.turned.iter().map(|pair| pair.0).collect();
        let coloured = head.styles.iter().filter_map(|style| style.fg);
        let both = matches!(name, ThemeName::Dark | ThemeName::Light);
        assert!(!both || coloured.into_iter().all(|fg| turned.contains(&fg)), "{name:?}");
    }
}

#[test]
fn the_film_of_a_recording_has_a_screen_an_event_as_somebody_would_see_it() {
    let stage = Stage::three_clients();
    let plan = FilmPlan {
        name: "class.rec".to_owned(),
        from: None,
        until: None,
        size: (SIZE.0, SIZE.1 - 1),
        theme: theme(ThemeName::Dark),
    };
    let film = film(stage.scene(), &plan);
    assert_eq!(film.head.sampling, Sampling::EachEvent);
    let last = stage.last();
    assert_eq!(film.frames.len() as u64, last.0);
    assert!(film.frames[0].key);
    let mut app = stage.app(SIZE);
    let state = crate::tui::ReplayState {
        name: "class.rec".to_owned(),
        speed: ReplaySpeed::USUAL,
        idle: None,
    };
    app.open_replay(state, None, &stage.scene());
    app.ui.keyless = true;
    let mut screen = FilmScreen::new(SIZE.0, SIZE.1 - 1);
    for frame in &film.frames {
        screen.apply(frame);
        let seen = painted(&app, &stage);
        let rows = usize::from(SIZE.1) - 2;
        let own: Vec<_> = seen.lines().take(rows).collect();
        assert_eq!(screen.text().lines().take(rows).collect::<Vec<_>>(), own, "{}", frame.seq);
        let end = screen.text().lines().last().expect("rows").to_owned();
        assert!(!screen.text().contains("press "), "a film has no such keys");
        assert!(end.starts_with("└──") && end.ends_with("──┘"), "{end}");
        stage.press(&mut app, "]");
    }
    let calls: usize = film.frames.iter().map(|frame| frame.words.calls.len()).sum();
    let mut rows = 0;
    stage.scene().journal.forward_from(Seq(1), |event| {
        rows += usize::from(text::is_row(event));
        true
    });
    assert_eq!(calls, rows, "every call is told once");
}

#[test]
fn a_film_can_be_a_part_and_in_ascii() {
    let stage = Stage::three_clients();
    let plan = FilmPlan {
        name: "class.rec".to_owned(),
        from: Some(Nanos(3_600_000_000)),
        until: Some(Nanos(9_000_000_000)),
        size: (80, 24),
        theme: Theme::new(ThemeName::Light, Depth::Indexed, &ASCII),
    };
    let film = film(stage.scene(), &plan);
    let (first, last) = (&film.frames[0], film.frames.last().expect("some"));
    let at = |t| stage.scene().journal.seq_at(Nanos(t)).expect("there");
    assert_eq!((first.seq, last.seq), (at(3_600_000_000), at(9_000_000_000)));
    let mut screen = FilmScreen::new(80, 24);
    film.frames.iter().for_each(|frame| screen.apply(frame));
    assert!(screen.text().is_ascii(), "{}", screen.text());
}
