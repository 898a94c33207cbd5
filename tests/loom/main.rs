//! Models of the waiting logic, run in every order that its threads can take.
//!
//! The files of the engine that make threads wait for each other are compiled here once more, as
//! they are, on the primitives of `loom`. What they touch beside them is put in their place: a tap
//! that only listens, and an eventfd on which a thread can sleep as in `epoll_wait`.
//!
//! Two to four threads run, with as many preemptions as can be or as a test says. A short timed wait
//! may end at any time and a long one never does.

mod doorbell;
mod gate;
mod mailbox;
mod stubs;
mod sync;

/// The words of the product.
mod event {
    pub(crate) use epollscope::event::*;
}

#[path = "../../src/engine"]
#[expect(dead_code, unreachable_pub, reason = "the models use a part of what the engine uses")]
mod engine {
    pub(crate) use crate::stubs::{eventfd, tap};
    pub(crate) use crate::sync;

    pub(crate) mod doorbell;
    pub(crate) mod gate;
    pub(crate) mod mailbox;
}

/// Runs `body` in every order; with at most so many preemptions, or `LOOM_MAX_PREEMPTIONS` of them,
/// if there are to be fewer than all.
fn check(preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions.map(|few| model.preemption_bound.unwrap_or(few));
    model.max_branches = 10_000;
    model.check(body);
}
