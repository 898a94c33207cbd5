//! The palette, the pages of rows, the order of the list, and the mouse, in a terminal.

use std::io::{Read, Write};

use crate::pty::{FREE, Terminal};

/// Clicks where `text` begins on the screen.
#[track_caller]
fn click(terminal: &mut Terminal, text: &str) {
    let screen = terminal.shows(text);
    let found = screen.lines().enumerate().find_map(|(y, line)| {
        let x = line[..line.find(text)?].chars().count();
        Some((x + 1, y + 1))
    });
    let (x, y) = found.unwrap_or_else(|| panic!("no `{text}` in\n{screen}"));
    terminal.keys(&format!("\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m"));
}

#[test]
fn a_misspelt_command_is_suggested_and_comes_back_by_the_arrow() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    terminal.shows("Interest list");
    terminal.keys(":treads 2");
    terminal.shows("server threads on the one epoll instance");
    terminal.keys("\t\r");
    terminal.shows("2 threads");
    terminal.keys(":threads 1\r");
    terminal.shows("1 thread ");
    terminal.keys(":\x1b[A\x1b[A\r");
    terminal.shows("2 threads");
    terminal.keys(":backnd poll\r");
    terminal.shows("`backnd`: expected a command (`backend`?)");
    terminal.keys("\x15\r");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[test]
fn the_page_of_a_client_counts_its_bytes_and_the_list_can_be_sorted() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    let mut client = terminal.connect();
    terminal.shows(&client.local_addr().unwrap().to_string());
    client.write_all(b"hello\n").unwrap();
    let mut echo = [0; 6];
    client.read_exact(&mut echo).unwrap();
    terminal.keys("\r");
    terminal.shows("1 read, 6 B");
    terminal.shows("1 write, 6 B");
    terminal.keys("\x1b");
    terminal.until("the list", |text| text.contains("Ready list"));
    terminal.keys("s");
    terminal.shows("by unread");
    terminal.keys("/nobody\r");
    terminal.shows("no match for nobody");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[test]
fn a_click_selects_and_presses_the_keys_of_the_footer() {
    let mut terminal = Terminal::start(40, 120, &[&FREE[..], &["--mouse"]].concat());
    terminal.shows("Interest list");
    click(&mut terminal, "space hold");
    terminal.shows("held");
    click(&mut terminal, "space run");
    terminal.shows("running");
    click(&mut terminal, "control");
    terminal.shows("Why ─ fd 4");
    click(&mut terminal, "? help");
    terminal.shows("j and k scroll");
    click(&mut terminal, "? close ");
    terminal.until("no help", |text| !text.contains("j and k scroll"));
    click(&mut terminal, "q quit");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_key_that_follows_esc_at_once_is_a_key() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    terminal.shows("Interest list");
    terminal.keys("?");
    terminal.shows("j and k scroll");
    // As one piece these are Alt and a 2, to a terminal's eyes.
    terminal.keys("\x1b2");
    terminal.until("the view of the timeline", |text| {
        !text.contains("Interest list") && !text.contains("j and k scroll")
    });
    // A line being typed is not lost, and says nothing of it.
    terminal.keys("1:sort n\x1bbumber");
    terminal.shows(":sort number");
    terminal.keys("\r");
    terminal.until("no line", |text| !text.contains(":sort number"));
    terminal.keys("?");
    terminal.shows("j and k scroll");
    terminal.keys("\x1bq");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}
