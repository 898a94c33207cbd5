//! What is drawn on which terminal, and what on none.

use std::process::{Command, Stdio};

use crate::harness::{Server, program};
use crate::pty::{FREE, Terminal, Tie};

/// The colours that the program set, by the numbers of its SGR sequences.
fn colours(terminal: &Terminal) -> Vec<String> {
    let looks = terminal.state().sieve.looks.clone();
    let set = |look: &String| {
        let first: u32 = look.split(';').next().unwrap().parse().unwrap_or(0);
        matches!(first, 30..=38 | 40..=48 | 58 | 90..=107)
    };
    looks.into_iter().filter(set).collect()
}

/// Shows what there is to show, in this environment.
#[track_caller]
fn shown(command: &mut Command) -> Terminal {
    let mut terminal = Terminal::spawn(40, 120, command.args(FREE), Tie::Session);
    terminal.shows("Timeline");
    let client = terminal.connect();
    terminal.shows(&client.local_addr().unwrap().to_string());
    for (key, view) in [("4", "Findings"), ("3", "Calls"), ("1", "Timeline"), ("?", "? closes")] {
        terminal.keys(key);
        terminal.shows(view);
    }
    terminal.keys("?:");
    terminal.next_frame();
    terminal.keys("\x03");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
    terminal
}

#[test]
fn with_no_color_no_colour_is_set() {
    let terminal = shown(program().env("TERM", "xterm-256color").env("NO_COLOR", "1"));
    assert_eq!(colours(&terminal), [""; 0]);
}

#[test]
fn with_sixteen_colours_only_those_are_set() {
    let mut command = program();
    command.env("TERM", "xterm").env_remove("COLORTERM").env_remove("NO_COLOR");
    let colours = colours(&shown(&mut command));
    assert!(!colours.is_empty());
    for look in colours {
        let fields: Vec<u32> = look.split(';').map(|n| n.parse().unwrap()).collect();
        let within = !matches!(fields[0], 38 | 48) || (fields[1] == 5 && fields[2] < 16);
        assert!(within, "{look}");
    }
}

#[test]
fn with_256_colours_more_than_sixteen_are_set() {
    let mut command = program();
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let colours = colours(&shown(&mut command));
    let many =
        |look: &String| look.split(';').nth(2).is_some_and(|n| n.parse::<u32>().unwrap() > 15);
    assert!(colours.iter().any(many), "{colours:?}");
}

#[test]
fn with_ascii_no_other_byte_is_drawn() {
    let plain = shown(program().env("TERM", "xterm-256color").arg("--ascii"));
    assert!(!plain.state().sieve.beyond_ascii);
    let rich = shown(program().env("TERM", "xterm-256color"));
    assert!(rich.state().sieve.beyond_ascii);
}

#[test]
fn with_a_locale_that_has_only_ascii_no_other_byte_is_drawn() {
    for (variable, locale) in [("LC_ALL", "C"), ("LC_CTYPE", "POSIX"), ("LANG", "de_DE")] {
        let mut command = program();
        command.env_remove("LC_ALL").env_remove("LC_CTYPE").env_remove("LANG");
        command.env(variable, locale).env("TERM", "xterm-256color");
        assert!(!shown(&mut command).state().sieve.beyond_ascii, "{variable}={locale}");
    }
}

#[test]
fn a_terminal_that_answers_nothing_gets_its_screen_and_is_asked_nothing() {
    // The terminals of these tests are silent; a question would be one of the sequences that
    // `is_clean` does not know.
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_clean();
    assert!(terminal.all_bytes().starts_with(b"\x1b[?1049h"), "the first thing is the screen");
}

#[track_caller]
fn is_one_plain_line(terminal: &mut Terminal, status: i32, word: &str) {
    assert_eq!(terminal.ended().code(), Some(status));
    let text = String::from_utf8_lossy(&terminal.all_bytes()).into_owned();
    assert!(text.contains(word) && text.trim_end().lines().count() == 1, "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn without_a_terminal_to_type_on_it_is_one_clear_line_and_exit_2() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" </dev/null", env!("CARGO_BIN_EXE_epollscope")]);
    command.env("TERM", "xterm").env_remove("EPOLLSCOPE_CONFIG").args(FREE);
    let mut terminal = Terminal::spawn(24, 80, &mut command, Tie::Session);
    is_one_plain_line(&mut terminal, 2, "--headless");
}

#[test]
fn a_busy_port_is_one_clear_line_and_exit_3_on_a_terminal_too() {
    let server = Server::start(&[]);
    let address = server.address().to_string();
    let mut terminal = Terminal::start(24, 80, &["--listen", &address]);
    is_one_plain_line(&mut terminal, 3, &address);
    assert!(server.quit().success());
}

#[test]
fn without_any_terminal_nothing_is_drawn_and_json_is_written() {
    let mut command = program();
    command.args(FREE).args(["--for", "100ms"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"{\"seq\"") || output.stdout.starts_with(b"{\"kind\""));
    assert!(!output.stdout.contains(&0x1b) && output.stderr.is_empty());
}

#[test]
fn with_hardly_any_descriptors_it_runs_or_says_why_and_never_panics() {
    let mut ends = Vec::new();
    // It needs about 17; which of its threads comes first decides on one or two more.
    for descriptors in 6..24 {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_epollscope")]).args(FREE);
        command.args(["--for", "20ms"]).env("TERM", "xterm").env_remove("EPOLLSCOPE_CONFIG");
        let mut terminal = Terminal::spawn(24, 80, &mut command, Tie::Session);
        ends.push(terminal.ended().code());
        terminal.is_restored();
        let text = String::from_utf8_lossy(&terminal.all_bytes()).into_owned();
        let told = text.contains("epollscope: ") && !text.contains("panicked at");
        assert!(ends.last() == Some(&Some(0)) || told, "{descriptors}: {text:?}");
        assert!(!text.contains("draw on the terminal"), "{descriptors}: {text:?}");
    }
    assert!(ends.iter().all(|end| matches!(end, Some(0 | 1 | 3))), "{ends:?}");
    assert!(ends.contains(&Some(1)) && ends.contains(&Some(0)), "{ends:?}");
}
