//! What there is room for, what is said of what does not fit, and whose is what.

use super::own_code::{goroutines, threads};
use super::*;
use crate::tui::draw::{Align, Row};
use crate::tui::pane::glossary::explains;
use crate::tui::pane::{Calls, FindingsPane, PathPane, Why};

fn drawn(pane: impl Widget, size: (u16, u16)) -> Vec<String> {
    let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    pane.render(buf.area, &mut buf);
    text(&buf).lines().map(|line| line.trim_end().to_owned()).collect()
}

fn look<'a>(stage: &'a Stage, app: &'a App) -> RenderContext<'a> {
    RenderContext { scene: stage.scene(), ui: &app.ui, theme: &PLAIN, spots: None }
}

#[test]
fn text_that_is_cut_says_so() {
    let row = |write: &dyn Fn(&mut Row<'_>)| {
        let mut buf = Buffer::empty(Rect::new(0, 0, 6, 1));
        write(&mut Row::new(&mut buf, Rect::new(0, 0, 6, 1), 0));
        text(&buf)
    };
    let plain = ratatui::style::Style::new();
    assert_eq!(
        row(&|row| {
            row.put("sixsix", plain);
        }),
        "sixsix"
    );
    assert_eq!(
        row(&|row| {
            row.put("sixsix  ", plain);
        }),
        "sixsix"
    );
    assert_eq!(
        row(&|row| {
            row.put("seven77", plain);
        }),
        "seven…"
    );
    assert_eq!(
        row(&|row| {
            row.put("sixsix", plain).put("more", plain);
        }),
        "sixsi…"
    );
    assert_eq!(
        row(&|row| {
            row.column("long", 3, Align::Left, plain).put("x", plain);
        }),
        "lo… x"
    );
    // A row below the area is none.
    let mut buf = Buffer::empty(Rect::new(0, 0, 6, 1));
    Row::new(&mut buf, Rect::new(0, 0, 6, 1), 1).put("below", plain);
    assert_eq!(text(&buf), "");
}

#[test]
fn a_cut_is_ascii_where_everything_is() {
    let stage = Stage::three_clients();
    let mut app = stage.app((60, 16));
    for keys in ["", "2", "3", "4", "5", "?", "4?"] {
        stage.press(&mut app, keys);
        let screen = shown(&app, &stage, &ASCII);
        assert!(screen.is_ascii(), "{screen}");
    }
}

#[test]
fn borders_are_lines_with_joints_in_ascii_too() {
    let stage = Stage::three_clients();
    for size in [(60, 16), (80, 24), (120, 40), (240, 70)] {
        let app = stage.app(size);
        let [plain, ascii] = [&UNICODE, &ASCII].map(|glyphs| shown(&app, &stage, glyphs));
        for (plain, ascii) in plain.lines().zip(ascii.lines()).filter(|(l, _)| l.starts_with('├'))
        {
            let joints = |line: &str| line.matches(['├', '┤', '┬', '┴', '┼', '+']).count();
            assert_eq!(joints(plain), joints(ascii), "{plain}\n{ascii}");
        }
    }
}

#[test]
fn a_title_does_not_look_like_the_line_of_the_pane_above_that_has_the_focus() {
    let stage = Stage::three_clients();
    let app = stage.app((80, 24));
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    paint(&app, stage.scene(), &theme, &mut buf);
    let row = text(&buf).lines().position(|line| line.starts_with("├─ Ready list"));
    let row = u16::try_from(row.expect("the ready list below")).expect("a row");
    let focus = theme.style(Role::Focus).fg;
    // The border is that of the interest list; the title is not.
    assert_eq!(Some(buf[(36, row)].fg), focus);
    assert_ne!(Some(buf[(4, row)].fg), focus);
}

#[test]
fn lists_say_how_many_more_there_are() {
    let mut stage = Stage::start();
    for fd in 7..17 {
        stage.client(Fd(fd));
    }
    let app = stage.app((80, 24));
    let lines = drawn(Interest(look(&stage, &app)), (72, 6));
    assert_eq!(lines[5], "  8 more", "{lines:#?}");
    assert_eq!(drawn(Interest(look(&stage, &app)), (72, 13)).len(), 13);
    assert!(!drawn(Interest(look(&stage, &app)), (72, 13))[12].contains("more"));
    for fd in 7..13 {
        stage.arrive(Fd(fd), 5);
    }
    let app = stage.app((80, 24));
    let lines = drawn(Ready(look(&stage, &app)), (44, 4));
    assert_eq!(lines[3], "     3 more", "{lines:#?}");
    let event = |fd: u32| Delivery {
        file: FileId(fd),
        fd: Fd(i32::try_from(fd).expect("a number")),
        mask: Mask::IN,
    };
    let events: Box<[_]> = (7..13).map(event).collect();
    let output = Output::Events { events, log: WakeupLog::Drained, done: Nanos(0) };
    let call = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    let record = SyscallRecord { call, ret: Ret::ok(6), started: Nanos(0), output };
    stage.push(LaneId(1), Kind::Return(record));
    let app = stage.app((80, 24));
    let lines = drawn(Ready(look(&stage, &app)), (70, 6));
    assert!(lines.iter().any(|line| line.starts_with("in hand (events[]) - 6")), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.ends_with(" more")).count(), 2, "{lines:#?}");
}

