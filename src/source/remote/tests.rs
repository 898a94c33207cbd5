//! A session elsewhere, of which a socket has the bytes.

mod lesson;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use proptest::prelude::*;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder as _;

use super::http::{HttpError, ResponseCodec, request};
use super::*;
use crate::event::{Event, Fd, FileId, FileKind, Kind, LaneId, Nanos};
use crate::model::World;
use crate::record::{Block, Outlet, Press, RecordingHead};

/// Bytes of blocks, as they are streamed.
struct Bytes(Vec<u8>);

impl Outlet for Bytes {
    fn put(&mut self, block: Block) -> bool {
        self.0.extend(block.encode());
        true
    }
}

/// Files that are opened, and what is said of them.
fn event(n: u64) -> Event {
    let fd = Fd(7 + i32::try_from(n % 40).expect("small"));
    let file = FileId(u32::try_from(n).expect("small"));
    let kind = match n % 3 {
        0 => Kind::Open { fd, file, what: FileKind::Pipe, name: "p".into() },
        _ => Kind::Note(format!("note {n}").into()),
    };
    Event { seq: Seq(n + 1), t: Nanos(n * 1000), lane: LaneId(1), kind }
}

fn head() -> RecordingHead {
    RecordingHead::new(Header::default(), &[])
}

/// A session whose viewer comes at the event `from`, and to whom those of `missing` do not come; and
/// its last world.
fn stream(from: u64, missing: std::ops::Range<u64>, until: u64) -> (Vec<u8>, World) {
    let mut world = World::default();
    (0..from).for_each(|n| world.apply(&event(n)));
    let mut press = Press::new(Bytes(head().line()), &head(), &world);
    for n in from..until {
        world.apply(&event(n));
        match n {
            n if n + 1 == missing.end => press.resume(&world),
            n if missing.contains(&n) => {}
            _ => press.event(&event(n), &world),
        }
        if n % 50 == 0 {
            press.flush(&world);
        }
    }
    press.flush(&world);
    (press.outlet().0.split_off(0), world)
}

/// The same with its end.
fn ended(from: u64, until: u64) -> Vec<u8> {
    let mut world = World::default();
    (0..from).for_each(|n| world.apply(&event(n)));
    let mut press = Press::new(Bytes(head().line()), &head(), &world);
    for n in from..until {
        world.apply(&event(n));
        press.event(&event(n), &world);
    }
    press.finish(&world, "ended").0
}

/// An answer in chunks of that length.
fn answer(bytes: &[u8], chunk: usize) -> Vec<u8> {
    let mut all = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for chunk in bytes.chunks(chunk) {
        all.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        all.extend(chunk);
        all.extend(b"\r\n");
    }
    all
}

/// Answers one who asks with that, and closes; gives what was asked.
fn server(answer: Vec<u8>) -> (RemoteAddress, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("{}/K7QM4X", listener.local_addr().expect("an address"));
    let serve = move || {
        let (mut stream, _) = listener.accept().expect("somebody");
        let (mut asked, mut byte) = (Vec::new(), [0]);
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") > 0 {
            asked.extend(byte);
        }
        stream.write_all(&answer).expect("it is taken");
        String::from_utf8(asked).expect("a text")
    };
    (RemoteAddress::parse(&address).expect("an address"), std::thread::spawn(serve))
}

fn connect(address: &RemoteAddress) -> Result<Remote, RemoteError> {
    Remote::connect(address, Arc::new(Notify::new()), &CancellationToken::new())
}

/// Takes everything over until nothing follows.
fn drained(remote: &mut Remote) -> History {
    let mut history = History::default();
    let begun = Instant::now();
    while remote.news.borrow().ended.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
        remote.drain(1000, &mut history);
        std::thread::yield_now();
    }
    history
}

fn events(history: &History) -> Vec<Event> {
    let mut events = Vec::new();
    history.journal().forward_from(Seq(1), |event| {
        events.push(event.clone());
        true
    });
    events
}

#[test]
fn what_is_shared_is_what_is_seen() {
    let (address, asked) = server(answer(&ended(0, 9_000), 1_000));
    let mut remote = connect(&address).expect("an answer");
    let history = drained(&mut remote);
    assert_eq!(events(&history), (0..9_000).map(event).collect::<Vec<_>>());
    let news = RemoteNews { ended: Some(RemoteEnd::Ended), ..RemoteNews::default() };
    assert_eq!(*remote.news().borrow(), news);
    let asked = asked.join().expect("it was asked");
    assert!(
        asked.starts_with("GET /K7QM4X/blocks?following HTTP/1.1\r\nHost: 127.0.0.1:"),
        "{asked}"
    );
}

#[test]
fn who_comes_late_begins_with_the_world_there() {
    let (bytes, world) = stream(700, 0..0, 900);
    let (address, _) = server(answer(&bytes, 333));
    let mut remote = connect(&address).expect("an answer");
    let history = drained(&mut remote);
    assert_eq!(*history.world(), world);
    assert_eq!(history.journal().first(), Some(Seq(701)));
    assert_eq!(history.journal().at(Seq(900)), world);
    assert_eq!(remote.news().borrow().not_received, 0, "what was before is no loss");
    assert_eq!(remote.news().borrow().ended, Some(RemoteEnd::Lost), "nobody said that it ended");
}

#[test]
fn what_did_not_come_is_counted_and_the_world_after_it_is_whole() {
    let (bytes, world) = stream(0, 200..350, 900);
    let (address, _) = server(answer(&bytes, 4_000));
    let mut remote = connect(&address).expect("an answer");
    let history = drained(&mut remote);
    assert_eq!(remote.news().borrow().not_received, 150);
    assert_eq!(*history.world(), world);
    let journal = history.journal();
    assert_eq!(journal.at(Seq(900)), world, "it is folded from the world after the gap");
    assert_eq!(journal.at(Seq(300)).counters.lost, 150);
    assert_eq!(journal.get(Seq(200)), Some(event(199)));
    assert_eq!(journal.get(Seq(351)), Some(event(350)));
}

