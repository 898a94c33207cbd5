//! A lesson that is filmed.

use super::{ALL, Class};
use crate::event::TimeUnit;
use crate::film::{FilmLine, FilmScreen};
use crate::tui::film::Camera;
use crate::tui::theme::{Depth, Theme, ThemeName, UNICODE};

#[test]
fn a_film_of_a_lesson_is_its_screen_and_does_not_answer_its_question() {
    let theme = Theme::new(ThemeName::Mono, Depth::Sixteen, &UNICODE);
    // The terminal has another size than the film.
    let (mut class, mut other) = (Class::begin((80, 24)), Class::begin((120, 40)));
    let mut camera = Camera::new("edge", TimeUnit::Steps, (120, 40), &theme);
    let mut screen = FilmScreen::new(120, 40);
    let (mut asked, mut calls) = (0, 0);
    let keys = ALL.replace("eagain<Enter>", "[ g eagain<Enter>");
    for key in crate::tui::scenes::keys(&keys) {
        let wish = class.app.key(key);
        class.grant(wish);
        let wish = other.app.key(key);
        other.grant(wish);
        let frame = camera.lesson(&mut class.app).frame;
        if let Some(FilmLine::Frame(frame)) = frame.and_then(|it| FilmLine::parse(&it.line())) {
            calls += frame.words.calls.len();
            screen.apply(&frame);
        }
        assert_eq!(screen.text(), other.shown(&UNICODE));
        assert_eq!(class.app.app.ui.size, (80, 24));
        let words = &screen.words;
        let told = words.why.values().flatten().chain(&words.says);
        if screen.text().contains("yours to predict") {
            asked += 1;
            told.for_each(|text| assert!(!text.contains("reports IN"), "{text}"));
        }
    }
    assert!(asked >= 3, "{asked} screens with a question");
    assert!(calls >= 4, "{calls} calls");
}
