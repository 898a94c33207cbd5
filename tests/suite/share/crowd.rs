//! A class as large as one may be: all of them watch, and all of them answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use epollscope::share::{ClassForm, ClassTruth};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::ask::{body, is_taken};
use super::{CODE, PATIENCE, Viewer, address, answer, get, start, wait};

/// Viewers, and those who may come when they are asked.
const VIEWERS: u32 = 200;
const ASKED: u32 = 300;
/// Connections that are accepted a second.
const ACCEPTS: u32 = 50;

async fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until that has come.
async fn until(stream: &mut TcpStream, seen: &mut String, end: &str) {
    let mut bytes = [0; 4096];
    while !seen.contains(end) {
        let read = timeout(PATIENCE, stream.read(&mut bytes)).await.expect("in time").unwrap();
        assert!(read > 0, "{end} does not come: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

/// Watches when it may, and answers when it is asked; what it has seen when it is told what was right.
async fn pupil(address: SocketAddr, token: u32, turns: Arc<Semaphore>) -> String {
    turns.acquire().await.unwrap().forget();
    let host = format!("Host: {address}\r\n");
    let film = format!("/{CODE}/film?size=120x40&viewer={token:032x}");
    let mut stream = connect(address, &format!("GET {film} HTTP/1.1\r\n{host}\r\n")).await;
    let mut seen = String::new();
    until(&mut stream, &mut seen, r#""answers":["yes","no"],"closed":false}"#).await;
    let said = body(1, token, &(token % 2).to_string());
    let length = said.len();
    let head = format!("POST /{CODE}/answer HTTP/1.1\r\n{host}Content-Length: {length}\r\n\r\n");
    let mut answers = connect(address, &format!("{head}{said}")).await;
    let mut taken = String::new();
    timeout(PATIENCE, answers.read_to_string(&mut taken)).await.expect("in time").unwrap();
    assert!(taken.starts_with("HTTP/1.1 204 "), "{taken}");
    until(&mut stream, &mut seen, r#""solved":{"right":1"#).await;
    seen
}

#[test]
fn three_hundred_viewers_answer_and_no_more_can_come() {
    let mut share = start();
    let (begun, address) = (Instant::now(), address(&share));
    let turns = Arc::new(Semaphore::new(VIEWERS as usize));
    let theirs = Arc::clone(&turns);
    let class = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut class = JoinSet::new();
            for token in 0..ASKED {
                class.spawn(pupil(address, token, Arc::clone(&theirs)));
            }
            class.join_all().await
        })
    });
    wait(&mut share, "all watch", |share| share.report().viewers == VIEWERS);
    let is_full = |share: &super::Share| {
        answer(get(share, &format!("/{CODE}/film?size=120x40"))).starts_with("HTTP/1.1 503 ")
    };
    assert!(is_full(&share), "there are as many as there can be");
    super::frame(&mut share, true, "whole");
    let form = ClassForm::Choices(vec!["yes".to_owned(), "no".to_owned()]);
    let (asked, number) = (Instant::now(), share.ask("Is it?".to_owned(), form));
    assert_eq!(number, 1);
    turns.add_permits((ASKED - VIEWERS) as usize);
    // The session is told what they come to, and not more than once a second.
    let mut told = Vec::new();
    let of_all = |share: &super::Share| share.tally(number).map_or(0, |tally| tally.answered);
    while of_all(&share) < ASKED {
        assert!(begun.elapsed() < 2 * PATIENCE, "{told:?}");
        wait(&mut share, "more of them", |share| Some(&of_all(share)) != told.last());
        told.push(of_all(&share));
    }
    let seconds = usize::try_from(asked.elapsed().as_secs()).unwrap();
    assert!(told.len() <= seconds + 3, "{told:?} in {seconds} s");
    assert_eq!(share.report().viewers, ASKED);
    assert!(is_full(&share), "there are as many as there can be asked");
    // Each came twice; a second's worth was let in at once.
    let least = f64::from(2 * ASKED - ACCEPTS) / f64::from(ACCEPTS);
    assert!(begun.elapsed() >= Duration::from_secs_f64(least), "{:?}", begun.elapsed());
    share.close_answers(number);
    wait(&mut share, "the last of them", |share| {
        share.tally(number).is_some_and(|tally| tally.closed)
    });
    let tally = share.tally(number).unwrap().clone();
    assert_eq!((tally.answered, tally.of, tally.choices), (ASKED, ASKED, vec![150, 150]));
    assert!(!is_taken(&share, number, 1, "0"), "it is closed");
    share.solve(number, ClassTruth::Choice(1));
    // Nothing of others is told before, and nothing but what was right afterwards.
    for seen in class.join().unwrap() {
        assert!(!seen.contains("150") && seen.contains("\"closed\":true"), "{seen}");
    }
    // Who comes late sees it, too.
    wait(&mut share, "they are gone", |share| share.report().viewers == 0);
    let mut late = Viewer::new(&share, "120x40");
    wait(&mut share, "one watches", |share| share.report().viewers == 1);
    super::frame(&mut share, true, "whole");
    late.until("\"solved\":{\"right\":1");
}
