//! What is taken of viewers, over real connections.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::LocalSet;

use super::super::code::ShareCode;
use super::super::process::listen;
use super::super::wire::{SharePage, Telling};
use super::*;

const CODE: &str = "K7QM4X";
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets viewers in while the test goes on.
fn served<F: Future<Output = ()>>(
    limits: DoorLimits,
    test: impl FnOnce(SocketAddr, Rc<RefCell<Hub>>) -> F,
) {
    let code = ShareCode::parse(CODE).expect("a code");
    let hub =
        Rc::new(RefCell::new(Hub::new(code, None, SharePage::default(), ShareBlocks::Passing)));
    let (listener, address) = listen(([127, 0, 0, 1], 0).into()).expect("a free port");
    let listener = std::net::TcpListener::from(listener);
    listener.set_nonblocking(true).expect("it is one");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let listener = TcpListener::from_std(listener).expect("it does not block");
        let door = Door::new(Rc::clone(&hub), limits);
        let accepting = spawn_local(accept(listener, door));
        timeout(PATIENCE, test(address, hub)).await.expect("in time");
        accepting.abort();
    });
}

async fn get(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /{CODE}{path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is read");
    stream
}

/// Reads until that has come.
async fn until(stream: &mut TcpStream, end: &str) {
    let mut text = String::new();
    let mut bytes = vec![0; 16 << 10];
    while !text.contains(end) {
        let read = stream.read(&mut bytes).await.expect("it is open");
        assert!(read > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

#[test]
fn whoever_takes_nothing_for_so_long_is_gone_and_whoever_does_stays() {
    let limits = DoorLimits { stuck: Duration::from_millis(400), ..DoorLimits::default() };
    served(limits, |address, hub| async move {
        let film = "/film?size=120x40";
        let (mut deaf, mut other) = (get(address, film).await, get(address, film).await);
        while hub.borrow().viewers() < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        let (filler, begun) = ("x".repeat(8 << 10), Instant::now());
        let mut frames = 0;
        while hub.borrow().viewers() == 2 {
            frames += 1;
            let line = format!("{filler}<{frames}>");
            hub.borrow_mut().take(Telling::Film { size: FilmSize::Wide, key: true, line });
            until(&mut other, &format!("<{frames}>")).await;
        }
        assert!(begun.elapsed() >= limits.stuck, "{:?}", begun.elapsed());
        assert_eq!(hub.borrow().report().refused, 1, "it is counted");
        // What it finds at last is an end, and much less than what was shown.
        let mut rest = Vec::new();
        let _reset = deaf.read_to_end(&mut rest).await;
        assert!(rest.len() < frames * filler.len(), "{} of {frames} frames", rest.len());
        let line = "the last".to_owned();
        hub.borrow_mut().take(Telling::Film { size: FilmSize::Wide, key: true, line });
        until(&mut other, "the last").await;
    });
}

#[test]
fn so_many_are_let_in_a_second_and_the_others_wait() {
    let limits = DoorLimits { accepts: 100, ..DoorLimits::default() };
    served(limits, |address, hub| async move {
        let begun = Instant::now();
        let visits: Vec<_> = (0..160)
            .map(|_| {
                spawn_local(async move {
                    let mut text = String::new();
                    let mut stream = get(address, "").await;
                    stream.read_to_string(&mut text).await.expect("an answer");
                    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
                    begun.elapsed()
                })
            })
            .collect();
        let mut times = Vec::new();
        for visit in visits {
            times.push(visit.await.expect("an answer"));
        }
        times.sort_unstable();
        // A second's worth is there at once; each of the others waits for its turn.
        for (nth, time) in times.iter().enumerate().skip(100) {
            let turn = Duration::from_millis(10) * u32::try_from(nth - 99).expect("few");
            let turn = turn.saturating_sub(Duration::from_millis(1));
            assert!(*time >= turn, "{nth} comes after {time:?}");
        }
        assert_eq!(hub.borrow().report().refused, 0);
    });
}
