//! Who is woken: epoll_wait, EPOLLEXCLUSIVE, poll and select.

use super::script::run;

#[test]
fn the_last_to_sleep_is_woken_first() {
    run("epoll e
         pipe p
         add e p.r IN|ET
         sleep A e
         sleep B e
         sleep C e
         queue e = CBA
         write p.w 1
         woke = C: p.r IN
         write p.w 1
         woke = B: p.r IN
         asleep = A");
}

#[test]
fn level_triggered_wakes_all_one_after_the_other() {
    run("epoll e
         pipe p
         add e p.r IN
         sleep A e
         sleep B e
         write p.w 1
         woke = B: p.r IN; A: p.r IN
         ready e = p.r");
}

#[test]
fn woken_for_nothing_sleeps_again_at_the_head() {
    run("epoll e
         pair s
         add e s.a PRI
         sleep A e
         sleep B e
         queue e = BA
         write s.b 1
         woke =
         queue e = BA
         ready e =");
}

#[test]
fn add_and_mod_wake_a_sleeper() {
    run("epoll e
         pipe p
         pipe q
         write p.w 1
         write q.w 1
         sleep A e
         sleep B e
         add e p.r IN|ET
         woke = B: p.r IN
         mod e p.r IN|ET
         woke = A: p.r IN");
}

#[test]
fn signals_and_timeouts_end_a_sleep() {
    run("epoll e
         pipe p
         add e p.r IN
         sleep A e
         sleep B e
         polls C p.r IN
         signal A
         expire B
         signal C
         woke = A: EINTR; B: 0; C: EINTR
         asleep =
         selects C p.r IN
         expire C
         woke = C: 0
         write p.w 1
         ready e = p.r");
}

#[test]
fn a_sleeper_keeps_a_closed_epoll_and_a_poller_a_closed_file() {
    run("epoll e
         pipe p
         pipe q
         add e p.r IN
         sleep A e
         close e
         polls B q.r IN
         close q.r
         write p.w 1
         woke = A: p.r IN
         asleep = B
         write q.w 1
         woke = B: q.r 0x20
         write q.w 1 = EPIPE");
}

#[test]
fn one_exclusive_epoll_is_served_the_first_registered() {
    run("epoll a
         epoll b
         epoll c
         listener L
         tcp t
         tcp u
         add a L IN|EXCLUSIVE
         add b L IN|EXCLUSIVE
         add c L IN
         sleep B b
         sleep A a
         sleep C c
         connect t L
         woke = C: L IN; A: L IN
         ready b =
         connect u L
         woke = B: L IN
         ready a = L
         ready b = L");
}

#[test]
fn an_exclusive_epoll_without_a_sleeper_is_told_and_passed() {
    run("epoll a
         epoll b
         eventfd v
         add a v IN|OUT|EXCLUSIVE|ET
         add b v IN|OUT|EXCLUSIVE|ET
         wait a = v OUT
         wait b = v OUT
         write v 1
         ready a = v
         ready b = v");
}

#[test]
fn a_hang_up_wakes_every_exclusive_epoll() {
    run("epoll a
         epoll b
         pipe p
         add a p.r IN|EXCLUSIVE
         add b p.r IN|EXCLUSIVE
         sleep A a
         sleep B b
         close p.w
         woke = A: p.r HUP; B: p.r HUP");
}

#[test]
fn poll_and_select_see_the_same_bits_differently() {
    run("pipe p
         pipe q
         plain f
         close p.w
         poll p.r 0 q.r IN q.w OUT f IN none IN = p.r HUP, q.w OUT, f IN, ? 0x20
         select p.r IN|OUT q.r IN q.w OUT|PRI f IN = p.r IN, q.w OUT, f IN
         select none IN = EBADF
         close q.r
         select q.w IN|OUT = q.w IN|OUT
         poll q.w 0 = q.w ERR");
}

#[test]
fn a_poller_is_woken_by_its_keys_and_looks_at_all_its_files() {
    run("pair s
         pipe p
         polls A s.a RDHUP p.r IN
         selects B s.a PRI
         write s.b 1
         asleep = A B
         polls C s.a IN|PRI
         woke = C: s.a IN
         write p.w 1
         woke = A: p.r IN
         shutdown s.b wr
         asleep = B
         close s.b
         asleep = B
         signal B
         woke = B: EINTR");
}

#[test]
fn what_cannot_be_parked_says_why() {
    run("epoll e
         pipe p
         sleep A none = EBADF
         sleep A p.r = EINVAL
         sleep A e 0 = EINVAL
         selects A none IN = EBADF
         polls A none IN
         woke = A: ? 0x20
         freeze A p.r 1 1 = EINVAL
         asleep =");
}

#[test]
fn a_poller_that_looks_again_finds_its_closed_number_missing() {
    run("pipe p
         pipe q
         polls A p.r IN
         selects B p.r IN|OUT
         close p.r
         signal A
         signal B
         woke = A: p.r 0x20; B: p.r IN|OUT");
}

/// Whether the script ends in something of which the kernel leaves the order open.
fn races(text: &str) -> bool {
    run(text).machine.raced()
}

#[test]
fn one_after_the_other_is_no_race() {
    let one = "epoll e
         epoll f
         pipe p
         add e p.r IN
         add f p.r IN
         sleep A e
         sleep B e
         sleep C f
         polls D p.r IN
         polls E p.r IN
         write p.w 1";
    assert!(!races(one));
    assert!(!races(
        "epoll e\n pipe p\n add e p.r IN|ET\n polls A e IN\n polls B e IN\n write p.w 1"
    ));
}

#[test]
fn two_threads_woken_for_one_list_race() {
    let twice = "epoll e
         pipe p
         dup p.r d
         add e p.r IN
         add e d IN
         sleep A e";
    assert!(races(&format!("{twice}\n sleep B e\n write p.w 1")));
    // The second arrival may come before or after the harvest of the one thread.
    assert!(races(&format!("{twice}\n write p.w 1")));
    let mixed = "epoll e\n pipe p\n add e p.r IN|ET\n polls A e IN\n sleep B e\n write p.w 1";
    assert!(races(mixed));
    let levels = "epoll o\n epoll e\n pipe p\n add o e IN\n add e p.r IN
         sleep A o\n sleep B e\n write p.w 1";
    assert!(races(levels));
    let two_wakes = "pair s\n polls A s.a IN|OUT|RDHUP\n fill s.a\n";
    assert!(!races(&format!("{two_wakes} shutdown s.b wr")));
    assert!(races("pair s\n fill s.a 4096\n polls A s.a IN|OUT\n close s.b"));
}

#[test]
fn the_last_reference_cannot_be_dropped_while_a_harvest_of_its_registration_is_held() {
    let held = "epoll e
         pipe p
         pair s
         add e p.w OUT
         add e s.b IN
         freeze A e 64 1
         polls B s.b PRI";
    let stuck = |rest: &str| run(&format!("{held}\n {rest}")).machine.stuck();
    assert!(stuck("close s.b\n signal B"));
    assert!(!stuck("close s.b\n thaw A\n signal B"));
    assert!(!stuck("signal B"));
}

#[test]
fn who_returns_with_the_last_reference_to_a_file_races_with_the_others() {
    let held = "epoll e
         pipe p
         add e p.r IN
         polls A p.r IN|OUT
         close p.r";
    // The registration goes with the poller, and is harvested before or not.
    assert!(races(&format!("{held}\n sleep B e\n write p.w 1")));
    assert!(!races(&format!("{held}\n write p.w 1")));
    assert!(!races(&format!("{held}\n signal A")));
    // What the peer hears of it, too.
    let peer = "pair s
         epoll e
         add e s.a IN
         add e s.b HUP
         polls A s.a IN
         close s.a
         sleep B e";
    assert!(races(&format!("{peer}\n write s.b 1")));
    let nest = "epoll o\n epoll e\n pipe p\n add o e IN\n add e p.r IN
         sleep A e\n sleep B o\n close e";
    assert!(races(&format!("{nest}\n write p.w 1")));
}
