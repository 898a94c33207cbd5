//! The menu of lessons: what it says, clicks, its help.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::lesson::course::Score;
use crate::tui::action::Direction;
use crate::tui::key::{Key, ch, plain};
use crate::tui::lesson::menu::{Menu, MenuChoice};
use crate::tui::tests::text;
use crate::tui::theme::{Depth, Theme, ThemeName, UNICODE};

fn shown(menu: &Menu) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    let theme = Theme::new(ThemeName::Mono, Depth::Sixteen, &UNICODE);
    menu.paint(&theme, &mut buf);
    text(&buf)
}

#[test]
fn the_menu_says_who_was_left_early_and_what_is_below() {
    let topics = crate::lesson::catalog::topics();
    let mut menu = Menu::new(topics, &[].into(), (80, 24));
    let id = menu.chosen().expect("a lesson").id.clone();
    menu.note(&id, None);
    let screen = shown(&menu);
    for words in ["left early", "rows below", "j down  k up"] {
        assert!(screen.contains(words), "{words:?} is not in\n{screen}");
    }
    menu.note(&id, Some(Score { asked: 2, answered: 2, right: 1 }));
    menu.note(&id, None);
    assert!(shown(&menu).contains("1 of 2 right"), "what came out stays");
}

#[test]
fn the_menu_takes_clicks_and_its_help_ends() {
    let topics = crate::lesson::catalog::topics();
    let mut menu = Menu::new(topics, &[].into(), (80, 24));
    let at = |menu: &Menu, words: &str| {
        let screen = shown(menu);
        let row = screen.lines().position(|line| line.contains(words));
        let row = row.unwrap_or_else(|| panic!("no `{words}` in\n{screen}"));
        let line = screen.lines().nth(row).expect("it is there");
        let column = line[..line.find(words).expect("it is there")].chars().count();
        (u16::try_from(column).expect("a column"), u16::try_from(row).expect("a row"))
    };
    let first = menu.chosen().expect("a lesson").title.clone();
    menu.wheel(Direction::On);
    let second = menu.chosen().expect("a lesson").title.clone();
    menu.wheel(Direction::Back);
    assert_ne!(first, second);
    assert!(menu.click(at(&menu, &second)).is_none());
    assert_eq!(menu.chosen().map(|case| &case.title), Some(&second));
    let begun = menu.click(at(&menu, &second));
    assert!(matches!(begun, Some(MenuChoice::Begin(case)) if case.title == second));
    // A key of the last row is pressed, and the help scrolls as far as there is something.
    menu.click(at(&menu, "? help"));
    assert_eq!(menu.ui.help, Some(0));
    menu.key(plain(Key::End));
    let last = menu.ui.help.expect("it is open");
    assert!(!shown(&menu).contains("more row"));
    menu.key(ch('k'));
    assert_eq!(menu.ui.help, Some(last - 1), "it is seen at once");
    assert!(shown(&menu).contains("1 more row"));
    menu.key(plain(Key::Home));
    menu.key(ch(' '));
    assert!(menu.ui.help.is_some_and(|first| first > 10), "a page");
}