#[test]
fn a_stream_that_is_cut_in_a_block_has_all_blocks_before_it() {
    let (bytes, _) = stream(0, 0..0, 900);
    let (address, _) = server(answer(&bytes[..bytes.len() - 20], 100));
    let mut remote = connect(&address).expect("an answer");
    let read = events(&drained(&mut remote));
    assert!(read.len() >= 800 && read.len() < 900, "{} came", read.len());
    assert_eq!(read, (0..read.len() as u64).map(event).collect::<Vec<_>>());
    assert_eq!(remote.news().borrow().ended, Some(RemoteEnd::Lost));
}

#[test]
fn what_goes_wrong_is_said_in_words() {
    let said = |answer: &[u8]| {
        let (address, _) = server(answer.to_vec());
        let error = connect(&address).err().expect("an error").to_string();
        error.replace(&address.to_string(), "ADDRESS").replace(&address.server(), "SERVER")
    };
    assert_eq!(said(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "wrong code");
    let busy = b"HTTP/1.1 503 Too many viewers\r\n\r\n";
    assert_eq!(said(busy), "SERVER refuses it: 503 Too many viewers");
    assert_eq!(said(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "SERVER shares no session of epollscope");
    assert_eq!(said(b""), "SERVER shares no session of epollscope");
    let html = answer(b"<html></html>\n", 100);
    assert_eq!(said(&html), "SERVER shares no session of epollscope");
    let here = env!("CARGO_PKG_VERSION");
    let model = RecordingHead { model: 7, program: "0.3.0".to_owned(), ..head() }.line();
    let ends = format!("this is {here}: open http://ADDRESS in a browser");
    let expected = format!("shared by epollscope 0.3.0 (model 7), {ends}");
    let (bytes, _) = stream(0, 0..0, 9);
    let after = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let other = |line: Vec<u8>| answer(&[&line, &bytes[after..]].concat(), 100);
    assert_eq!(said(&other(model)), expected);
    let words = RecordingHead { words: 9, program: "0.4.0".to_owned(), ..head() }.line();
    assert_eq!(said(&other(words)), format!("shared by epollscope 0.4.0 (words 9), {ends}"));
    // Nobody listens there any more.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = listener.local_addr().expect("an address");
    drop(listener);
    let address = RemoteAddress::parse(&format!("{nobody}/ABCD")).expect("an address");
    let error = connect(&address).err().expect("an error");
    assert_eq!(error.to_string(), format!("no answer from {nobody}"));
}

#[test]
fn a_wait_that_is_given_up_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = listener.local_addr().expect("an address");
    let address = RemoteAddress::parse(&format!("{silent}/ABCD")).expect("an address");
    let token = CancellationToken::new();
    token.cancel();
    let error = Remote::connect(&address, Arc::new(Notify::new()), &token).err();
    assert_eq!(error, Some(RemoteError::NoAnswer(silent.to_string())));
}

#[test]
fn only_an_address_with_a_code_is_one() {
    for wrong in ["", "host", "host:8001", "host:8001/", "host:x/ABCD", "/ABCD", "a b/ABCD"] {
        assert_eq!(RemoteAddress::parse(wrong), None, "{wrong}");
    }
    assert_eq!(RemoteAddress::parse("a\r\nX: y/ABCD"), None);
    assert_eq!(RemoteAddress::parse("host/../x"), None);
    let long = format!("host/{}", "A".repeat(33));
    assert_eq!(RemoteAddress::parse(&long), None);
}

/// Everything that comes of these pieces of an answer.
fn received(pieces: &[&[u8]]) -> Result<Vec<Received>, HttpError> {
    let (mut codec, mut bytes, mut all) = (ResponseCodec::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        while let Some(one) = codec.decode(&mut bytes)? {
            all.push(one);
        }
    }
    while let Some(one) = codec.decode_eof(&mut bytes)? {
        all.push(one);
    }
    Ok(all)
}

#[test]
fn an_answer_without_chunks_ends_with_its_connection() {
    let bytes = ended(0, 60);
    let plain = [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &bytes].concat();
    let all = received(&[&plain]).expect("an answer");
    assert_eq!(all.last(), Some(&Received::End));
    assert!(request("host:1", "ABCD").ends_with("\r\n\r\n"));
}

#[test]
fn an_answer_whose_chunks_are_none_is_refused() {
    let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for wrong in [&b"zz\r\n"[..], b"-1\r\n", b"3\r\nabcde", &[b'0'; 2000]] {
        let error = received(&[begin, wrong]).err();
        assert!(matches!(error, Some(HttpError::NoHttp)), "{wrong:?}: {error:?}");
    }
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 9000]].concat();
    assert!(matches!(received(&[&endless]).err(), Some(HttpError::NoHttp)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_chunks_and_any_cutting_give_the_same(
        more in 1_u64..200,
        chunk in 1_usize..3000,
        piece in 1_usize..500,
    ) {
        let bytes = ended(0, more);
        let answer = answer(&bytes, chunk);
        let pieces: Vec<_> = answer.chunks(piece).collect();
        let all = received(&pieces).expect("an answer");
        let whole = received(&[&answer]).expect("an answer");
        prop_assert_eq!(&all, &whole);
        let events = all.into_iter().filter_map(|one| match one {
            Received::Events(events) => Some(events),
            _ => None,
        });
        let expected: Vec<_> = (0..more).map(event).collect();
        prop_assert_eq!(events.flatten().collect::<Vec<_>>(), expected);
    }
}
