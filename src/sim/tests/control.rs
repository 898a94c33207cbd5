//! epoll_ctl: what it refuses and in which order, what it stores, and whom it wakes.

use super::script::run;

#[test]
fn errors_come_in_the_kernels_order() {
    run("epoll e
         pipe p
         plain f
         add e p.r IN
         add none p.r IN = EBADF
         add e none IN = EBADF
         add none f IN = EBADF
         add e f IN = EPERM
         add p.r f IN = EPERM
         add p.r p.w IN = EINVAL
         add e e IN = EINVAL
         dup e e2
         add e e2 IN = EINVAL
         add e2 p.r IN = EEXIST
         mod e p.w IN = ENOENT
         del e p.w = ENOENT
         ctl e p.r IN = EINVAL
         ctl e p.w IN = EINVAL
         wait none = EBADF
         wait none 0 = EBADF
         wait p.r = EINVAL
         wait e 0 = EINVAL
         wait e 178956971 = EINVAL");
}

#[test]
fn exclusive_has_rules_of_its_own() {
    run("epoll e
         epoll x
         pipe p
         add e p.r IN|EXCLUSIVE|RDHUP = EINVAL
         add e p.r IN|EXCLUSIVE|ONESHOT = EINVAL
         add e x IN|EXCLUSIVE = EINVAL
         add e p.r IN|EXCLUSIVE|ET|WAKEUP
         interest e = p.r IN|ERR|HUP|EXCLUSIVE|ET
         mod e p.r IN = EINVAL
         mod e p.r IN|EXCLUSIVE = EINVAL
         mod e p.w IN|EXCLUSIVE = EINVAL
         add e p.r IN = EEXIST
         del e p.r");
}

#[test]
fn err_and_hup_are_stored_and_wakeup_only_where_the_kernel_can_suspend() {
    let mut script = run("epoll e
         pipe p
         add e p.r IN|WAKEUP
         interest e = p.r IN|ERR|HUP
         mod e p.r 0
         interest e = p.r ERR|HUP");
    script.machine.keep_wakeup(true);
    script.run(
        "mod e p.r IN|WAKEUP
         interest e = p.r IN|ERR|HUP|WAKEUP",
    );
}

#[test]
fn add_reports_what_was_ready_before_edge_triggered_too() {
    run("epoll e
         pipe p
         write p.w 1
         add e p.r IN|ET
         ready e = p.r
         wait e = p.r IN
         wait e =");
}

#[test]
fn mod_polls_lists_and_never_unlists() {
    run("epoll e
         pipe p
         pipe q
         add e p.r IN|ET
         add e q.r IN
         write p.w 1
         write q.w 1
         wait e = p.r IN, q.r IN
         mod e p.r IN|ET
         ready e = q.r p.r
         mod e q.r IN
         ready e = q.r p.r
         read q.r
         mod e q.r IN
         ready e = q.r p.r
         wait e = p.r IN");
}

#[test]
fn del_and_add_moves_to_the_tail_and_del_wakes_nobody() {
    run("epoll e
         pipe p
         pipe q
         add e p.r IN
         add e q.r IN
         write p.w 1
         write q.w 1
         ready e = p.r q.r
         del e p.r
         add e p.r IN
         ready e = q.r p.r
         wait e = q.r IN, p.r IN");
}

#[test]
fn a_registration_is_a_file_and_a_number() {
    run("epoll e
         pipe p
         dup p.r d
         add e p.r IN
         add e d IN
         interest e = p.r IN|ERR|HUP, d IN|ERR|HUP
         write p.w 1
         ready e = d p.r
         close p.r
         interest e = p.r IN|ERR|HUP, d IN|ERR|HUP
         wait e = d IN, p.r IN
         del e p.r = EBADF
         close d
         interest e =");
}

#[test]
fn nesting_ends_at_four_links_counted_both_ways() {
    run("epoll a
         epoll b
         epoll c
         epoll d
         epoll e
         epoll f
         add a b IN
         add b c IN
         add c d IN
         add d e IN
         add e f IN = ELOOP
         add f a IN = ELOOP
         add d a IN = ELOOP
         add a b IN = EEXIST
         add b a IN = ELOOP
         del c d
         add e f IN
         add c d IN = ELOOP
         add c e IN
         add c f IN");
}

#[test]
fn wake_up_paths_are_counted_by_length() {
    let mut script = run("pipe p
         epoll inner
         add inner p.r IN");
    for n in 0..500 {
        script.run(&format!("epoll o{n}\n add o{n} inner IN"));
    }
    script.run(
        "epoll last
         add last inner IN = EINVAL
         interest last =
         add last p.r IN
         epoll top
         add top o0 IN
         add last inner IN
         interest last = p.r IN|ERR|HUP, inner IN|ERR|HUP",
    );
}

#[test]
fn an_epoll_is_told_by_its_inner_one_and_polls_it() {
    run("epoll o
         epoll i
         pipe p
         add o i IN
         add i p.r IN|ET
         write p.w 1
         ready o = i
         wait o = i IN
         wait o = i IN
         wait i = p.r IN
         ready o = i
         wait o =
         ready o =
         mod o i OUT
         write p.w 1
         ready o =
         mod o i IN|ET
         wait o = i IN
         wait o =");
}
