//! The way of one event, place by place.

use super::*;

fn turn() -> Stage {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.client(Fd(8));
    stage.arrive(Fd(7), 5);
    stage.after_ms(2);
    stage.wait_returns(&[Fd(7)]);
    stage.read(Fd(7), b"hello");
    stage
}

/// The screen of one event of the turn, counted back from the newest.
fn at(stage: &Stage, app: &mut App, back: usize) -> String {
    stage.press(app, "g5");
    stage.press(app, &"[".repeat(back));
    shown(app, stage, &UNICODE)
}

#[test]
fn the_way_is_drawn_as_a_circuit_and_as_a_list() {
    let stage = turn();
    for (name, size) in [("circuit", (120, 40)), ("list", (80, 24))] {
        let mut app = stage.app(size);
        insta::assert_snapshot!(format!("path_{name}"), at(&stage, &mut app, 0));
    }
    for size in [(160, 50), (240, 70)] {
        let app = stage.app(size);
        let name = format!("path_beside_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, shown(&app, &stage, &UNICODE));
    }
}

#[test]
fn the_places_that_the_viewed_event_touches_are_lit() {
    let stage = turn();
    let mut app = stage.app((120, 40));
    let lit = |screen: &str| {
        let titles = ["file and", "ep_poll_callback", "rdllist", "wq", "epoll_wait", "events[]"];
        let titles = titles.into_iter().chain(["the server calls"]).enumerate();
        let is_lit = |(n, title): &(usize, &str)| screen.contains(&format!("▶{} {title}", n + 1));
        titles.filter(is_lit).map(|(n, _)| n + 1).collect::<Vec<_>>()
    };
    // A read; the server turned to it; it came back with it; it was woken.
    assert_eq!(lit(&at(&stage, &mut app, 0)), [1, 7]);
    assert_eq!(lit(&at(&stage, &mut app, 1)), [6]);
    assert_eq!(lit(&at(&stage, &mut app, 2)), [3, 5, 6]);
    assert_eq!(lit(&at(&stage, &mut app, 3)), [1, 2, 3]);
}

#[test]
fn each_place_says_how_long_after_the_one_before_it_was_reached() {
    let stage = turn();
    let mut app = stage.app((120, 40));
    let screen = at(&stage, &mut app, 0);
    let times: Vec<_> = screen.split_whitespace().filter(|word| word.starts_with('+')).collect();
    // From the wake-up to the return, from there to the event, from there to the read.
    assert_eq!(times, ["+20", "+20", "+2"], "from the right to the left: {screen}");
}

#[test]
fn poll_and_select_have_a_way_of_their_own() {
    for backend in [Backend::Poll, Backend::Select] {
        let stage = Stage::scanning(backend);
        let mut app = stage.app((120, 40));
        insta::assert_snapshot!(format!("path_{backend}"), at(&stage, &mut app, 0));
        stage.app((80, 24));
    }
}

#[test]
fn goroutines_rings_and_threads_have_a_way_of_their_own() {
    let ways = [
        ("ring", Stage::ring(), "in flight"),
        ("goroutines", own_code::goroutines(), "run queue"),
        ("threads", own_code::threads(), "asleep in its call"),
    ];
    for (name, stage, place) in ways {
        let mut app = stage.app((120, 40));
        stage.press(&mut app, "5");
        let screen = shown(&app, &stage, &UNICODE);
        assert!(screen.contains(place), "{name}: {screen}");
        insta::assert_snapshot!(format!("path_{name}"), screen);
    }
}

#[test]
fn it_can_be_drawn_in_ascii_and_of_nothing() {
    let stage = Stage::start();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "5");
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.is_ascii() && screen.contains("-->"), "{screen}");
    app.ui.watch = None;
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("no file is selected"), "{screen}");
}
