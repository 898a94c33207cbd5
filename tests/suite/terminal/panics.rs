//! Panics of the thread that draws and of one that serves.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use epollscope::engine::{Doorbell, Engine, EngineConfig};
use epollscope::event::{Facts, WakeupLogMode};
use epollscope::journal::Limits;
use epollscope::session::Session;
use epollscope::share::{ShareBlocks, ShareOptions, SharePage};
use epollscope::source::Live;
use epollscope::tui::app::App;
use epollscope::tui::run::paint;
use epollscope::tui::theme::{Depth, Theme, ThemeName, UNICODE};
use epollscope::tui::{Sharing, TuiOptions, run, terminal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::pty::{Terminal, Tie};

/// Set in the process that plays the program.
const PLAYS: &str = "EPOLLSCOPE_TEST_PLAYS";

/// This test once more, as a program on a terminal; `None` if this is that program.
fn stage(test: &str, cue: &Path) -> Option<Terminal> {
    if std::env::var_os(PLAYS).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("terminal::panics::{test}"), "--exact", "--nocapture"]);
    command.arg("--test-threads=1").env(PLAYS, cue);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env("RUST_BACKTRACE", "0");
    Some(Terminal::spawn(40, 120, &mut command, Tie::Session))
}

/// A file whose existence says that now is the time.
struct Cue(PathBuf);

impl Cue {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("epollscope-cue-{name}-{}", std::process::id())))
    }

    fn give(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

impl Drop for Cue {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whether the test has given its cue to the program.
fn is_time() -> bool {
    std::env::var_os(PLAYS).is_some_and(|cue| Path::new(&cue).exists())
}

/// A server and its session; the bell is also rung by the server's threads.
fn session(ring: impl Fn() + Send + Sync + 'static) -> Session<Live> {
    let bell = Arc::new(Doorbell::new(ring));
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    let config = EngineConfig { listen, ..EngineConfig::default() };
    let engine = Engine::start(config, Arc::clone(&bell)).unwrap();
    let addresses = engine.addresses().iter().map(ToString::to_string).collect();
    let facts = Facts { addresses, ..Facts::default() };
    Session::new(Live::new(engine, bell, facts, WakeupLogMode::default()), Limits::default())
}

/// A screen that panics in the middle of a frame.
fn play_screen() {
    let mut session = session(|| {});
    let mut terminal = terminal::Terminal::enter(terminal::Mouse::Captured).unwrap();
    let (mut app, theme) = (App::default(), Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE));
    app.ui.size = terminal.size();
    loop {
        session.tick();
        app.observe(&session.scene(None));
        terminal
            .draw(|buf| {
                paint(&app, session.scene(None), &theme, buf);
                assert!(!is_time(), "asked to panic");
            })
            .unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The program, but for a bell that panics once when a thread of the server rings it.
fn play_server() {
    let wake = Arc::new(Notify::new());
    let (ring, over) = (Arc::clone(&wake), AtomicBool::new(false));
    let mut session = session(move || {
        let server = std::thread::current().name() == Some("T1");
        let now = server && is_time() && !over.swap(true, Ordering::SeqCst);
        assert!(!now, "asked to panic");
        ring.notify_one();
    });
    let page = |_: &str| SharePage::default();
    let sharing =
        Sharing::new(ShareOptions::default(), page, ShareBlocks::Passing, Arc::clone(&wake));
    let token = CancellationToken::new();
    run(&mut session, TuiOptions::default(), sharing, &token, &wake).unwrap();
}

#[test]
fn a_panic_of_the_screen_is_status_101_a_cooked_main_screen_and_a_message() {
    let name = "a_panic_of_the_screen_is_status_101_a_cooked_main_screen_and_a_message";
    let cue = Cue::new("screen");
    let Some(mut terminal) = stage(name, &cue.0) else { return play_screen() };
    terminal.shows("Interest list");
    let mut client = terminal.connect();
    client.write_all(b"hi").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    cue.give();
    assert_eq!(terminal.ended().code(), Some(101));
    terminal.is_restored();
    terminal.shows("asked to panic");
    // The server has ended in order.
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("goodbye"), "{rest:?}");
}

#[test]
fn a_panic_of_a_server_thread_is_shown_on_an_intact_screen_and_a_key_starts_it_again() {
    let name = "a_panic_of_a_server_thread_is_shown_on_an_intact_screen_and_a_key_starts_it_again";
    let cue = Cue::new("server");
    let Some(mut terminal) = stage(name, &cue.0) else { return play_server() };
    terminal.shows("Interest list");
    let mut client = terminal.connect();
    terminal.shows(&client.local_addr().unwrap().to_string());
    cue.give();
    // It is rung only for somebody who sleeps.
    while !terminal.text().contains("T1 died") {
        terminal.keys("T");
        terminal.next_frame();
    }
    let text = terminal.shows("asked to panic");
    assert!(text.contains("Interest list") && text.contains("Calls"), "{text}");
    // What came while it was dead is not lost.
    client.write_all(b"anybody there?").unwrap();
    terminal.keys(" ");
    let mut back = [0; 14];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"anybody there?");
    terminal.until("the thread's life", |text| !text.contains("T1 died"));
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}
