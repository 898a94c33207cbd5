//! Who serves which file: handed from the thread that accepts to the one that is started for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashMap;

use crate::engine::lock;
use crate::event::FileId;
use crate::sys::futex::Futex;

/// What a thread does with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// It accepts.
    Accept,
    /// It reads a connection and writes the answers.
    Serve,
    /// It only reads: chat.
    Read,
    /// It writes what others queue: chat.
    Write,
}

/// A file that threads serve.
#[derive(Debug, Default)]
struct Post {
    /// Where they sleep when they have no call to make.
    bell: Arc<Futex>,
    duties: Vec<Duty>,
    /// It is to be closed by the last of them.
    closing: bool,
}

/// A thread's file, and where it is called.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) file: FileId,
    pub(super) duty: Duty,
    pub(super) bell: Arc<Futex>,
}

/// Every thread's duty.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The loop has begun.
    begun: bool,
    posts: FxHashMap<FileId, Post>,
    /// Duties whose threads have not begun.
    waiting: VecDeque<(FileId, Duty)>,
    /// Files for which the system refused a thread.
    unlucky: Vec<FileId>,
}

impl Crew {
    /// The loop begins; whether it had not. Whatever is left of an earlier one is forgotten.
    pub(super) fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        if state.begun {
            return false;
        }
        *state = State { begun: true, ..State::default() };
        true
    }

    /// The loop ends.
    pub(super) fn end(&self) {
        lock(&self.state).begun = false;
    }

    /// A thread is to do that with the file; whether none does.
    pub(super) fn hand(&self, file: FileId, duty: Duty) -> bool {
        let mut state = lock(&self.state);
        let post = state.posts.entry(file).or_default();
        if post.duties.contains(&duty) {
            return false;
        }
        post.duties.push(duty);
        state.waiting.push_back((file, duty));
        true
    }

    /// There is no thread for that duty, and none will come.
    pub(super) fn withdraw(&self, file: FileId, duty: Duty) {
        let mut state = lock(&self.state);
        state.waiting.retain(|other| *other != (file, duty));
        if let Some(post) = state.posts.get_mut(&file) {
            post.duties.retain(|other| *other != duty);
        }
    }

    /// The next duty that waits for a thread.
    pub(super) fn take(&self) -> Option<Task> {
        let mut state = lock(&self.state);
        while let Some((file, duty)) = state.waiting.pop_front() {
            if let Some(post) = state.posts.get(&file) {
                return Some(Task { file, duty, bell: Arc::clone(&post.bell) });
            }
        }
        None
    }

    /// That one, if it waits for a thread or nobody has it.
    pub(super) fn take_own(&self, file: FileId, duty: Duty) -> Task {
        let mut state = lock(&self.state);
        state.waiting.retain(|other| *other != (file, duty));
        let post = state.posts.entry(file).or_default();
        if !post.duties.contains(&duty) {
            post.duties.push(duty);
        }
        Task { file, duty, bell: Arc::clone(&post.bell) }
    }

    /// A thread does that no more. Whether nobody serves the file now.
    pub(super) fn leave(&self, file: FileId, duty: Duty) -> bool {
        let mut state = lock(&self.state);
        let Some(post) = state.posts.get_mut(&file) else { return true };
        post.duties.retain(|other| *other != duty);
        post.duties.is_empty()
    }

    /// The file is to be closed by those who serve it. Whether there are any: they are called.
    pub(super) fn dismiss(&self, file: FileId) -> bool {
        let mut state = lock(&self.state);
        let Some(post) = state.posts.get_mut(&file).filter(|post| !post.duties.is_empty()) else {
            return false;
        };
        post.closing = true;
        post.bell.wake(u32::MAX >> 1);
        true
    }

    /// Whether those who serve it are to close it.
    pub(super) fn is_closing(&self, file: FileId) -> bool {
        lock(&self.state).posts.get(&file).is_some_and(|post| post.closing)
    }

    /// The file is closed.
    pub(super) fn forget(&self, file: FileId) {
        lock(&self.state).posts.remove(&file);
    }

    /// Calls those who sleep for that file with no call to make.
    pub(super) fn call(&self, file: FileId) {
        if let Some(post) = lock(&self.state).posts.get(&file) {
            post.bell.wake(u32::MAX >> 1);
        }
    }

    /// How many duties there are.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).posts.values().map(|post| post.duties.len()).sum()
    }

    /// The system has refused a thread: the duty that waited longest has none.
    pub(crate) fn refuse_one(&self) {
        let mut state = lock(&self.state);
        if let Some((file, duty)) = state.waiting.pop_front() {
            if let Some(post) = state.posts.get_mut(&file) {
                post.duties.retain(|other| *other != duty);
            }
            state.unlucky.push(file);
        }
    }

    /// The files for which there was no thread, once.
    pub(super) fn unlucky(&self) -> Vec<FileId> {
        std::mem::take(&mut lock(&self.state).unlucky)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duty_is_handed_to_one_thread_and_the_last_of_a_file_closes() {
        let (crew, file) = (Crew::default(), FileId(7));
        assert!(crew.begin() && !crew.begin());
        assert!(crew.hand(file, Duty::Read) && crew.hand(file, Duty::Write));
        assert!(!crew.hand(file, Duty::Read));
        let duties = [crew.take(), crew.take()].map(|task| task.map(|task| task.duty));
        assert_eq!(duties, [Some(Duty::Read), Some(Duty::Write)]);
        assert!(crew.take().is_none());
        assert!(crew.dismiss(file) && crew.is_closing(file));
        assert!(!crew.leave(file, Duty::Write));
        assert!(crew.leave(file, Duty::Read));
        assert!(!crew.dismiss(file));
        crew.forget(file);
        assert_eq!(crew.len(), 0);
    }

    #[test]
    fn a_file_for_which_no_thread_comes_is_left_to_nobody() {
        let (crew, file) = (Crew::default(), FileId(7));
        assert!(crew.hand(file, Duty::Serve));
        crew.withdraw(file, Duty::Serve);
        assert!(crew.take().is_none() && !crew.dismiss(file));
        // Of two threads the first is there, and closes it.
        assert!(crew.hand(file, Duty::Read) && crew.hand(file, Duty::Write));
        crew.withdraw(file, Duty::Write);
        assert_eq!(crew.take().map(|task| task.duty), Some(Duty::Read));
        assert!(crew.take().is_none() && crew.dismiss(file));
        assert!(crew.leave(file, Duty::Read));
    }

    #[test]
    fn what_the_system_refuses_a_thread_for_is_told_once() {
        let crew = Crew::default();
        crew.hand(FileId(7), Duty::Serve);
        crew.refuse_one();
        assert!(crew.take().is_none());
        assert_eq!(crew.unlucky(), [FileId(7)]);
        assert!(crew.unlucky().is_empty());
    }
}
