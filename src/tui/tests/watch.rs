//! A session elsewhere on the screen: followed, or looked at on one's own.

use super::*;
use crate::event::{View, Viewpoint};
use crate::source::{RemoteEnd, RemoteNews};
use crate::tui::keymap::Mode;

fn opened(stage: &Stage, size: (u16, u16)) -> App {
    let mut app = stage.app(size);
    app.open_watch("192.168.1.20".to_owned());
    app
}

fn teacher(app: &mut App, stage: &Stage, viewpoint: Viewpoint) -> bool {
    let news = RemoteNews { viewpoint: Some(viewpoint), ..RemoteNews::default() };
    app.hear(&news, &stage.scene())
}

#[test]
fn the_teachers_view_is_followed_until_a_key_moves() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    assert_eq!(app.ui.mode(), Mode::Watch);
    let watch = app
        .ui
        .watch
        .filter(|key| key.fd == Fd(9))
        .or_else(|| stage.scene().world.through(None).watched().find(|key| key.fd == Fd(9)));
    let there = Viewpoint {
        seq: Some(Seq(20)),
        watch,
        view: View::Calls,
        lane: LaneId(1),
        poller: None,
        asks: None,
    };
    assert!(teacher(&mut app, &stage, there));
    assert!(!teacher(&mut app, &stage, there), "nothing is new");
    assert_eq!(app.viewpoint(), there);
    assert!(app.follows());
    app.own_view();
    let now = Viewpoint { seq: None, view: View::Timeline, ..there };
    assert!(teacher(&mut app, &stage, now));
    assert_eq!(app.viewpoint(), there, "the view is one's own");
    stage.press(&mut app, "V");
    assert_eq!(app.viewpoint(), now, "followed again, at once");
    assert_eq!(app.ui.message, None);
    stage.press(&mut app, "V[");
    assert!(app.ui.past.is_some() && !app.follows());
    for (words, follows) in [("follow on", true), ("follow on", true), ("follow", false)] {
        stage.press(&mut app, &format!(":{words}<Enter>"));
        assert_eq!(app.follows(), follows, "{words}");
    }
}

#[test]
fn what_is_looked_for_or_played_is_ones_own() {
    let stage = Stage::three_clients();
    for keys in ["P", "FT1<Enter>"] {
        let mut app = opened(&stage, (120, 40));
        stage.press(&mut app, keys);
        assert!(!app.follows(), "{keys}");
    }
    let mut app = opened(&stage, (120, 40));
    stage.press(&mut app, "[[[[ ");
    assert!(app.ui.play.as_ref().is_some_and(|play| play.clock.is_none()), "it plays up to now");
}

#[test]
fn nothing_is_asked_of_the_server_and_recordings_are_ones_own() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    for keys in ["t", "c", ":pause<Enter>", ":send hello<Enter>"] {
        assert_eq!(stage.press(&mut app, keys), [], "{keys}");
    }
    let message = app.ui.message.as_ref().map(|message| message.text.as_str());
    let nothing = "who looks on asks nothing of the server: [ goes back, F finds, e exports";
    assert_eq!(message, Some(nothing));
    stage.press(&mut app, "M");
    assert_eq!(app.ui.bookmarks.len(), 1);
    assert_eq!(stage.press(&mut app, "R"), [Command::Record(None)]);
    let save = Command::Save(Some("x".to_owned()));
    assert_eq!(stage.press(&mut app, ":save x<Enter>"), [save]);
}

#[test]
fn the_end_is_said_once_and_all_can_still_be_gone_through() {
    let stage = Stage::three_clients();
    for (end, told) in [
        (RemoteEnd::Ended, "the session has ended; what came can be replayed and exported"),
        (RemoteEnd::Lost, "the connection was lost; what came can be replayed and exported"),
    ] {
        let mut app = opened(&stage, (120, 40));
        let news = RemoteNews { ended: Some(end), ..RemoteNews::default() };
        assert!(app.hear(&news, &stage.scene()));
        assert_eq!(app.ui.message.as_ref().map(|message| message.text.as_str()), Some(told));
        stage.press(&mut app, "[[");
        assert!(!app.hear(&news, &stage.scene()));
        assert_eq!(app.ui.message, None);
        assert!(app.ui.past.is_some());
    }
}

#[test]
fn its_help_speaks_of_what_can_be_done() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 200));
    stage.press(&mut app, "?");
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("follow the teacher's view"), "{screen}");
    assert!(!screen.contains("built-in client"), "{screen}");
}

#[test]
fn screen_of_a_session_elsewhere() {
    let stage = Stage::three_clients();
    for size in [(80, 24), (120, 40)] {
        let mut app = opened(&stage, size);
        let name = |what: &str| format!("watch_{what}{}x{}", size.0, size.1);
        insta::assert_snapshot!(name(""), shown(&app, &stage, &UNICODE));
        let news = RemoteNews { not_received: 4_096, ..RemoteNews::default() };
        app.hear(&news, &stage.scene());
        app.own_view();
        stage.press(&mut app, "[[[[");
        insta::assert_snapshot!(name("past_"), shown(&app, &stage, &UNICODE));
    }
}
