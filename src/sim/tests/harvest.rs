//! The harvest: what is reported, what it does to a registration, and how it leaves the list.

use super::script::run;

#[test]
fn level_goes_back_to_the_tail_edge_goes_away() {
    run("epoll e
         pipe p
         pipe q
         add e p.r IN
         add e q.r IN|ET
         write p.w 1
         write q.w 1
         wait e = p.r IN, q.r IN
         ready e = p.r
         write q.w 1
         ready e = p.r q.r
         wait e 1 = p.r IN
         ready e = q.r p.r
         read q.r
         wait e = p.r IN
         ready e = p.r");
}

#[test]
fn oneshot_is_disarmed_until_mod() {
    run("epoll e
         pipe p
         add e p.r IN|ONESHOT|ET
         write p.w 1
         wait e = p.r IN
         interest e = p.r ONESHOT|ET
         write p.w 1
         close p.w
         ready e =
         mod e p.r IN|ONESHOT
         wait e = p.r IN|HUP
         interest e = p.r ONESHOT
         mod e p.r 0
         interest e = p.r ERR|HUP
         wait e = p.r HUP");
}

#[test]
fn the_state_at_the_harvest_is_reported() {
    run("epoll e
         pair s
         add e s.a IN|OUT|ET
         wait e = s.a OUT
         write s.b 10
         wait e = s.a IN|OUT
         write s.b 10
         read s.a
         wait e = s.a OUT
         write s.b 10
         read s.a
         mod e s.a IN|ET
         wait e =
         ready e =");
}

#[test]
fn an_edge_is_a_wake_up_not_a_change() {
    run("epoll e
         pipe p 4096
         eventfd v
         add e p.r IN|ET
         add e v OUT|ET
         wait e = v OUT
         write p.w 1
         wait e = p.r IN
         write p.w 1
         write p.w 1
         wait e = p.r IN
         write p.w 4096 = EAGAIN
         wait e = p.r IN
         write p.w 0
         wait e =
         write v 0
         wait e =
         read v = EAGAIN
         write v 1
         wait e =
         read v
         wait e = v OUT");
}

#[test]
fn what_comes_during_a_harvest_is_merged_in_front_of_what_was_put_back() {
    run("epoll e
         pipe a
         pipe b
         pipe c
         pipe d
         add e a.r IN
         add e b.r IN|ET
         add e c.r IN
         add e d.r IN
         write a.w 1
         write b.w 1
         write c.w 1
         freeze A e 2 2
         ready e = a.r
         overflow e =
         write d.w 1
         write b.w 1
         write a.w 1
         overflow e = a.r b.r d.r
         ready e = a.r
         add e none IN = EBADF
         mod e a.r IN = EDEADLK
         wait e = EDEADLK
         close a.r = EDEADLK
         thaw A
         woke = A: a.r IN, b.r IN
         ready e = c.r d.r b.r a.r
         wait e = c.r IN, d.r IN, b.r IN, a.r IN
         ready e = c.r d.r a.r");
}

#[test]
fn a_held_harvest_polls_the_rest_when_it_goes_on() {
    run("epoll e
         pipe a
         pipe b
         pipe c
         add e a.r IN|ET
         add e b.r IN|ET
         add e c.r IN|ET
         write a.w 1
         write b.w 1
         freeze A e 64 1
         read b.r
         read a.r
         sleep B e
         write c.w 1
         asleep = A B
         queue e =
         thaw A
         woke = A: a.r IN; B: c.r IN
         freeze A e 64 1
         woke = A: 0
         write a.w 1
         freeze A e 64 2
         woke = A: a.r IN");
}

#[test]
fn polling_an_epoll_drops_what_is_stale_up_to_the_first_ready_entry() {
    run("epoll e
         pipe a
         pipe b
         pipe c
         add e a.r IN|ET
         add e b.r IN|ET
         add e c.r IN|ET
         write a.w 1
         write b.w 1
         write c.w 1
         read a.r
         read c.r
         poll e IN = e IN
         ready e = b.r c.r
         poll e OUT =
         read b.r
         poll e IN|RDNORM =
         ready e =");
}

#[test]
fn a_closed_file_leaves_every_list_without_a_word() {
    run("epoll e
         epoll f
         pipe p
         pipe q
         add e p.r IN
         add f p.r IN
         add e q.r IN
         write p.w 1
         write q.w 1
         sleep A e
         woke = A: p.r IN, q.r IN
         sleep A f
         woke = A: p.r IN
         close p.r
         ready e = q.r
         ready f =
         interest f =
         close e
         write q.w 1");
}

#[test]
fn a_nest_over_a_held_harvest_is_stuck() {
    let held = "epoll o
         epoll e
         pipe p
         add o e IN
         add e p.r IN
         write p.w 1
         freeze A e 1 1";
    assert!(!run(held).machine.stuck());
    assert!(!run(&format!("{held}\n sleep B e\n write p.w 1\n thaw A")).machine.stuck());
    run(&format!("{held}\n epoll t\n add t o IN = EDEADLK\n add t e IN = EDEADLK"));
    for waits in ["wait o", "poll e IN", "mod e p.r IN", "close p.r", "signal A"] {
        let mut script = run(held);
        script.call(&waits.split(' ').collect::<Vec<_>>());
        assert!(script.machine.stuck(), "{waits}");
    }
}
