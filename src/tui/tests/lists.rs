//! The palette, the filter, and the order of the lists, as a person meets them.

use super::*;
use crate::event::Order;

/// A screen with so many clients, each with other numbers of unread bytes.
fn several() -> Stage {
    let mut stage = Stage::start();
    for (fd, unread) in [(7, 0), (8, 12), (9, 300), (10, 12)] {
        stage.client(Fd(fd));
        stage.after_ms(10);
        let queues = Queues { unread: Some(unread), unsent: Some(0), ..Queues::default() };
        stage.tool(Kind::Arrive { fd: Fd(fd), queues });
    }
    stage
}

/// The numbers of the descriptors in the rows of the interest list.
fn listed(screen: &str) -> Vec<i32> {
    let rows = screen.lines().skip_while(|line| !line.contains("fd what")).skip(1);
    let number = |line: &str| {
        let row = line.trim_start_matches(['│', '▌', ' ', '|', '>']);
        row.split_whitespace().next().and_then(|word| word.parse().ok())
    };
    rows.map_while(number).collect()
}

#[test]
fn the_list_is_shown_in_the_order_that_was_asked_for() {
    let mut stage = several();
    stage.arrive(Fd(8), 12);
    let mut app = stage.app((120, 40));
    assert_eq!(listed(&shown(&app, &stage, &UNICODE)), [4, 5, 7, 8, 9, 10]);
    stage.press(&mut app, "j");
    let selected = app.ui.watch;
    stage.press(&mut app, "s");
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("by unread"), "{screen}");
    // What is equal stays in the order of the numbers.
    assert_eq!(listed(&screen), [9, 8, 10, 5, 4, 7]);
    assert_eq!(app.ui.watch, selected, "the selection stays on its descriptor");
    stage.press(&mut app, "j");
    assert_eq!(app.ui.watch.map(|key| key.fd), Some(Fd(10)), "j goes down as the list stands");
    stage.press(&mut app, ":sort activity<Enter>");
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("by activity"), "{screen}");
    assert_eq!(listed(&screen), [8, 4, 10, 9, 7, 5]);
    stage.press(&mut app, "[[[");
    let past = shown(&app, &stage, &UNICODE);
    assert!(past.contains("PAST") && past.contains("by activity"), "{past}");
    stage.press(&mut app, "gs");
    assert_eq!(app.ui.order, Order::Number);
}

#[test]
fn every_list_keeps_all_its_rows_in_any_order() {
    let stages = [several(), Stage::scanning(Backend::Poll), Stage::ring(), Stage::three_clients()];
    for stage in stages {
        let mut app = stage.app((240, 70));
        let walk = |app: &mut App| {
            stage.press(app, "<Home>");
            let mut keys = vec![app.ui.watch];
            for _ in 0..80 {
                stage.press(app, "j");
                keys.push(app.ui.watch);
            }
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let all = walk(&mut app);
        for order in ["unread", "state", "activity"] {
            stage.press(&mut app, &format!(":sort {order}<Enter>"));
            assert_eq!(walk(&mut app), all, "{order}");
        }
    }
}

#[test]
fn what_is_stuck_comes_first_by_state() {
    let stage = Stage::stranded();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, ":sort state<Enter>");
    assert_eq!(listed(&shown(&app, &stage, &UNICODE)).first(), Some(&7));
}

#[test]
fn a_filter_counts_what_it_shows_and_says_if_that_is_nothing() {
    let stage = several();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "/client<Enter>");
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("4 of 6") && screen.contains("only client"), "{screen}");
    // The filter that there is stands there selected: typing replaces it.
    stage.press(&mut app, "/nobody");
    assert_eq!(app.ui.entry.as_ref().map(|entry| entry.text.as_str()), Some("nobody"));
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("no match"), "{screen}");
    stage.press(&mut app, "<Enter>");
    assert!(app.ui.message.as_ref().is_some_and(|m| m.text.starts_with("no match for nobody")));
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("0 of 6") && screen.contains("no match for nobody"), "{screen}");
    // Arrows edit it.
    stage.press(&mut app, ":filter fd=1<Enter>/<Right>0<Enter>");
    assert_eq!(app.ui.filter.text(), "fd=10");
    stage.press(&mut app, "/<BS><Enter>");
    assert!(app.ui.filter.is_all());
}

#[test]
fn a_filter_for_calls_is_no_failure_although_no_descriptor_matches() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "/epoll_ctl");
    assert!(shown(&app, &stage, &UNICODE).contains("0 of 5: no descriptor, but calls"));
    stage.press(&mut app, "<Enter>");
    assert!(app.ui.message.is_none(), "{:?}", app.ui.message);
}

#[test]
fn the_palette_suggests_and_what_is_chosen_is_carried_out_once_it_is_whole() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, ":treads 2");
    let screen = shown(&app, &stage, &UNICODE);
    let first = screen.lines().skip_while(|line| !line.contains("Command")).nth(1);
    assert!(first.is_some_and(|line| line.contains("server threads on the one")), "{screen}");
    let sent = stage.press(&mut app, "<Tab><Enter>");
    assert_eq!(sent, [Command::Threads(2)]);
    // A command that takes words asks for them; the last one carries it out.
    assert_eq!(stage.press(&mut app, ":trig<Down><Enter>"), []);
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("fd=7") && screen.contains("reported by every wait"), "{screen}");
    assert_eq!(
        stage.press(&mut app, "le<Down><Enter>"),
        [Command::Trigger(Scope::One(Fd(7).into()), Some(crate::event::Trigger::Level),)]
    );
    assert_eq!(stage.press(&mut app, ":clie<Down><Enter>"), [Command::Client]);
    // What was typed before comes back.
    assert_eq!(stage.press(&mut app, ":<Up><Up><Up><Enter>"), [Command::Threads(2)]);
    stage.press(&mut app, ":pasue<Enter>");
    let error = app.ui.entry.as_ref().and_then(|entry| entry.error.clone());
    assert_eq!(error.as_deref(), Some("`pasue`: expected a command (`pause`?)"));
}

#[test]
fn the_boxes_of_the_palette_and_the_filter() {
    let stage = Stage::three_clients();
    for (name, keys) in [
        ("empty", ":"),
        ("fuzzy", ":treads 2"),
        ("values", ":backend <Down><Down>"),
        ("filter", "/client<Enter>/"),
    ] {
        let mut app = stage.app((80, 24));
        stage.press(&mut app, keys);
        let screen = shown(&app, &stage, &UNICODE);
        let below: Vec<_> = screen.lines().skip(14).collect();
        insta::assert_snapshot!(format!("box_{name}"), below.join("\n"));
    }
}

#[test]
fn what_an_edge_told_of_and_is_left_unread_is_silent_while_its_thread_is_held() {
    let mut stage = Stage::three_clients();
    stage.wait_returns(&[Fd(7)]);
    stage.read(Fd(7), b"hell");
    let next = Syscall::EpollWait { ep: Fd(5), max: 64, timeout_ms: -1 };
    stage.push(LaneId(1), Kind::Park { next: next.into() });
    let queues = Queues { unread: Some(8), unsent: Some(0), ..Queues::default() };
    stage.tool(Kind::Arrive { fd: Fd(7), queues });
    let screen = shown(&stage.app((120, 40)), &stage, &UNICODE);
    let row = screen.lines().find(|line| line.contains("  7 built-in")).expect("its row");
    assert!(row.contains("silent") && !row.contains("idle"), "{screen}");
}
