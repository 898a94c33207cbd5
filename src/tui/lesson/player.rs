//! The player on a thread of its own: it waits for the process of the lesson, so that the screen
//! need not, and the process dies with it, however it ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc as orders;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

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
#[derive(Debug)]
pub enum News {
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
pub struct Desk {
    orders: Option<orders::Sender<Order>>,
    news: UnboundedReceiver<News>,
    /// As long as it is open the thread goes on.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the process of a lesson; the first news is the report of its beginning. Each news
    /// rings the bell.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn open(case: Case, bell: Arc<Notify>) -> io::Result<Self> {
        let (ask, asked) = orders::channel();
        let (tell, news) = mpsc::unbounded_channel();
        let (stopped, stop) = pipe2(OFlag::O_CLOEXEC)?;
        let sink = Sink { tell, bell };
        let thread = thread::spawn("player", move || play(&case, &asked, &sink, &stopped))?;
        Ok(Self { orders: Some(ask), news, stop: Some(stop), thread: Some(thread) })
    }

    fn order(&self, order: Order) {
        // A thread that has ended has told why.
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
    }

    /// Asks for the next step.
    pub fn step(&self) {
        self.order(Order::Step);
    }

    /// Asks for a step of the learner's own.
    pub fn act(&self, step: Box<Step>) {
        self.order(Order::Act(step));
    }

    /// What has come.
    pub fn news(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        (self.orders, self.stop) = (None, None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Sink {
    tell: UnboundedSender<News>,
    bell: Arc<Notify>,
}

impl Sink {
    fn tell(&self, news: News) {
        // Whoever asked may have left.
        let _ = self.tell.send(news);
        self.bell.notify_one();
    }
}

/// The life of the thread: it owns the player, whose process ends with it.
fn play(case: &Case, asked: &orders::Receiver<Order>, sink: &Sink, stopped: &OwnedFd) {
    let mut player = match Player::start(case, DEADLINE) {
        Ok((player, report)) => {
            sink.tell(News::Report(Box::new(report)));
            player
        }
        Err(error) => {
            sink.tell(News::Stopped(why(&error)));
            return;
        }
    };
    while let Ok(order) = asked.recv() {
        let asked = match order {
            Order::Step => player.begin_step(),
            Order::Act(step) => player.begin_act(&step),
        };
        let news = match asked.and_then(|()| wait(&mut player, stopped)) {
            Ok(Some(report)) => News::Report(Box::new(report)),
            Ok(None) => News::Over,
            Err(error) if error.is_final() => News::Stopped(why(&error)),
            Err(error) => News::Refused(error.to_string()),
        };
        let last = matches!(news, News::Stopped(_));
        sink.tell(news);
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
