//! What makes lessons comfortable: the next one, the search, what was done, undoing, the pace.

use std::collections::BTreeMap;

use super::*;
use crate::lesson::catalog;
use crate::lesson::course::Score;
use crate::tui::action::Shown;
use crate::tui::draw::inside;
use crate::tui::layout::Part;
use crate::tui::lesson::layout::{LayoutPlan, layout};
use crate::tui::lesson::menu::Menu;
use crate::tui::lesson::menu::MenuChoice;
use crate::tui::ui::Pane;

#[test]
fn the_end_leads_to_the_next_lesson() {
    let mut class = Class::begin((120, 40));
    class.app.following = Some("One more".to_owned());
    class.press(ALL).tells(&["Enter goes on to: One more."]).shows(&["Enter next lesson"]);
    assert_eq!(class.wishes, []);
    class.press("<Enter>");
    assert_eq!(class.wishes, [LessonCommand::Following]);
    // The last one leads nowhere.
    let mut class = Class::begin((120, 40));
    class.press(ALL).press("<Enter>").shows(&["this is the end"]);
    assert_eq!(class.wishes, []);
}

#[test]
fn leaving_asks_before_answers_are_lost() {
    let mut class = Class::begin((80, 24));
    class.press(FIRST).press("<Esc>");
    class.shows(&["q or Esc again leaves: 1 answer would be lost"]);
    // Another key, and it is asked again.
    class.press("j<Esc>").shows(&["would be lost"]);
    assert_eq!(class.wishes, []);
    class.press("q");
    assert_eq!(class.wishes, [LessonCommand::Leave]);
    // At the end nothing is lost, whatever is tried there.
    let mut class = Class::begin((80, 24));
    class.press(ALL).press("vwrite p.w 1<Enter>");
    assert_eq!(class.app.came_out().map(|score| score.right), Some(2));
    class.press("<Esc>");
    assert_eq!(class.wishes, [LessonCommand::Leave]);
}

#[test]
fn an_action_of_ones_own_is_undone() {
    let mut class = Class::begin((120, 40));
    class.press(FIRST).press("vwrite p.w 1<Enter>").tells(&["Your own: write p.w 1"]);
    class.press("u").shows(&["undone: the lesson was made anew up to here", "Step 3"]);
    class.tells(&["Right: 1, one event: p.r IN"]);
    let course = class.app.course();
    assert_eq!((course.moments.len(), course.next, course.replies()), (4, 3, 1));
    assert_eq!(course.phase, Phase::Ready);
    // Of two only the last one, also before the first step.
    let mut class = Class::begin((120, 40));
    class.press("vwrite p.w 1<Enter>vwait e<Enter>u").tells(&["Your own: write p.w 1"]);
    class.press("u").shows(&["undone", "Enter makes the first step."]);
    class.press("u").shows(&["nothing of your own was done"]);
    // A step after it is not undone.
    class.press("vwrite p.w 1<Enter><Enter>u").shows(&["a step was made since"]);
    class.press("[u").shows(&["this is the past"]);
    assert_eq!(class.wishes, []);
}

#[test]
fn playing_has_a_speed() {
    let mut class = Class::begin((120, 40));
    class.press("+").shows(&["it plays 400 words a minute; p plays"]);
    class.press("-").shows(&["it plays 200 words a minute"]);
    class.press("p");
    let usual = class.app.pause_ms().expect("it plays");
    class.press("+");
    let fast = class.app.pause_ms().expect("it plays on");
    assert!(fast * 2 <= usual + 1 && fast * 2 + 2 > usual, "{fast} ms and {usual} ms");
    class.press("------").shows(&["50 words a minute"]).hides(&["p plays"]);
    assert!(class.app.pause_ms().expect("it plays on") > usual);
}

fn menu(done: &BTreeMap<String, Score>) -> Menu {
    Menu::new(catalog::topics(), done, (80, 24))
}

fn drawn(menu: &Menu) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    menu.paint(&Theme::new(ThemeName::Mono, Depth::Sixteen, &UNICODE), &mut buf);
    text(&buf)
}

/// Presses these keys. What came out of the last one: a lesson's name, or no more lessons.
fn press(menu: &mut Menu, text: &str) -> Option<String> {
    let choice = keys(text).into_iter().map(|key| menu.key(key)).last().flatten()?;
    Some(match choice {
        MenuChoice::Begin(case) => case.id,
        MenuChoice::Leave => "leave".to_owned(),
    })
}

#[test]
fn lessons_are_found_by_words() {
    let mut menu = menu(&BTreeMap::new());
    assert_eq!(press(&mut menu, "/WORKER eight"), None);
    let screen = drawn(&menu);
    for words in ["search> WORKER eight", "with \"WORKER eight\"", "1 of 1", "which one wakes"] {
        assert!(screen.contains(words), "{words:?} is not in\n{screen}");
    }
    assert_eq!(press(&mut menu, "<Enter>").as_deref(), Some("which-worker"));
    // What was looked for is still there when the lesson is left.
    assert!(drawn(&menu).contains("1 of 1"));
    press(&mut menu, "/<C-u>no such words");
    assert!(drawn(&menu).contains("no lesson has all of these words"), "{}", drawn(&menu));
    assert_eq!(press(&mut menu, "<Enter>"), None);
    assert_eq!(press(&mut menu, "<Esc>"), None);
    assert!(drawn(&menu).contains("in teaching order"), "{}", drawn(&menu));
    assert_eq!(press(&mut menu, "<Esc>").as_deref(), Some("leave"));
}

