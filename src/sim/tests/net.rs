//! TCP and UDP over loopback.

use super::script::run;

/// A connection c - s, and an epoll.
const CONNECTED: &str = "epoll e
     listener L
     tcp c
     connect c L
     accept L s";

#[test]
fn a_connection_wakes_the_client_then_the_listener() {
    run("epoll e
         listener L
         tcp c
         bits c = OUT|HUP|WRNORM
         add e L IN|ET
         add e c OUT|ET
         wait e = c OUT|HUP
         connect c L
         wait e = c OUT, L IN
         read c = EAGAIN
         connect c L = 0
         connect c L = EISCONN
         bits L = IN|RDNORM
         accept L s
         wait e =
         accept L x = EAGAIN
         read L = ENOTCONN
         read L 0 = 0
         write L 1 = EPIPE");
}

#[test]
fn what_is_no_tcp_socket_does_not_connect() {
    run("listener L
         pair q
         dgram g
         pipe p
         eventfd v
         connect L L = EISCONN
         connect q.a L = EINVAL
         connect g.b L = EINVAL
         connect p.r L = ENOTSOCK
         connect v L = ENOTSOCK");
}

#[test]
fn a_socket_that_is_not_connected_hangs_up() {
    run("epoll e
         tcp c
         add e c IN|RDHUP|ET
         wait e = c HUP
         read c = ENOTCONN
         sndbuf c 9000
         add e c OUT = EEXIST
         wait e =
         mod e c OUT|ET
         wait e = c OUT|HUP
         sndbuf c 9000
         wait e = c OUT|HUP
         mod e c IN|RDHUP|ET
         wait e = c HUP
         read c 0 = 0
         write c 1 = EPIPE
         shutdown c wr = ENOTCONN
         wait e = c HUP
         shutdown c rd = ENOTCONN
         wait e = c IN|HUP|RDHUP
         read c = 0");
}

#[test]
fn a_connect_to_nobody_is_refused_at_once() {
    run("epoll e
         tcp c
         add e c IN|OUT|RDHUP|ET
         wait e = c OUT|HUP
         connect c nobody
         wait e = c IN|OUT|ERR|HUP|RDHUP
         write c 1 = ECONNREFUSED
         write c 1 = EPIPE
         read c = 0
         bits c = IN|OUT|HUP|RDNORM|WRNORM|RDHUP
         wait e =
         connect c nobody = ECONNABORTED
         wait e = c OUT|HUP
         connect c nobody
         read c = ECONNREFUSED
         read c = 0
         connect c nobody = ECONNABORTED
         connect c nobody
         connect c nobody = ECONNREFUSED
         connect c nobody
         shutdown c rdwr = ENOTCONN
         connect c nobody = EINVAL");
}

#[test]
fn a_full_accept_queue_does_not_answer_until_there_is_room() {
    run("epoll e
         listener L 1
         tcp a
         tcp b
         tcp c
         connect a L
         connect b L
         connect c L
         bits b = OUT|WRNORM
         bits c = 0
         write c 1 = EAGAIN
         read c = EAGAIN
         connect c L = EALREADY
         add e c OUT|ET
         add e L IN|ET
         wait e = L IN
         pass 999
         wait e =
         accept L s
         pass 500
         wait e = c OUT, L IN
         tcp d
         connect d L
         shutdown d wr
         bits d = OUT|ERR|HUP|WRNORM
         read d = ECONNRESET
         read d = ENOTCONN
         connect d L
         shutdown d rd
         bits d = OUT|ERR|HUP|WRNORM
         connect d L
         read d = EAGAIN
         bits d = 0");
}

#[test]
fn tcp_data_is_an_edge_each_time_and_reading_none() {
    let mut script = run(CONNECTED);
    script.run(
        "add e s IN|ET
         add e c OUT|ET
         wait e = c OUT
         write c 100
         wait e = s IN
         write c 100
         wait e = s IN
         read s 50
         read s
         wait e =
         full c
         bits c = 0
         write c 1 = EAGAIN
         write s 0 = 0
         wait e =",
    );
}

#[test]
fn a_tcp_writer_is_told_of_room_only_after_it_met_the_limit() {
    let mut script = run(CONNECTED);
    script.run(
        "add e c OUT|ET
         wait e = c OUT
         write c 100
         full c
         bits c = 0
         read s 50
         wait e =
         read s 50
         wait e = c OUT
         write c 10
         read s
         wait e =",
    );
}

#[test]
fn rcvlowat_holds_back_in_and_setting_it_can_wake() {
    let mut script = run(CONNECTED);
    script.run(
        "add e s IN|ET
         lowat s 10
         write c 5
         wait e =
         bits s = OUT|WRNORM
         write c 5
         wait e = s IN
         read s 3
         bits s = OUT|WRNORM
         lowat s 5
         wait e = s IN
         lowat s 5
         wait e = s IN",
    );
}

#[test]
fn a_fin_is_readable_and_not_a_hang_up() {
    let mut script = run(CONNECTED);
    script.run(
        "add e c OUT|ET
         add e s IN|OUT|RDHUP|ET
         wait e = c OUT, s OUT
         shutdown c wr
         wait e = s IN|OUT|RDHUP, c OUT
         shutdown c wr
         wait e = c OUT
         write c 1 = EPIPE
         read s = 0
         write s 3 = 3
         read c = 3
         shutdown s wr
         wait e = c OUT|HUP, s IN|OUT|HUP|RDHUP
         shutdown s wr = ENOTCONN",
    );
}

#[test]
fn a_close_is_a_fin_and_writing_to_it_a_reset() {
    let mut script = run(CONNECTED);
    script.run(
        "add e c IN|RDHUP|ET
         close s
         wait e = c IN|RDHUP
         read c = 0
         write c 1 = 1
         wait e = c IN|ERR|HUP|RDHUP
         read c = 0
         write c 1 = EPIPE
         bits c = IN|OUT|HUP|RDNORM|WRNORM|RDHUP
         write c 1 = EPIPE
         shutdown c rdwr = ENOTCONN",
    );
}

#[test]
fn a_close_with_unread_data_is_a_reset() {
    let mut script = run(CONNECTED);
    script.run(
        "write c 3
         write s 5
         add e c 0
         close s
         wait e = c ERR|HUP
         read c 2 = 2
         read c = 3
         read c = ECONNRESET
         read c = 0
         write c 1 = EPIPE",
    );
}

#[test]
fn a_reset_sets_every_bit() {
    let mut script = run(CONNECTED);
    script.run(
        "add e s IN|OUT|RDHUP|ET
         wait e = s OUT
         reset c
         wait e = s IN|OUT|ERR|HUP|RDHUP
         read s = ECONNRESET
         read s = 0
         wait e =",
    );
}

#[test]
fn a_socket_resets_with_its_last_close() {
    let mut script = run(CONNECTED);
    script.run(
        "dup c d
         reset d
         read s = EAGAIN
         close c
         read s = ECONNRESET",
    );
}

#[test]
fn data_to_a_socket_that_is_shut_both_ways_resets_both() {
    let mut script = run(CONNECTED);
    script.run(
        "shutdown c rdwr
         write s 3 = 3
         bits c = IN|OUT|ERR|HUP|RDNORM|WRNORM|RDHUP
         read c = ECONNRESET
         write s 3 = EPIPE",
    );
}

#[test]
fn a_client_can_go_before_it_was_accepted() {
    run("epoll e
         listener L
         tcp a
         tcp b
         connect a L
         connect b L
         add e L IN|ET
         wait e = L IN
         reset a
         write b 3
         close b
         wait e =
         accept L s
         bits s = IN|OUT|ERR|HUP|RDNORM|WRNORM|RDHUP
         accept L t
         bits t = IN|OUT|RDNORM|WRNORM|RDHUP
         read t = 3
         read t = 0");
}

#[test]
fn a_listener_that_goes_resets_what_it_did_not_accept() {
    run("epoll e
         listener L
         tcp a
         tcp b
         tcp c
         connect a L
         add e a 0
         close L
         wait e = a ERR|HUP
         read a = ECONNRESET
         listener M
         connect b M
         shutdown M wr
         bits M = IN|RDNORM
         shutdown M rd
         bits M = OUT|HUP|WRNORM
         bits b = IN|OUT|ERR|HUP|RDNORM|WRNORM|RDHUP
         accept M x = EINVAL
         connect c M
         read c = ECONNREFUSED
         shutdown M rd = ENOTCONN
         bits M = IN|OUT|HUP|RDNORM|WRNORM|RDHUP");
}

#[test]
fn udp_tells_the_sender_of_room_and_the_receiver_of_data() {
    run("epoll e
         udp u
         add e u.a IN|OUT|ET
         add e u.b IN|OUT|ET
         wait e = u.a OUT, u.b OUT
         write u.a 10
         wait e = u.a OUT, u.b IN|OUT
         write u.a 0 = 0
         wait e = u.a OUT, u.b IN|OUT
         read u.b 4 = 4
         read u.b = 0
         read u.b = EAGAIN
         wait e =
         write u.a 65508 = EMSGSIZE
         shutdown u.b rd
         wait e = u.b IN|OUT
         read u.b = EAGAIN
         write u.a 2
         wait e = u.a OUT, u.b IN|OUT
         shutdown u.b wr
         wait e = u.b IN|OUT|HUP
         write u.b 2 = EPIPE
         wait e =
         sndbuf u.a 10000
         wait e = u.a OUT");
}

#[test]
fn udp_to_a_closed_peer_fails_one_call_later() {
    run("epoll e
         udp u
         add e u.a OUT|ET
         wait e = u.a OUT
         close u.b
         wait e =
         write u.a 1 = 1
         wait e = u.a OUT|ERR
         write u.a 1 = ECONNREFUSED
         wait e =
         write u.a 1 = 1
         read u.a = ECONNREFUSED
         read u.a = EAGAIN
         bits u.a = OUT|WRNORM|WRBAND");
}