#[test]
fn no_row_is_blank_while_something_is_left_out() {
    for (handed, listed) in (0..7).flat_map(|handed| (0..7).map(move |listed| (handed, listed))) {
        let mut stage = Stage::start();
        for fd in 7..21 {
            stage.client(Fd(fd));
        }
        (0..handed).for_each(|n| stage.arrive(Fd(7 + n), 5));
        let event = |fd: u32| Delivery {
            file: FileId(fd),
            fd: Fd(i32::try_from(fd).expect("a number")),
            mask: Mask::IN,
        };
        let events: Box<[_]> = (0..handed.unsigned_abs()).map(|n| event(7 + n)).collect();
        let output = Output::Events { events, log: WakeupLog::Drained, done: Nanos(0) };
        let call = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
        let record = SyscallRecord { call, ret: Ret::ok(handed.into()), started: Nanos(0), output };
        stage.push(LaneId(1), Kind::Return(record));
        (0..listed).for_each(|n| stage.arrive(Fd(14 + n), 5));
        let app = stage.app((80, 24));
        for height in 2..20 {
            let lines = drawn(Ready(look(&stage, &app)), (70, height));
            let more = lines.iter().any(|line| line.ends_with(" more"));
            let blank = lines.iter().any(|line| line.trim().is_empty());
            assert!(!(more && blank), "{handed} {listed} {height}: {lines:#?}");
        }
    }
}

#[test]
fn a_call_that_sleeps_stands_where_its_time_says() {
    let mut stage = Stage::start();
    stage.push(LaneId(2), Kind::Lane(crate::event::LaneChange::Started { tid: 4712 }));
    stage.after_ms(100);
    let wait = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    stage.push(LaneId(2), Kind::Enter(wait));
    stage.after_ms(100);
    stage.interrupt();
    stage.push(LaneId(1), Kind::Enter(wait));
    let app = stage.app((120, 40));
    let mut lines = drawn(Calls(look(&stage, &app)), (90, 20));
    lines.retain(|line| !line.is_empty());
    let times: Vec<_> = lines.iter().map(|line| line[..8].trim().to_owned()).collect();
    assert!(times.is_sorted(), "{lines:#?}");
    let asleep: Vec<_> = lines.iter().filter(|line| line.contains("<asleep>")).collect();
    assert_eq!(asleep.len(), 2, "{lines:#?}");
    assert!(!lines.last().is_some_and(|line| line.contains("T2")), "{lines:#?}");
}

#[test]
fn the_tools_own_is_dim_and_says_whose_it_is() {
    let stages = [
        (Stage::three_clients(), "built-in"),
        (Stage::scanning(Backend::Poll), "client"),
        (Stage::ring(), "client"),
    ];
    for (stage, client) in stages {
        let app = stage.app((120, 40));
        let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
        let mut buf = Buffer::empty(Rect::new(0, 0, 120, 40));
        paint(&app, stage.scene(), &theme, &mut buf);
        let screen = text(&buf);
        let is_dim = |word: &str| {
            let (y, line) = screen.lines().enumerate().find(|(_, l)| l.contains(word)).expect(word);
            let at = line.find(word).map_or(0, |at| line[..at].chars().count());
            let cell = |n: usize| u16::try_from(n).expect("a cell");
            buf[(cell(at), cell(y))].modifier.contains(ratatui::style::Modifier::DIM)
        };
        assert!(is_dim("control ") && is_dim("tool's own"), "{screen}");
        assert!(!is_dim("listener ") && !is_dim(&format!("{client} ")), "{screen}");
    }
}

#[test]
fn a_client_of_somebodys_own_is_told_from_a_built_in_one() {
    let stage = Stage::three_clients();
    let app = stage.app((120, 40));
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("7 built-in 127.0.0.1:51241"), "{screen}");
    assert!(screen.contains("8 client   127.0.0.1:51242"), "{screen}");
    let says = "fd 8 is not built in: type in its own window (telnet), or press c";
    for keys in ["ji", "jK", "jX"] {
        let app = sends(&stage, keys, &[]);
        assert_eq!(app.ui.message.map(|m| m.text).as_deref(), Some(says), "{keys}");
        assert!(app.ui.entry.is_none(), "{keys}: nothing is typed in vain");
    }
    let app = sends(&stage, "/client<Enter>", &[]);
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("51241") && screen.contains("51242"), "{screen}");
    // The server closes any.
    sends(&stage, ":drop fd=8<Enter>", &["drop fd=8"]);
}

