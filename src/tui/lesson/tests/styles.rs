//! Screens of a lesson as their styles.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{ALL, Class, FIRST};
use crate::tui::lesson::menu::Menu;
use crate::tui::lesson::screen::paint;
use crate::tui::tests::styles::styles;
use crate::tui::theme::{Depth, Theme, ThemeName, UNICODE};

#[track_caller]
fn snapshot(name: &str, keys: &str) {
    let mut class = Class::begin((120, 40));
    class.press(keys);
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let mut buf = Buffer::empty(Rect::new(0, 0, 120, 40));
    paint(&class.app, &theme, &mut buf);
    insta::assert_snapshot!(name, styles(&buf));
}

#[test]
fn styles_of_a_lesson() {
    snapshot("begins", "");
    snapshot("question", "<Enter><Enter><Enter>");
    snapshot("right", FIRST);
    snapshot("wrong", "<Enter><Enter><Enter>1<Enter>1");
    snapshot("past", &format!("{FIRST}[["));
    snapshot("end", ALL);
}

#[test]
fn styles_of_the_menu() {
    let menu = Menu::new(crate::lesson::catalog::topics(), &[].into(), (80, 24));
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    menu.paint(&theme, &mut buf);
    insta::assert_snapshot!("menu", styles(&buf));
}