#[test]
fn the_keys_of_a_search_choose_among_what_was_found() {
    let mut menu = menu(&BTreeMap::new());
    let all = catalog::topics();
    let all: Vec<_> = all.iter().flat_map(|topic| &topic.lessons).collect();
    let found = |case: &&&Case| case.title.to_lowercase().contains("ready");
    let found: Vec<_> = all.iter().filter(found).map(|case| case.id.clone()).collect();
    assert!(found.len() > 1, "{found:?}");
    press(&mut menu, "/ready");
    let mut seen = Vec::new();
    for _ in 0..40 {
        seen.extend(menu.chosen().map(|case| case.id.clone()));
        menu.key(crate::tui::key::plain(crate::tui::key::Key::Down));
    }
    assert!(found.iter().all(|id| seen.contains(id)), "{found:?} are not all among {seen:?}");
    seen.dedup();
    assert!(seen.len() < all.len());
}

#[test]
fn what_was_done_before_is_marked() {
    let first = catalog::topics()[0].lessons[0].id.clone();
    let done = BTreeMap::from([(first.clone(), Score { asked: 3, answered: 3, right: 2 })]);
    let mut menu = menu(&done);
    let screen = drawn(&menu);
    assert!(screen.contains("2 of 3 right") && screen.contains(", 1 done"), "{screen}");
    // Worse than before changes nothing, better does.
    menu.note(&first, Some(Score { asked: 3, answered: 3, right: 1 }));
    assert!(drawn(&menu).contains("2 of 3 right"));
    menu.note(&first, Some(Score { asked: 3, answered: 3, right: 3 }));
    assert!(drawn(&menu).contains("3 of 3 right"));
}

#[test]
fn each_lesson_is_followed_by_the_next_one() {
    let mut menu = menu(&BTreeMap::new());
    let all = catalog::topics();
    let all: Vec<_> = all.iter().flat_map(|topic| &topic.lessons).map(|one| &one.id).collect();
    for pair in all.windows(2) {
        assert_eq!(menu.go_on_from(pair[0]).map(|case| case.id).as_ref(), Some(pair[1]));
        assert_eq!(menu.chosen().map(|case| &case.id), Some(pair[1]));
    }
    assert_eq!(menu.go_on_from(all[all.len() - 1]), None);
    assert_eq!(menu.go_on_from("a-file-of-ones-own"), None);
}

#[test]
fn nine_threads_fit_whatever_the_story_needs() {
    for story in 0..30 {
        let plan = LayoutPlan {
            size: (120, 40),
            shown: Shown::Overview,
            longest: 30,
            story,
            lanes: 9,
            ready: 1,
        };
        let layout = layout(&plan).expect("there is room");
        let rows = |of: Pane| {
            let slot = layout.slots.iter().find(|slot| slot.part == Part::Pane(of));
            slot.map(|slot| inside(slot.area).height)
        };
        assert!(rows(Pane::Waiting) >= Some(9), "{story} rows of story: {layout:#?}");
        assert!(rows(Pane::Ready) >= Some(3), "{story} rows of story: {layout:#?}");
        for pane in [Pane::Timeline, Pane::Calls] {
            assert!(rows(pane).is_none_or(|rows| rows >= 2), "{story} rows of story: {layout:#?}");
        }
    }
}

#[test]
fn the_way_of_one_event_begins_with_the_first_file() {
    for size in [(80, 24), (120, 40)] {
        let mut class = Class::begin(size);
        class.press("5").hides(&["no file is selected"]);
        class.shows(&["The way of one event", "p.r", "not registered"]);
        class.press("<Enter>").shows(&["EDGE"]).hides(&["not registered here"]);
    }
}

#[test]
fn a_step_is_gone_through_in_slow_motion_and_nothing_is_claimed_of_its_lists() {
    let mut class = Class::begin((120, 40));
    class.app.go_through();
    class.hides(&["SLOW MOTION"]);
    class.press("<Enter>");
    class.app.go_through();
    let within = ["SLOW MOTION", "─ e ─ 0 ─ as before", "The lists are read after the step."];
    class.shows(&within).hides(&["kernel ─", "model ✓"]);
    assert_eq!(class.app.advance(0), (false, Some(400)));
    assert_eq!(class.app.advance(400), (true, Some(800)));
    class.shows(&within).shows(&["step 1 main epoll_ctl(3<e>, ADD"]);
    assert_eq!(class.app.advance(800), (true, None));
    class.hides(&["SLOW MOTION", "as before"]).shows(&["─ e ─ 1 ─ kernel", "Why ─ p.r"]);
    // A key cuts it short, and does what it does.
    class.press("<Enter>");
    class.app.go_through();
    class.shows(&["SLOW MOTION"]);
    class.press("<Enter>").hides(&["SLOW MOTION"]).shows(&["QUESTION"]);
    class.press("1m").shows(&["slow motion: off"]);
    class.press("vwrite p.w 1<Enter>");
    class.app.go_through();
    class.hides(&["SLOW MOTION"]);
}

#[test]
fn what_is_done_again_is_not_gone_through_again() {
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter>vwrite p.w 1<Enter>u").shows(&["undone"]);
    class.app.go_through();
    class.hides(&["SLOW MOTION"]);
}
