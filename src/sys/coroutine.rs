//! Coroutines: code with a stack of its own, which can be left and entered again, in another thread
//! too.
#![expect(unsafe_code, reason = "a coroutine is Send by what its body keeps on its stack")]

use std::fmt;
use std::io;

use corosensei::stack::DefaultStack;
use corosensei::{CoroutineResult, Yielder};

/// Bytes of a stack, beside the page below it that nobody may touch (mmap(2), PROT_NONE). What is
/// not used of it is only reserved.
pub(crate) const STACK_BYTES: usize = 64 * 1024;

/// Code that asks, is left, and goes on with the answer.
///
/// Dropping one that has not ended unwinds its stack: what it holds is dropped.
pub(crate) struct Coroutine<Ask, Answer> {
    raw: corosensei::Coroutine<Answer, Ask, ()>,
}

// SAFETY: corosensei's type is not Send because what stands on the stack of a suspended coroutine
// may not be. Here it may be moved between threads, by this argument: the bodies are those of
// engine/backend/goroutine/body.rs and of no other file, which a test below looks after. Each can be
// suspended only in `Port::ask`, and what its frames hold there are numbers and a reference to the
// `Port`, which lies on the same stack and moves with it. They make no call, so no errno is carried
// over; they take no lock, so no guard is; they touch no thread-local variable, so no address of one
// is. The yielder is a pointer to the stack of whoever resumed last, which each resume sets anew.
// `Ask` and `Answer` are Send, and only one thread has the coroutine at a time: `resume` takes it
// mutably.
unsafe impl<Ask: Send, Answer: Send> Send for Coroutine<Ask, Answer> {}

impl<Ask: Send + 'static, Answer: Send + 'static> Coroutine<Ask, Answer> {
    /// Makes one, which begins with its first [`Coroutine::resume`]. The answer of that is nobody's.
    ///
    /// `body` must keep nothing on its stack across [`Port::ask`] that may not go to another thread.
    ///
    /// # Errors
    /// If there is no memory for a stack (mmap(2), ENOMEM: also when the process has
    /// `vm.max_map_count` mappings, two for each).
    pub(crate) fn new(body: fn(&Port<'_, Ask, Answer>)) -> io::Result<Self> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let enter = move |yielder: &Yielder<Answer, Ask>, _: Answer| body(&Port(yielder));
        Ok(Self { raw: corosensei::Coroutine::with_stack(stack, enter) })
    }

    /// Goes on with that answer until it asks again; `None`: it has come to its end.
    ///
    /// # Panics
    /// As its body does; and if it has come to its end before.
    pub(crate) fn resume(&mut self, answer: Answer) -> Option<Ask> {
        match self.raw.resume(answer) {
            CoroutineResult::Yield(ask) => Some(ask),
            CoroutineResult::Return(()) => None,
        }
    }
}

impl<Ask, Answer> fmt::Debug for Coroutine<Ask, Answer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine").field("done", &self.raw.done()).finish_non_exhaustive()
    }
}

/// A coroutine's way out.
pub(crate) struct Port<'a, Ask, Answer>(&'a Yielder<Answer, Ask>);

impl<Ask, Answer> Port<'_, Ask, Answer> {
    /// Asks whoever resumed it, and is left until the answer comes. If it never does, because the
    /// coroutine is dropped, this unwinds.
    pub(crate) fn ask(&self, ask: Ask) -> Answer {
        self.0.suspend(ask)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    type Counter = Coroutine<u32, u32>;

    fn add(port: &Port<'_, u32, u32>) {
        let mut sum = 0;
        while sum < 6 {
            sum += port.ask(sum);
        }
    }

    #[test]
    fn it_asks_and_goes_on_with_the_answer_in_another_thread() {
        let mut one = Counter::new(add).expect("a stack");
        assert_eq!(one.resume(0), Some(0));
        assert_eq!(one.resume(1), Some(1));
        let moved = std::thread::spawn(move || {
            assert_eq!(one.resume(2), Some(3));
            one
        });
        let mut one = moved.join().expect("the thread");
        assert_eq!(one.resume(3), None);
    }

    #[test]
    fn dropping_a_suspended_one_drops_what_it_holds() {
        static DROPPED: AtomicU32 = AtomicU32::new(0);
        struct Held;
        impl Drop for Held {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Ordering::SeqCst);
            }
        }
        fn hold(port: &Port<'_, u32, u32>) {
            let _held = Held;
            port.ask(1);
        }
        let new = || Counter::new(hold).expect("a stack");
        drop(new());
        assert_eq!(DROPPED.load(Ordering::SeqCst), 0, "it has not begun");
        let mut one = new();
        assert_eq!(one.resume(0), Some(1));
        drop(one);
        assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
        // A thread that dies of something else unwinds it as well.
        let mut one = new();
        assert_eq!(one.resume(0), Some(1));
        let died = catch_unwind(AssertUnwindSafe(move || {
            let _one = one;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(died.is_err());
        assert_eq!(DROPPED.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_panic_inside_comes_out_of_resume() {
        fn fail(port: &Port<'_, u32, u32>) {
            assert_eq!(port.ask(1), 7, "wrong answer");
        }
        let mut one = Counter::new(fail).expect("a stack");
        assert_eq!(one.resume(0), Some(1));
        let died = catch_unwind(AssertUnwindSafe(|| one.resume(2)));
        let panic = died.expect_err("a panic");
        let text = panic.downcast_ref::<String>().expect("its message");
        assert!(text.contains("wrong answer"), "{text}");
        drop(one);
    }

    #[test]
    fn bodies_stand_in_one_file() {
        fn walk(dir: &std::path::Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(&path, found);
                } else if std::fs::read_to_string(&path).expect("text").contains("Coroutine::new(")
                {
                    found.push(path.display().to_string());
                }
            }
        }
        let mut found = Vec::new();
        let src = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        walk(src.as_ref(), &mut found);
        found.retain(|path| !path.ends_with("sys/coroutine.rs"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("engine/backend/goroutine/body.rs"), "{found:?}");
    }
}
