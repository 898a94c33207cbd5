//! What those who watch are asked on a screen of a server.

use super::*;
use crate::share::ClassTally;
use crate::tui::class::FreeQuestion;
use crate::tui::ui::{ShareWish, UiRequest};

#[test]
fn the_count_and_all_bars_are_seen_on_every_screen() {
    let stage = Stage::three_clients();
    let answers: Vec<_> =
        (1..=9).map(|n| format!("an answer of several words, which is {n}")).collect();
    let choices = (1..=9).collect();
    let tally = ClassTally { answered: 45, of: 60, choices, ..ClassTally::default() };
    let text = "Which of all these?".to_owned();
    let question = FreeQuestion { number: 1, text, answers, tally, open: true };
    for size in [(60, 16), (80, 24), (120, 40), (240, 70)] {
        let mut app = stage.app(size);
        app.ui.question = Some(question.clone());
        let open = shown(&app, &stage, &UNICODE);
        assert!(open.contains("45 of 60 have answered. a closes."), "{open}");
        assert!(!open.contains('▇'), "nothing shows of what was chosen: {open}");
        app.ui.question = Some(FreeQuestion { open: false, ..question.clone() });
        let closed = shown(&app, &stage, &UNICODE);
        assert_eq!(closed.lines().filter(|line| line.contains('▇')).count(), 9, "{closed}");
        assert!(closed.contains("a puts it away"), "{closed}");
    }
}

#[test]
fn a_closes_now_and_in_the_past() {
    let stage = Stage::three_clients();
    for keys in ["a", "[a", "<Enter>a", "Pa"] {
        let mut app = stage.app((120, 40));
        stage.press(&mut app, keys);
        assert_eq!(app.ui.request, Some(UiRequest::Share(ShareWish::CloseAnswers)), "{keys}");
    }
}
