//! What clients send, on the screen: shown as text, and never obeyed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use crate::faults::payloads::payloads;
use crate::harness::PATIENCE;
use crate::pty::{FREE, Terminal};

/// What stands in a row and column of the screen.
fn glyph(screen: &vt100::Screen, row: u16, column: u16) -> String {
    screen.cell(row, column).map(|cell| cell.contents().to_owned()).unwrap_or_default()
}

/// Whether every row between the header and the hints has its frame where it belongs: at both
/// edges, and between the panes that stand side by side.
fn is_aligned(screen: &vt100::Screen) -> bool {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let is = |row, column, glyphs: &str| {
        let found = glyph(screen, row, column);
        !found.is_empty() && glyphs.contains(&found)
    };
    let edges = (2..rows - 1).all(|row| is(row, 0, "│├└┌") && is(row, columns - 1, "│┤┘┐"));
    let Some(middle) = (1..columns - 2).find(|c| is(1, *c, "┐") && is(1, c + 1, "┌")) else {
        return edges;
    };
    let end = (2..rows).find(|row| is(*row, middle, "┘")).unwrap_or(rows);
    edges && (2..end).all(|row| is(row, middle, "│┤") && is(row, middle + 1, "│├"))
}

/// Sends a payload, and reads the echo, which the kernel does not keep.
fn send(client: &TcpStream, payload: &[u8]) {
    let mut back = vec![0; payload.len()];
    std::thread::scope(|scope| {
        let (mut sends, mut reads) = (client, client);
        scope.spawn(move || sends.write_all(payload).unwrap());
        reads.read_exact(&mut back).unwrap();
    });
    assert_eq!(back, payload);
}

#[test]
fn hostile_payloads_are_drawn_as_text_and_move_no_border() {
    for size in [(40, 120), (24, 80)] {
        let mut terminal = Terminal::start(size.0, size.1, &[&FREE[..], &["--raw"]].concat());
        terminal.shows("Why");
        for (view, title) in [("1", "Interest list"), ("3", "Calls"), ("2", "Timeline")] {
            terminal.keys(view);
            terminal.shows(title);
            for payload in payloads() {
                let client = terminal.connect();
                send(&client, &payload);
                let frames = terminal.state().sieve.frames;
                client.shutdown(Shutdown::Both).unwrap();
                terminal.wait("straight borders", |state| {
                    state.sieve.frames > frames && is_aligned(state.parser.screen())
                });
                terminal.is_clean();
            }
        }
        terminal.keys("q");
        assert_eq!(terminal.ended().code(), Some(0));
        terminal.is_restored();
    }
}

#[test]
fn hostile_payload_stands_on_the_screen_in_words() {
    let mut terminal = Terminal::start(40, 120, &[&FREE[..], &["--raw"]].concat());
    terminal.shows("Why");
    let client = terminal.connect();
    let shown = [
        (&b"\x1b[2J\x9b31m"[..], r"\33[2J\23331m"),
        ("\u{202e}a\u{200b}b".as_bytes(), r"\342\200\256a\342\200\213b"),
        (b"\xff\xff\xfe", r"\377\377\376"),
    ];
    for (payload, text) in shown {
        send(&client, payload);
        terminal.shows(text);
    }
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn sub_negotiation_without_end_is_forgotten_and_the_screen_goes_on() {
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    let mut client = terminal.connect();
    client.write_all(&[&b"\xff\xfa\x18"[..], &vec![b'\x1b'; 500_000]].concat()).unwrap();
    let mut other = terminal.connect();
    other.write_all(b"other").unwrap();
    other.read_exact(&mut [0; 5]).unwrap();
    client.write_all(b"\xff\xf0after").unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"after");
    terminal.shows("2 clients");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

/// A file that is gone when the test is over.
struct Gone(std::path::PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn hostile_name_of_a_socket_is_drawn_as_text() {
    let name = format!("epollscope-\u{1b}[31m\u{202e}{}.sock", std::process::id());
    let path = Gone(std::env::temp_dir().join(name));
    let mut terminal = Terminal::start(40, 240, &["--unix", path.0.to_str().unwrap()]);
    let text = terminal.shows("Interest list");
    assert!(text.contains("^[[31m<U+202E>"), "{text}");
    let mut client = UnixStream::connect(&path.0).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"hi").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    terminal.shows("1 client");
    terminal.wait("straight borders", |state| is_aligned(state.parser.screen()));
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn pasted_escape_bytes_are_text_in_the_palette_and_nothing_outside_of_it() {
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    let hostile = "\x1b[200~\x1b[2J\u{202e}q\u{200b}quit\n\x07\x1b[201~";
    terminal.keys(hostile);
    terminal.keys(":");
    terminal.shows("Tab completes");
    terminal.keys(hostile);
    terminal.shows("[2J");
    terminal.wait("straight borders", |state| is_aligned(state.parser.screen()));
    terminal.keys("\r");
    terminal.next_frame();
    let client = terminal.connect();
    send(&client, b"still here");
    terminal.keys("\x03");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn paste_without_an_end_does_not_stop_the_screen() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    terminal.shows("Timeline");
    terminal.keys("\x1b[200~never ended");
    let client = terminal.connect();
    terminal.shows(&client.local_addr().unwrap().to_string());
    send(&client, b"still drawn");
    terminal.shows("still drawn");
    terminal.keys("\x1b[201~q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}