#[test]
fn a_new_client_is_selected_unless_the_person_has_gone_elsewhere() {
    for (keys, selected) in [("c", 9), ("ck", 5), ("", 7)] {
        let mut stage = Stage::start();
        stage.client(Fd(7));
        let mut app = stage.app((120, 40));
        app.observe(&stage.scene());
        stage.press(&mut app, keys.split_at(keys.len().min(1)).0);
        stage.dials(Fd(9));
        app.observe(&stage.scene());
        stage.press(&mut app, keys.split_at(keys.len().min(1)).1);
        stage.client(Fd(9));
        app.observe(&stage.scene());
        assert_eq!(app.ui.watch.map(|key| key.fd), Some(Fd(selected)), "{keys}");
    }
}

#[test]
fn a_name_that_comes_after_the_client_is_its_own_all_the_same() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.dials(Fd(7));
    stage.client(Fd(8));
    let world = stage.scene().live;
    let built_in = |fd| world.file_at(Fd(fd)).map(|file| file.built_in);
    assert_eq!([7, 8].map(built_in), [Some(true), Some(false)]);
}

#[test]
fn what_is_wrong_stands_first_below() {
    let stage = Stage::stranded();
    for size in [(60, 16), (80, 24), (240, 70)] {
        let mut app = stage.app(size);
        let last = |app: &App| shown(app, &stage, &UNICODE).lines().last().map(str::to_owned);
        let hints = last(&app).unwrap_or_default();
        assert!(hints.starts_with("└ ! 1 finding  4 look  ? help"), "{hints}");
        assert!(hints.contains("q quit"), "{hints}");
        stage.press(&mut app, "4");
        assert!(!last(&app).unwrap_or_default().contains("4 look"));
    }
    let hints = |size| {
        let app = stage.app(size);
        let screen = shown(&app, &stage, &UNICODE);
        screen.lines().last().map_or(0, |line| line.matches("  ").count())
    };
    assert!(hints((80, 24)) < hints((160, 50)) && hints((160, 50)) < hints((240, 70)));
}

#[test]
fn who_comes_for_the_first_time_is_told_where_to_begin_until_a_key_or_a_client() {
    let mut stage = Stage::start();
    for size in [(80, 24), (120, 40), (240, 70)] {
        let mut app = stage.app(size);
        let greets = |app: &App| {
            let screen =
                shown(app, &stage, &UNICODE).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(screen.contains("telnet 127.0.0.1 8000"), "{screen}");
            screen.contains("L opens the lessons (epollscope lesson), ? explains every word.")
        };
        assert!(greets(&app), "{size:?}");
        stage.press(&mut app, "j");
        assert!(!greets(&app), "{size:?}");
    }
    stage.client(Fd(7));
    let app = stage.app((120, 40));
    assert!(!shown(&app, &stage, &UNICODE).contains("New here?"));
    assert!(app.ui.touched, "it does not come back with the last client's end");
    // There is one line of Why on the smallest screen: how to connect goes before.
    let stage = Stage::start();
    let app = stage.app((60, 16));
    let lines = drawn(Why(look(&stage, &app)), (58, 1));
    assert_eq!(lines, [" Type `telnet 127.0.0.1 8000`, or press c."]);
}

/// What stands in brackets in a title is the kernel's word for it.
fn bracketed(title: &str) -> Option<&str> {
    let (_, rest) = title.split_once(" (")?;
    rest.strip_suffix(')')
}

#[test]
fn every_kernel_term_of_a_title_is_in_the_glossary() {
    let stages = [
        Stage::start(),
        Stage::three_clients(),
        Stage::scanning(Backend::Poll),
        Stage::scanning(Backend::Select),
        Stage::ring(),
        goroutines(),
        threads(),
    ];
    let mut terms = std::collections::BTreeSet::new();
    for (stage, size) in stages.iter().flat_map(|stage| [(stage, (80, 24)), (stage, (240, 70))]) {
        let app = stage.app(size);
        let look = look(stage, &app);
        let titles = [
            Interest::title(&look),
            Ready::title(&look),
            Waiting::title(&look),
            TimelinePane::title(&look),
            Calls::title(&look),
            FindingsPane::title(&look),
            PathPane::title(&look),
            Why::title(&look),
        ];
        let parts = titles.iter().flatten();
        terms.extend(parts.filter_map(|part| bracketed(part)).map(str::to_owned));
    }
    // Titles within a pane.
    terms.extend(["ovflist", "events[]"].map(str::to_owned));
    for seen in ["rbr", "rdllist", "wq", "struct pollfd[]", "fd_set"] {
        assert!(terms.contains(seen), "{seen} is not in {terms:?}");
    }
    for term in &terms {
        assert!(explains(term), "the glossary has no `{term}`");
    }
    for state in ["ready", "listed", "handled", "in batch", "in hand", "disarmed", "silent"] {
        assert!(explains(state), "the glossary has no `{state}`");
    }
}

#[test]
fn the_help_is_left_where_its_end_was_reached() {
    let stage = Stage::start();
    let mut app = stage.app((60, 16));
    stage.press(&mut app, "?<End>");
    let end = shown(&app, &stage, &UNICODE);
    assert!(!end.contains("more row"), "{end}");
    stage.press(&mut app, "k");
    assert_ne!(shown(&app, &stage, &UNICODE), end);
}
