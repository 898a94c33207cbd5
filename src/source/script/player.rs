//! The player on a thread of its own: it waits for the process of the lesson, so that the screen
//! need not, and the process dies with it, however it ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use crate::lesson::case::{Case, Step};
use crate::lesson::child::{PlayError, Player};
use crate::lesson::run::Report;
use crate::lesson::skip::{Skip, SkipCause};
use crate::sys::thread;

/// How long a step may take: the longest sleep of one, many times over.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the process is to do.
enum Order {
    Step,
    Act(Box<Step>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlayerEvent {
    /// It was done.
    Report(Box<Report>),
    /// There are no more steps.
    Over,
    /// It could not be done; the lesson goes on as it was.
    Refused(String),
    /// The lesson cannot go on.
    Stopped(String),
}

/// A lesson's process, and the thread that waits for it. Dropping it ends both.
pub struct PlayerHandle {
    orders: Option<Sender<Order>>,
    events: Receiver<PlayerEvent>,
    /// As long as it is open the thread goes on.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl PlayerHandle {
    /// Starts the process of a lesson; the first event is the report of its beginning. `ring` is
    /// called after each event, from another thread.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn open(case: Case, ring: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (orders, asked) = mpsc::channel();
        let (tell, events) = mpsc::channel();
        let (stopped, stop) = pipe2(OFlag::O_CLOEXEC)?;
        let tell = move |event| {
            // Whoever asked may have left.
            let _ = tell.send(event);
            ring();
        };
        let thread = thread::spawn("player", move || play(&case, &asked, &tell, &stopped))?;
        Ok(Self { orders: Some(orders), events, stop: Some(stop), thread: Some(thread) })
    }

    fn order(&self, order: Order) {
        // A thread that has ended has told why.
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
    }

    /// Asks for the next step.
    pub(super) fn step(&self) {
        self.order(Order::Step);
    }

    /// Asks for a step of the learner's own.
    pub(super) fn act(&self, step: Box<Step>) {
        self.order(Order::Act(step));
    }

    /// What has come.
    pub(super) fn event(&self) -> Option<PlayerEvent> {
        self.events.try_recv().ok()
    }
}

impl Drop for PlayerHandle {
    fn drop(&mut self) {
        (self.orders, self.stop) = (None, None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The life of the thread: it owns the player, whose process ends with it.
fn play(case: &Case, asked: &Receiver<Order>, tell: &impl Fn(PlayerEvent), stopped: &OwnedFd) {
    let mut player = match Player::start(case, DEADLINE) {
        Ok((player, report)) => {
            tell(PlayerEvent::Report(Box::new(report)));
            player
        }
        Err(error) => {
            tell(PlayerEvent::Stopped(why(&error)));
            return;
        }
    };
    while let Ok(order) = asked.recv() {
        let asked = match order {
            Order::Step => player.begin_step(),
            Order::Act(step) => player.begin_act(&step),
        };
        let event = match asked.and_then(|()| wait(&mut player, stopped)) {
            Ok(Some(report)) => PlayerEvent::Report(Box::new(report)),
            Ok(None) => PlayerEvent::Over,
            Err(error) if error.is_final() => PlayerEvent::Stopped(why(&error)),
            Err(error) => PlayerEvent::Refused(error.to_string()),
        };
        let last = matches!(event, PlayerEvent::Stopped(_));
        tell(event);
        if last {
            return;
        }
    }
}

/// Waits for the answer, or until nobody wants it any more.
fn wait(player: &mut Player, stopped: &OwnedFd) -> Result<Option<Report>, PlayError> {
    let begun = Instant::now();
    loop {
        if let Some(report) = player.poll()? {
            return Ok(report);
        }
        let Some(answers) = player.answers() else { continue };
        let left = DEADLINE.saturating_sub(begun.elapsed()) + Duration::from_millis(1);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [
            PollFd::new(answers, PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::empty()),
        ];
        let polled = poll(&mut fds, left);
        let gone = fds[1].revents().is_some_and(|revents| !revents.is_empty());
        if gone || polled.is_err_and(|errno| errno != Errno::EINTR) {
            return Err(PlayError::Died("the lesson was left".to_owned()));
        }
    }
}

/// The reason in words for the learner.
fn why(error: &PlayError) -> String {
    match error {
        PlayError::Skipped(Skip { cause: SkipCause::Refused(need), why }) => {
            format!("this lesson needs {need}: {why}. As root it may run")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::case::Need;

    #[test]
    fn only_what_root_may_do_is_said_to_run_as_root() {
        let said = |cause, text: &str| why(&PlayError::Skipped(Skip::new(cause, text)));
        assert_eq!(
            said(SkipCause::Refused(Need::Userfaultfd), "userfaultfd is refused (EPERM)"),
            "this lesson needs userfaultfd: userfaultfd is refused (EPERM). As root it may run"
        );
        let room = "it has 70 descriptors open at a time, a case may have 45 (RLIMIT_NOFILE is 64)";
        assert_eq!(said(SkipCause::TooFewDescriptors, room), room);
    }
}
