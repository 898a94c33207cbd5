//! Pipes, eventfds, timerfds and AF_UNIX sockets: what poll says, and who is woken.

use super::script::run;

#[test]
fn a_pipe_wakes_writers_when_a_slot_of_a_full_ring_comes_free() {
    run("epoll e
         pipe p 8192
         add e p.w OUT|ET
         wait e = p.w OUT
         write p.w 4096
         write p.w 4096
         bits p.w = 0
         write p.w 1 = EAGAIN
         read p.r 4095
         wait e =
         bits p.w = 0
         read p.r 1
         wait e = p.w OUT
         read p.r
         wait e =
         write p.r 1 = EBADF
         read p.w 1 = EBADF
         read p.r = EAGAIN
         read p.r 0 = 0");
}

#[test]
fn a_pipes_odd_bytes_go_to_the_last_page_if_they_fit_whole() {
    run("pipe p 8192
         write p.w 100 = 100
         write p.w 5000 = 5000
         write p.w 3000 = EAGAIN
         write p.w 904 = EAGAIN
         read p.r 1004 = 1004
         write p.w 5000 = 4096
         read p.r = 8192");
}

#[test]
fn a_pipe_ends_with_hup_for_readers_and_err_for_writers() {
    run("epoll e
         pipe p
         pipe q
         add e p.r 0
         add e q.w 0
         write p.w 1
         close p.w
         close q.r
         wait e = p.r HUP, q.w ERR
         bits q.w = OUT|ERR|WRNORM
         write q.w 1 = EPIPE
         read p.r = 1
         read p.r = 0");
}

#[test]
fn a_directory_is_neither_read_nor_written() {
    run("epoll e
         dir d
         add e d IN = EPERM
         bits d = IN|OUT|RDNORM|WRNORM
         read d 0 = EISDIR
         read d = EISDIR
         write d 0 = EBADF
         write d 3 = EBADF");
}

#[test]
fn an_eventfd_wakes_with_every_read_and_write() {
    run("epoll e
         eventfd v
         eventfd s 2 semaphore
         bits v = OUT
         write v 18446744073709551615 = EINVAL
         write v 18446744073709551614 = 8
         bits v = IN
         write v 1 = EAGAIN
         write v 0 = 8
         read v = 18446744073709551614
         read v = EAGAIN
         read v 7 = EINVAL
         add e s IN|OUT|ET
         wait e = s IN|OUT
         read s = 1
         wait e = s IN|OUT
         read s = 1
         wait e = s OUT
         add e v RDNORM
         write v 1
         wait e =");
}

#[test]
fn a_periodic_timer_waits_to_be_read() {
    run("epoll e
         timerfd t
         add e t IN|ET
         arm t 20 10
         pass 19
         wait e =
         read t = EAGAIN
         read t 7 = EINVAL
         pass 1
         wait e = t IN
         pass 35
         wait e =
         bits t = IN
         read t = 4
         pass 4
         wait e =
         pass 1
         wait e = t IN
         arm t 0 0
         bits t = 0
         pass 100
         wait e =
         write t 1 = EINVAL");
}

#[test]
fn a_timer_wakes_sleepers_in_the_order_of_time() {
    run("epoll e
         timerfd t
         timerfd u
         add e t IN|ET
         add e u IN|ET
         arm t 30 0
         arm u 20 0
         sleep A e
         pass 100
         woke = A: u IN
         ready e = t");
}

#[test]
fn a_unix_socket_is_told_of_every_message_that_its_peer_finishes() {
    run("epoll e
         pair s
         add e s.a IN|OUT|ET
         wait e = s.a OUT
         write s.a 100
         write s.a 100
         read s.b 50
         wait e =
         read s.b 50
         wait e = s.a OUT
         read s.b 100
         wait e = s.a OUT
         read s.b = EAGAIN
         read s.b 0 = 0");
}

#[test]
fn a_unix_writer_is_writable_up_to_a_quarter_of_its_buffer() {
    let mut script = run("pair s 8000
         write s.a 500
         bits s.a = OUT|WRNORM|WRBAND
         write s.a 500
         bits s.a = 0");
    script.machine.charge(false, 100, 5000);
    script.run(
        "write s.a 100
         write s.a 100
         write s.a 100 = EAGAIN
         bits s.b = IN|OUT|RDNORM|WRNORM|WRBAND
         sndbuf s.a 100000
         bits s.a = OUT|WRNORM|WRBAND",
    );
}

#[test]
fn charges_that_matter_are_asked_for() {
    let mut script = run("pair s
         dgram d
         pipe p");
    let fd = |script: &super::script::Script, label| script.fd_of(label);
    let (a, d, p) = (fd(&script, "s.a"), fd(&script, "d.a"), fd(&script, "p.w"));
    assert_eq!(script.machine.unlearnt(p, 10), None);
    assert_eq!(script.machine.unlearnt(a, 0), None);
    assert_eq!(script.machine.unlearnt(a, 40_000), Some((false, 36_544)));
    script.machine.charge(false, 36_544, 37_120);
    assert_eq!(script.machine.unlearnt(a, 40_000), Some((false, 3456)));
    script.machine.charge(false, 3456, 4352);
    assert_eq!(script.machine.unlearnt(a, 40_000), None);
    assert_eq!(script.machine.unlearnt(d, 0), Some((true, 0)));
}

#[test]
fn a_unix_stream_is_shut_on_both_ends() {
    run("epoll e
         pair s
         add e s.a OUT|ET
         add e s.b IN|OUT|RDHUP|ET
         wait e = s.a OUT, s.b OUT
         shutdown s.a wr
         wait e = s.a OUT, s.b IN|OUT|RDHUP
         write s.a 1 = EPIPE
         write s.a 0 = EPIPE
         read s.b = 0
         shutdown s.b wr
         wait e = s.b IN|OUT|HUP|RDHUP, s.a OUT|HUP
         read s.a = 0");
}

#[test]
fn a_unix_peer_closed_with_unread_data_is_an_error() {
    run("epoll e
         pair s
         add e s.a OUT|ET
         write s.a 10
         write s.b 10
         wait e = s.a OUT
         close s.b
         wait e = s.a OUT|ERR|HUP
         write s.a 1 = EPIPE
         read s.a = 10
         read s.a = ECONNRESET
         read s.a = 0");
}

#[test]
fn a_unix_datagram_that_is_refused_wakes_its_sender() {
    run("epoll e
         dgram d
         add e d.a IN|OUT|ET
         wait e = d.a OUT
         write d.a 0 = 0
         write d.a 212961 = EMSGSIZE
         read d.b = 0
         wait e = d.a OUT
         write d.b 5
         shutdown d.b rd
         bits d.b = IN|OUT|RDNORM|WRNORM|WRBAND|RDHUP
         read d.b = EAGAIN
         wait e = d.a IN|OUT
         write d.a 5 = EPIPE
         wait e = d.a IN|OUT
         close d.b
         wait e =
         write d.a 5 = ECONNREFUSED
         wait e = d.a OUT
         read d.a = EAGAIN
         write d.a 5 = ENOTCONN
         wait e = d.a OUT");
}

#[test]
fn a_first_datagram_to_a_closed_peer_wakes_its_sender_twice() {
    let script = run("epoll e
         dgram d
         add e d.a OUT|ET
         wait e = d.a OUT
         close d.b
         sleep A e
         sleep B e
         write d.a 1 = ECONNREFUSED
         woke = B: d.a OUT");
    assert!(script.machine.raced(), "A was woken too, and may have been first");
}

#[test]
fn what_is_not_a_socket_says_so() {
    run("epoll e
         pipe p
         pair s
         dgram d
         tcp c
         udp u
         shutdown p.r rd = ENOTSOCK
         shutdown none rd = EBADF
         lowat p.r 1 = ENOTSOCK
         accept p.r x = ENOTSOCK
         accept s.a x = EINVAL
         accept d.a x = EOPNOTSUPP
         accept u.a x = EOPNOTSUPP
         accept c x = EINVAL
         connect p.r nobody = ENOTSOCK
         arm p.r 1 1 = EINVAL
         read e = EINVAL
         write e 1 = EINVAL
         close none = EBADF
         dup none x = EBADF");
}
