//! Files for others: what is asked, and what comes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::event::{ExportKind, ReplaySpeed};
use crate::record::Hidden;
use crate::tui::export::{ExportDialog, ExportOrder, ExportView, Exports, RangeChoice};
use crate::tui::keymap::Mode;
use crate::tui::ui::ReplayState;

fn dialog(app: &App) -> &ExportDialog {
    app.ui.export.as_ref().expect("it is asked")
}

#[test]
fn screens_of_the_dialog() {
    for size in [(60, 16), (80, 24), (120, 40)] {
        let stage = Stage::three_clients();
        let mut app = stage.app(size);
        stage.press(&mut app, "ejjhhrr");
        // How long a page is, is no matter of this screen.
        let bytes = vec![269_000, 37_900, 49_200, 5_100, 348_000, 211_000, 41_000, 302_000, 8_192];
        app.ui.export.as_mut().expect("it is asked").bytes = bytes;
        let name = format!("export_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, shown(&app, &stage, &UNICODE));
    }
}

#[test]
fn keys_choose_and_enter_orders() {
    let stage = Stage::three_clients();
    let mut app = stage.app((80, 24));
    stage.press(&mut app, "e");
    assert_eq!(app.ui.mode(), Mode::Export);
    assert_eq!(dialog(&app).kind, ExportKind::Page);
    assert_eq!(dialog(&app).events, (Seq(1), stage.last()));
    stage.press(&mut app, "jjjjjjjjjjjj");
    assert_eq!(dialog(&app).kind, ExportKind::Spans, "there it ends");
    stage.press(&mut app, "kkhz");
    assert_eq!(
        (dialog(&app).kind, dialog(&app).hidden),
        (ExportKind::Strace, &[Hidden::Payload][..])
    );
    assert_eq!(dialog(&app).size, (80, 24));
    stage.press(&mut app, "n<C-u>mine<Enter>");
    assert_eq!((app.ui.mode(), dialog(&app).name.as_str()), (Mode::Export, "mine"));
    assert_eq!(stage.press(&mut app, "<Enter>"), [], "the server has nothing to do with it");
    let Some(UiRequest::Export(order)) = app.ui.request.take() else { panic!("it is ordered") };
    assert_eq!((order.kind, order.hidden), (ExportKind::Strace, &[Hidden::Payload][..]));
    assert_eq!((order.path, order.named), (PathBuf::from("mine.strace"), true));
    assert_eq!(app.ui.mode(), Mode::Live);
    stage.press(&mut app, "e<Esc>");
    assert_eq!((app.ui.mode(), app.ui.request.take()), (Mode::Live, None));
    stage.press(&mut app, ":export picture a b.svg<Enter>");
    let Some(UiRequest::Export(order)) = app.ui.request.take() else { panic!("it is ordered") };
    assert_eq!((order.kind, order.path), (ExportKind::Picture, PathBuf::from("a b.svg")));
    stage.press(&mut app, ":export<Enter>");
    assert_eq!(app.ui.mode(), Mode::Export);
}

#[test]
fn a_range_is_what_its_name_says() {
    let stage = Stage::three_clients();
    let scene = stage.scene();
    let mut app = stage.app((120, 40));
    let state =
        ReplayState { name: "a/class.rec".to_owned(), speed: ReplaySpeed::USUAL, idle: None };
    app.open_replay(state, Some(Nanos(3_000_000_000)), &scene);
    stage.press(&mut app, "M:at 6<Enter>M:at 8<Enter>Mk:at 7<Enter>");
    let viewed = scene.journal.seq_at(Nanos(7_000_000_000)).expect("it is there");
    stage.press(&mut app, "e");
    assert_eq!(dialog(&app).name, "class");
    let at = |t: u64| scene.journal.seq_at(Nanos(t * 1_000_000_000)).expect("it is there");
    for choice in [RangeChoice::All, RangeChoice::Back, RangeChoice::Marks, RangeChoice::Timeline] {
        assert_eq!(dialog(&app).range, choice);
        let (first, last) = dialog(&app).events;
        let (from, until) = dialog(&app).times;
        match choice {
            RangeChoice::All => assert_eq!((first, last), (Seq(1), stage.last())),
            RangeChoice::Back => assert_eq!((first, last), (Seq(1), viewed)),
            RangeChoice::Marks => {
                assert!(from <= Nanos(6_000_000_000) && last == at(8), "{from} to {until}");
            }
            RangeChoice::Timeline => {
                let t = app.ui.past.as_ref().expect("a recording").world.t;
                assert!(from.0 + app.ui.zoom.0 >= t.0 && last == viewed, "{from} to {until}");
            }
        }
        stage.press(&mut app, "r");
    }
    assert_eq!(dialog(&app).range, RangeChoice::All);
}

#[test]
fn sizes_are_about_right() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "e");
    let told = dialog(&app).bytes.clone();
    for (kind, told) in ExportKind::ALL.into_iter().zip(told) {
        let written = exported(&stage, &mut app, ":", kind).1.len() as u64;
        assert!(told / 2 <= written && written <= told * 2, "{kind}: {told}, {written}");
    }
}

