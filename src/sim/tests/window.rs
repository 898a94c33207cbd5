//! What a full TCP window holds back.

use super::script::{Script, run};

/// A client and the accepted end, and somebody who watches both.
const CONNECTED: &str = "epoll e
    listener L
    tcp c
    connect c L
    accept L s";

/// The same, of which the kernel tells how far the streams come.
fn followed() -> Script {
    let mut script = run(CONNECTED);
    script.run("follow c");
    script
}

#[test]
fn the_end_stands_behind_what_a_full_sender_kept() {
    let mut script = run(CONNECTED);
    script.run(
        "add e s IN|RDHUP|ET
         add e c OUT|ET
         write c 100
         full c
         wait e = s IN
         close c
         wait e =
         bits s = IN|OUT|RDNORM|WRNORM
         read s 60 = 60
         wait e =
         read s 60 = 40
         wait e = s IN|RDHUP
         read s = 0",
    );
}

#[test]
fn a_stream_comes_as_far_as_it_is_told() {
    let mut script = followed();
    script.run(
        "add e s IN|RDHUP|ET
         write c 1000 = 1000
         wait e =
         read s = EAGAIN
         flows s 400
         wait e = s IN
         read s = 400
         read s = EAGAIN
         flows s 400
         wait e =
         shutdown c wr
         write c 1 = EPIPE
         bits s = OUT|WRNORM
         flows s 1000
         wait e = s IN
         read s = 600
         read s = EAGAIN
         flows s 1001
         wait e = s IN|RDHUP
         read s = 0",
    );
}

#[test]
fn a_read_shows_what_came_after_the_last_telling() {
    let mut script = followed();
    script.run(
        "add e s IN|ET
         write c 1000 = 1000
         flows s 400
         wait e = s IN
         shows s 400 400 = 0
         shows s 900 600 = 1
         wait e = s IN
         read s 600 = 600
         shows s 900 400 = 0
         read s = EAGAIN
         shows s 900 300 = 1
         read s = 300",
    );
}

#[test]
fn data_to_a_closed_sender_is_answered_with_a_reset_by_who_has_seen_no_end() {
    let closed = "write c 1000
         flows s 400
         close c
         write s 1 = 1
         flows s 400 closed
         bits s = IN|OUT|ERR|HUP|RDNORM|WRNORM|RDHUP";
    followed().run(&format!("{closed}\n write s 1 = ECONNRESET\n write s 1 = EPIPE"));
    followed().run(&format!("{closed}\n read s = 400\n read s = ECONNRESET\n read s = 0"));
    // Whoever has seen it gets the other error.
    followed().run(
        "write c 1000
         close c
         flows s 1001
         write s 1 = 1
         flows s 1001 closed
         write s 1 = EPIPE",
    );
}

#[test]
fn what_comes_to_who_is_shut_both_ways_resets_both() {
    let mut script = followed();
    script.run(
        "add e c RDHUP|ET
         write c 1000
         flows s 400
         shutdown s rdwr
         flows c 1
         wait e = c RDHUP
         read s = 400
         flows s 400 closed
         wait e = c ERR|HUP|RDHUP
         read s = ECONNRESET
         write c 1 = EPIPE",
    );
}

#[test]
fn room_is_told_to_who_asked_for_it() {
    let mut script = followed();
    script.run(
        "add e c OUT|ET
         wait e = c OUT
         write c 1000
         noroom c
         room c
         wait e =
         full c
         wait e =
         bits c = 0
         write c 10 = 10
         room c
         wait e = c OUT
         room c
         wait e =
         noroom c
         poll c OUT =
         room c
         wait e = c OUT",
    );
}

#[test]
fn a_buffer_that_is_nearly_used_up_is_readable_below_rcvlowat() {
    let mut script = followed();
    script.run(
        "lowat s 500
         write c 1000
         flows s 400
         bits s = OUT|WRNORM
         flows s 400 pressed
         bits s = IN|OUT|RDNORM|WRNORM
         flows s 500
         bits s = IN|OUT|RDNORM|WRNORM",
    );
}

#[test]
fn both_ends_are_over_with_the_last_acknowledgement() {
    let mut script = followed();
    script.run(
        "write c 10
         close c
         flows s 11
         shutdown s wr
         shutdown s wr = 0
         flows s 11 closed
         shutdown s wr = ENOTCONN",
    );
}

#[test]
fn what_came_before_the_accept_is_told_by_it() {
    let mut script = run("epoll e
         listener L
         tcp c
         connect c L
         write c 1000
         close c
         accept L s
         follow s
         came s 400");
    script.run(
        "bits s = IN|OUT|RDNORM|WRNORM
         read s = 400
         flows s 1001
         bits s = IN|OUT|RDNORM|WRNORM|RDHUP
         read s = 600
         read s = 0",
    );
}
