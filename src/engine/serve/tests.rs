use super::*;
use crate::event::Application;

const READ: Wants = Wants { read: true, write: false, close: None };
const WRITE: Wants = Wants { read: false, write: true, close: None };
const BOTH: Wants = Wants { read: true, write: true, close: None };

fn settings(app: Application) -> Settings {
    Settings { app, ..Settings::default() }
}

#[test]
fn wants_follow_the_queue() {
    let echo = settings(Application::Echo);
    let mut conn = Connection::new(&echo);
    assert_eq!(conn.wants(&echo), READ);
    assert_eq!(conn.intake(b"hello"), Served::default());
    assert_eq!((conn.wants(&echo), conn.pending()), (BOTH, &b"hello"[..]));
    conn.sent(2);
    assert_eq!((conn.wants(&echo), conn.queued()), (BOTH, 3));
    conn.sent(3);
    assert_eq!((conn.wants(&echo), conn.advance(false)), (READ, Next::Wait));
    let mut wrong = echo;
    wrong.mistakes.set(Mistake::OutAlways, true);
    assert_eq!(conn.wants(&wrong), BOTH);
}

#[test]
fn full_queue_stops_the_reading_until_half_is_gone() {
    let echo = settings(Application::Echo);
    let mut conn = Connection::new(&echo);
    conn.enqueue(&vec![b'x'; QUEUE_CAP]);
    assert!(conn.is_full());
    assert_eq!((conn.advance(true), conn.state()), (Next::Full, ConnState::BackPressure));
    assert_eq!((conn.wants(&echo), conn.is_deaf()), (WRITE, true));
    conn.sent(QUEUE_CAP / 2 - 1);
    assert_eq!(conn.advance(true), Next::Wait);
    conn.sent(1);
    assert_eq!((conn.advance(false), conn.state()), (Next::Resume, ConnState::Open));
    assert_eq!((conn.wants(&echo), conn.is_deaf()), (BOTH, false));
}

#[test]
fn reading_goes_on_where_no_event_will_tell() {
    let mut conn = Connection::new(&settings(Application::Echo));
    assert_eq!((conn.advance(true), conn.state()), (Next::Carry, ConnState::Carried));
    assert_eq!((conn.advance(false), conn.state()), (Next::Wait, ConnState::Open));
}

#[test]
fn what_is_queued_at_the_peers_end_still_goes_out() {
    let echo = settings(Application::Echo);
    let mut conn = Connection::new(&echo);
    conn.intake(b"a\xff");
    assert_eq!((conn.ended(), conn.pending()), (Served::default(), &b"a\xff"[..]));
    assert!(!conn.wind_up(&echo));
    assert_eq!((conn.wants(&echo), conn.is_deaf()), (WRITE, true));
    conn.sent(2);
    assert_eq!(conn.wants(&echo), Wants { close: Some(How::RdWr), ..WRITE });
    assert!(Connection::new(&echo).wind_up(&echo), "nothing was queued");
}

#[test]
fn server_that_ends_a_connection_waits_for_the_peers_end() {
    let http = settings(Application::Http);
    let mut conn = Connection::new(&http);
    assert!(conn.intake(b"GET / HTTP/1.0\r\n\r\n").close);
    assert_eq!((conn.wants(&http), conn.is_deaf()), (WRITE, true));
    conn.sent(conn.pending().len());
    assert_eq!(conn.wants(&http), Wants { close: Some(How::Wr), ..WRITE });
    assert!(conn.say_last_word());
    assert!(!conn.say_last_word(), "only once");
    assert_eq!((conn.wants(&http), conn.is_deaf()), (READ, false));
    assert_eq!((conn.intake(b"GET / HTTP/1.0\r\n\r\n"), conn.queued()), (Served::default(), 0));
    assert_eq!((conn.advance(true), conn.advance(false)), (Next::Carry, Next::Wait));
    assert!(conn.wind_up(&http));
}

#[test]
fn kept_by_a_mistake_until_it_is_mended() {
    let plain = settings(Application::Echo);
    let mut deaf = plain;
    deaf.mistakes.set(Mistake::IgnoreEof, true);
    let mut conn = Connection::new(&plain);
    assert!(!conn.reconsider(&plain), "its peer has not ended it");
    assert!(!conn.wind_up(&deaf));
    assert!(!conn.reconsider(&deaf));
    assert!(conn.reconsider(&plain));

    let mut zero = plain;
    zero.mistakes.set(Mistake::MaskZero, true);
    let mut conn = Connection::new(&plain);
    assert_eq!((conn.switch_off(), conn.switch_off()), (true, false));
    assert_eq!(conn.wants(&zero), Wants::read(false));
    assert!(!conn.reconsider(&zero));
    assert!(conn.reconsider(&plain));
    assert_eq!(conn.wants(&plain), READ);
}
