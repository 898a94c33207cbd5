//! A lesson that is gone through elsewhere: its file comes first, then what each thing came to that
//! is done in it. When it is over, another one may follow.

use std::sync::mpsc::TryRecvError;

use super::client::Incoming;
use super::{Remote, RemoteEnd};
use crate::event::{TimeUnit, Viewpoint};
use crate::record::{Beside, BlockKind, Received};
use crate::source::script::RecordedLesson;

/// A lesson that another process shares, and those that follow it.
pub struct RemoteLesson {
    remote: Remote,
    /// The first lesson, until it has been told.
    first: Option<Box<RecordedLesson>>,
    /// The kernel of the one that is told now.
    kernel: String,
    /// The end of one has come, and nothing of another.
    between: bool,
}

/// What is told of it.
#[derive(Debug)]
pub enum LessonNews {
    /// This lesson begins.
    Begun(Box<RecordedLesson>),
    /// This was done in it.
    Done(Beside),
    /// The one who goes through it looks there.
    View(Viewpoint),
    /// It is over; another one may follow.
    Over,
    /// Nothing more comes.
    Ended(RemoteEnd),
}

impl Remote {
    /// The lesson that is shared there, or what is shared, if that is none.
    ///
    /// # Errors
    /// If it is none.
    pub fn lesson(mut self) -> Result<RemoteLesson, Box<Self>> {
        let kernel = self.header.kernel.clone();
        let lesson = match &self.first {
            Some(Received::Beside(Beside { kind: BlockKind::Lesson, raw }))
                if self.header.clock == TimeUnit::Steps =>
            {
                RecordedLesson::begun(raw, &kernel)
            }
            _ => None,
        };
        let Some(lesson) = lesson else { return Err(Box::new(self)) };
        self.first = None;
        let first = Some(Box::new(lesson));
        Ok(RemoteLesson { remote: self, first, kernel, between: false })
    }
}

impl RemoteLesson {
    /// What has come since, if anything has; returns at once.
    pub fn news(&mut self) -> Option<LessonNews> {
        if let Some(first) = self.first.take() {
            return Some(LessonNews::Begun(first));
        }
        loop {
            let received = match self.remote.incoming.try_recv() {
                Ok(Incoming::Received(received)) => received,
                Err(TryRecvError::Empty) => return None,
                Ok(Incoming::Failed(_)) | Err(TryRecvError::Disconnected) => {
                    let end = if self.between { RemoteEnd::Ended } else { RemoteEnd::Lost };
                    return Some(LessonNews::Ended(end));
                }
            };
            if let Some(news) = self.take(received) {
                return Some(news);
            }
        }
    }

    /// What it means for the lesson: what happened in it follows from what was done.
    fn take(&mut self, received: Received) -> Option<LessonNews> {
        match received {
            Received::Head(head) => {
                self.kernel = head.header.kernel;
                None
            }
            Received::Beside(Beside { kind: BlockKind::Lesson, raw }) => {
                self.between = false;
                RecordedLesson::begun(&raw, &self.kernel).map(Box::new).map(LessonNews::Begun)
            }
            Received::Beside(done) => Some(LessonNews::Done(done)),
            Received::View(viewpoint) => Some(LessonNews::View(viewpoint)),
            Received::End => {
                self.between = true;
                Some(LessonNews::Over)
            }
            Received::World(_) | Received::Events(_) => None,
        }
    }
}
