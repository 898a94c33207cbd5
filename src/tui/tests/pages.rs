//! The page of a row: what was counted, and the last events, now and in the past.

use super::*;
use crate::tui::ui::Page;

fn file(fd: i32) -> Page {
    Page::File(crate::event::WatchKey {
        fd: Fd(fd),
        file: FileId(u32::try_from(fd).expect("a number")),
    })
}

#[test]
fn pages_of_a_descriptor_and_of_a_thread() {
    let stage = Stage::three_clients();
    for (name, keys) in
        [("fd", "jj<Enter>"), ("thread", "<Tab><Tab><Enter>"), ("past", "[[[<Enter>")]
    {
        for size in [(80, 24), (120, 40)] {
            let mut app = stage.app(size);
            stage.press(&mut app, keys);
            let name = format!("page_{name}_{}x{}", size.0, size.1);
            insta::assert_snapshot!(name, shown(&app, &stage, &UNICODE));
        }
    }
}

#[test]
fn a_page_tells_what_was_counted_up_to_the_viewed_event() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "jj<Enter>");
    assert_eq!(app.ui.page, Some(file(9)));
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("reported    once"), "{screen}");
    assert!(screen.contains("1 read, 3 B"), "{screen}");
    // Before the read, nothing had been read.
    while !shown(&app, &stage, &UNICODE).contains("0 reads, 0 B") {
        stage.press(&mut app, "[");
        assert!(app.ui.past.as_ref().is_some_and(|past| past.seq > Seq(20)));
    }
    assert_eq!(app.ui.page, Some(file(9)), "the page stays open through time");
}

#[test]
fn pages_are_turned_by_the_keys_that_select() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "<Enter>");
    assert_eq!(app.ui.page, Some(file(7)));
    stage.press(&mut app, "j");
    assert_eq!(app.ui.page, Some(file(8)));
    stage.press(&mut app, "kk");
    assert_eq!(app.ui.page, Some(file(5)));
    // What acts on the server acts on what the page is of.
    assert_eq!(stage.press(&mut app, "m"), [Command::Rearm(Some(Fd(5).into()))]);
    stage.press(&mut app, "<Esc>");
    assert_eq!(app.ui.page, None);
    stage.press(&mut app, "3k<Enter>");
    assert!(app.ui.page.is_some());
}

#[test]
fn what_is_not_known_or_was_lost_is_said() {
    let mut stage = Stage::three_clients();
    stage.tool(Kind::Gap { lost: 12 });
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "<Enter>");
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("12 observations were lost"), "{screen}");
    assert!(screen.contains("not known now"), "{screen}");
    // A moment at which the file was not yet open.
    stage.press(&mut app, "<Esc>");
    app.ui.page = Some(file(99));
    assert!(shown(&app, &stage, &UNICODE).contains("not open at this moment"));
}
