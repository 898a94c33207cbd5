//! Requests and their answers.

use proptest::prelude::*;

use super::*;

const HOST: &str = "Host: x\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\nhello from epollscope\n";

fn serve(input: &[u8]) -> (String, HttpState) {
    let mut out = Vec::new();
    let state = Http::new().feed(input, &mut out);
    (String::from_utf8_lossy(&out).into_owned(), state)
}

#[track_caller]
fn check(input: &str, answers: usize, expected: HttpState) {
    let (out, state) = serve(input.as_bytes());
    assert_eq!(out.matches("HTTP/1.1 200 OK").count(), answers, "{input:?} gives {out:?}");
    assert_eq!(out.matches("HTTP/1.1 ").count(), answers, "{input:?} gives {out:?}");
    assert_eq!(state, expected, "{input:?}");
}

#[track_caller]
fn check_refused(input: impl AsRef<[u8]>, status: &str) {
    let (out, state) = serve(input.as_ref());
    assert!(out.starts_with(&format!("HTTP/1.1 {status} ")), "{out}");
    assert!(out.contains("Connection: close\r\n"), "{out}");
    assert_eq!(state, HttpState::CloseAfterFlush);
}

#[test]
fn a_request_is_answered_and_the_connection_stays() {
    let (out, state) = serve(b"GET / HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\n\r\n");
    assert_eq!(out, OK);
    assert_eq!(state, HttpState::KeepOpen);
}

#[test]
fn bare_newlines_and_empty_lines_before_a_request_are_tolerated() {
    check("GET / HTTP/1.1\nHost: x\n\n", 1, HttpState::KeepOpen);
    check(&format!("\r\n\r\nGET / HTTP/1.1\r\n{HOST}\r\n"), 1, HttpState::KeepOpen);
}

#[test]
fn pipelined_requests_are_answered_one_by_one() {
    let one = format!("GET / HTTP/1.1\r\n{HOST}\r\n");
    assert_eq!(serve(one.repeat(3).as_bytes()).0, OK.repeat(3));
}

#[test]
fn head_gets_no_body() {
    let (out, _) = serve(format!("HEAD / HTTP/1.1\r\n{HOST}\r\n").as_bytes());
    assert!(out.ends_with("Content-Length: 22\r\n\r\n"), "{out}");
}

#[test]
fn bodies_are_skipped_before_the_answer() {
    let post = format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\n");
    check(&post, 0, HttpState::KeepOpen);
    check(&format!("{post}hell"), 0, HttpState::KeepOpen);
    check(&format!("{post}hello{post}hello"), 2, HttpState::KeepOpen);
    let chunked = format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: Chunked\r\n\r\n");
    let body = "5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n";
    check(&format!("{chunked}{body}"), 0, HttpState::KeepOpen);
    check(&format!("{chunked}{body}\r\n{post}hello"), 2, HttpState::KeepOpen);
    check(&format!("{chunked}{body}Trailer: 1\r\n\r\n{post}hello"), 2, HttpState::KeepOpen);
}

#[test]
fn the_connection_ends_as_the_client_wishes() {
    let close = HttpState::CloseAfterFlush;
    check(&format!("GET / HTTP/1.1\r\n{HOST}Connection: Close\r\n\r\nGET"), 1, close);
    check("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 1, close);
    check(&format!("GET / HTTP/1.1\r\n{HOST}Connection: a, close\r\n\r\n"), 1, close);
    let kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    check(&kept.repeat(2), 2, HttpState::KeepOpen);
    assert!(serve(kept.as_bytes()).0.contains("Connection: keep-alive\r\n"));
}

#[test]
fn a_client_that_waits_before_its_body_is_told_to_go_on() {
    let head = format!("PUT / HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(serve(head.as_bytes()).0, "HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn malformed_requests_are_refused() {
    for bad in [
        "hello\r\n",
        "hello\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\rHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        check_refused(bad, "400");
    }
    check_refused(b"\x16\x03\x01", "400");
}

#[test]
fn malformed_chunks_are_refused() {
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for bad in ["x", "\r\n", "5\n", "5x\r\n", "5\r\nhelloo", "1\r\nh\n", "1111111111111111\r\n"] {
        check_refused(format!("{head}{bad}"), "400");
    }
    check_refused(format!("{head}1;{}", "x".repeat(2000)), "400");
    check_refused(format!("{head}0\r\n{}", "a: b\r\n".repeat(4000)), "431");
}

#[test]
fn other_versions_methods_and_codings_are_refused_by_their_own_names() {
    check_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505");
    check_refused("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "501");
    check_refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501");
}

#[test]
fn a_head_without_end_is_refused_and_forgotten() {
    let mut http = Http::new();
    let mut out = Vec::new();
    http.feed(b"GET / HTTP/1.1\r\nHost: ", &mut out);
    assert_eq!(http.feed(&vec![b'a'; 20_000], &mut out), HttpState::CloseAfterFlush);
    assert!(out.starts_with(b"HTTP/1.1 431 "));
    let before = out.len();
    assert_eq!(
        http.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &mut out),
        HttpState::CloseAfterFlush
    );
    assert_eq!((out.len(), http.head.capacity()), (before, 0));
}

#[test]
fn a_long_body_is_skipped_without_being_kept() {
    let mut http = Http::new();
    let mut out = Vec::new();
    http.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n", &mut out);
    for _ in 0..100 {
        assert!(out.is_empty());
        http.feed(&vec![0; 1_000_000], &mut out);
    }
    assert_eq!(String::from_utf8_lossy(&out), OK);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        Just("HEAD / HTTP/1.1\nHost: x\n\n"),
        Just("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n1234567"),
        Just("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Just("a;b\r\n0123456789\r\n"),
        Just("0\r\n\r\n"),
        Just("0\r\nX: y\r\n\r\n"),
        Just("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        Just("\r\n"),
        Just("GET / HTTP/1.0\r\n\r\n"),
    ]
    .prop_map(|text| text.as_bytes().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec(prop_oneof![20 => piece, 1 => noise], 0..12).prop_map(|p| p.concat())
}

proptest! {
    #[test]
    fn it_makes_no_difference_how_the_stream_is_cut(
        input in stream(),
        cuts in proptest::collection::vec(1_usize..9, 1..20),
    ) {
        let (mut http, mut out, mut state) = (Http::new(), Vec::new(), HttpState::KeepOpen);
        let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
            state = http.feed(now, &mut out);
            rest = later;
        }
        let (whole, expected) = serve(&input);
        prop_assert_eq!(String::from_utf8_lossy(&out), whole);
        prop_assert_eq!(state, expected);
    }

    #[test]
    fn any_bytes_are_answered_within_bounds(input in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (out, _) = serve(&input);
        prop_assert!(out.len() <= 200 + input.len() * 10);
    }
}