/// Where a test's own files are.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let n = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("epollscope-exports-{}-{n}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Carries out an order as the loop of the screen does; what is said in the end.
fn carry_out(stage: &Stage, app: &mut App, order: ExportOrder) -> Result<String, String> {
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let (wake, scene) = (Arc::new(Notify::new()), stage.scene());
    let view = ExportView { theme: &theme, hidden: &[], beside: &[], wake: &wake };
    let one = order.kind.is_one_screen();
    if one && order.hidden.is_empty() {
        let clock = scene.header.clock;
        return Exports::screen(&order, clock, view, |camera| camera.app(app, scene));
    }
    let mut exports = Exports::default();
    exports.begin(order.clone(), one.then(|| Box::new(app.clone())), scene, view)?;
    assert!(exports.begin(order, None, scene, view).is_err(), "one at a time");
    let begun = std::time::Instant::now();
    loop {
        match exports.go_on(scene.journal).said {
            Some(Ok(said)) if said.contains(" is written: ") => return Ok(said),
            Some(Err(why)) => return Err(why),
            _ => std::thread::yield_now(),
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it never ends");
    }
}

/// What a file of that kind has, which is ordered by a line after those keys.
fn exported(stage: &Stage, app: &mut App, keys: &str, kind: ExportKind) -> (String, Vec<u8>) {
    let folder = Folder::new(kind.word());
    let path = folder.0.join(format!("x.{}", kind.ending()));
    let keys = format!("{keys}<Esc>:export {kind} {}<Enter>", path.display());
    stage.press(app, &keys);
    let Some(UiRequest::Export(order)) = app.ui.request.take() else { panic!("it is ordered") };
    let said = carry_out(stage, app, *order).expect("it is written");
    (said, std::fs::read(&path).expect("it is there"))
}

#[test]
fn a_live_session_and_its_past_are_exported() {
    let stage = Stage::three_clients();
    for keys in ["", "[[["] {
        let mut app = stage.app((120, 40));
        stage.press(&mut app, keys);
        let screen = shown(&app, &stage, &UNICODE);
        for kind in ExportKind::ALL {
            let (said, bytes) = exported(&stage, &mut app, ":", kind);
            assert!(said.contains(&format!("x.{} is written: ", kind.ending())), "{said}");
            assert!(!bytes.is_empty(), "{kind}");
            if kind == ExportKind::Text {
                let text = String::from_utf8(bytes).expect("text");
                let rows = text.lines().zip(screen.lines()).take(38);
                rows.for_each(|(written, shown)| assert_eq!(written, shown));
            }
        }
    }
}

/// A picture of which something is hidden is made of a history that does not have it.
#[test]
fn a_screen_without_what_is_hidden_is_the_same_screen() {
    let stage = Stage::three_clients();
    let folder = Folder::new("veiled");
    for keys in ["", "[[[", "3"] {
        let mut app = stage.app((120, 40));
        stage.press(&mut app, keys);
        let mut texts = Vec::new();
        for hidden in [&[][..], &[Hidden::Payload, Hidden::Peers]] {
            let kind = ExportKind::Text;
            let path = folder.0.join(format!("{}.txt", hidden.len()));
            let _gone = std::fs::remove_file(&path);
            let events = (Seq(1), stage.last());
            let (size, title, named) = ((120, 40), "x".to_owned(), true);
            let order =
                ExportOrder { kind, events, hidden, size, path: path.clone(), named, title };
            carry_out(&stage, &mut app, order).expect("it is written");
            texts.push(std::fs::read_to_string(&path).expect("it is there"));
        }
        assert!(
            texts[0].contains("127.0.0.1:51") && !texts[1].contains("127.0.0.1:51"),
            "{}",
            texts[1]
        );
        assert!(texts[1].contains("client-1"), "{}", texts[1]);
        let first = |text: &str| text.lines().next().map(str::to_owned);
        assert_eq!(first(&texts[0]), first(&texts[1]));
        assert_eq!(texts[0].lines().count(), texts[1].lines().count());
    }
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let stage = Stage::three_clients();
    let folder = Folder::new("there");
    let path = folder.0.join("class.csv");
    let order = |named| ExportOrder {
        kind: ExportKind::Spans,
        events: (Seq(1), stage.last()),
        hidden: &[],
        size: (120, 40),
        path: path.clone(),
        named,
        title: "class".to_owned(),
    };
    std::fs::write(&path, "mine").expect("a file");
    let mut app = stage.app((80, 24));
    let why = carry_out(&stage, &mut app, order(true)).expect_err("it is there");
    assert!(why.ends_with("class.csv exists: give another name"), "{why}");
    let said = carry_out(&stage, &mut app, order(false)).expect("another name is free");
    assert!(said.contains("class-2.csv is written"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine");
    let lost = ExportOrder { path: Path::new("/nowhere/at/all.csv").to_owned(), ..order(true) };
    let why = carry_out(&stage, &mut app, lost).expect_err("there is no such folder");
    assert!(why.contains("no such file or directory"), "{why}");
}
