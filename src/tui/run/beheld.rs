//! What is no server of this process on the screen: a session elsewhere, and one that is over.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Exit, FAREWELL, Screen, TAKE, TuiOptions, end_of, failed, runtime, show};
use crate::error::Error;
use crate::event::Nanos;
use crate::record::Hidden;
use crate::session::Session;
use crate::source::{Remote, Source};
use crate::tui::share::Sharing;
use crate::tui::terminal::Terminal;
use crate::tui::ui::ReplayState;

/// Shows a session elsewhere, on that machine, until the person quits or the token is cancelled.
///
/// # Errors
/// As [`super::run()`].
pub fn watch(
    session: &mut Session<Remote>,
    options: TuiOptions,
    host: String,
    sharing: Sharing,
    token: &CancellationToken,
    wake: &Arc<Notify>,
) -> Result<Exit, Error> {
    let runtime = runtime()?;
    let terminal = Terminal::enter(options.mouse).map_err(failed(TAKE))?;
    let news = session.source().news();
    let mut screen = Screen::new(terminal, options, session, sharing, Arc::clone(wake));
    screen.news = Some(news);
    screen.app.open_watch(host);
    screen.app.observe(&screen.session.scene(None));
    let ended = runtime.block_on(show(&mut screen, options.run_for, token, wake));
    drop(screen);
    // What a recording came to is told by its progress.
    let _ = session.finish(FAREWELL);
    end_of(ended)
}

/// How a recording is shown at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayBegin {
    /// The file, and how it plays.
    pub state: ReplayState,
    /// What of it is missing, in words.
    pub warning: Option<String>,
    /// What is left out in it.
    pub hidden: Vec<Hidden>,
    /// The time; `None` is the beginning.
    pub at: Option<Nanos>,
    /// Whether it plays.
    pub plays: bool,
}

/// Shows a session that is over until the person quits or the token is cancelled.
///
/// # Errors
/// As [`super::run()`].
pub fn replay<S: Source>(
    session: &mut Session<S>,
    options: TuiOptions,
    begin: ReplayBegin,
    sharing: Sharing,
    token: &CancellationToken,
) -> Result<Exit, Error> {
    let runtime = runtime()?;
    let terminal = Terminal::enter(options.mouse).map_err(failed(TAKE))?;
    // Nothing happens any more, but others may come and watch.
    let wake = sharing.bell();
    if let Some(share) = sharing.shared() {
        session.share(share);
    }
    let mut screen = Screen::new(terminal, options, session, sharing, Arc::clone(&wake));
    let ReplayBegin { state, warning, hidden, at, plays } = begin;
    screen.app.ui.hidden.clone_from(&hidden);
    screen.hidden = hidden;
    let scene = screen.session.scene(None);
    screen.app.open_replay(state, at, &scene);
    if plays {
        screen.app.begin_replay(&scene);
    }
    if let Some(warning) = warning {
        screen.app.ui.warn(warning);
    }
    let ended = runtime.block_on(show(&mut screen, options.run_for, token, &wake));
    drop(screen);
    // Whoever has it from here has its end, too.
    let _ = session.finish(FAREWELL);
    end_of(ended)
}

impl<S: Source> Screen<'_, S> {
    /// Says what the session has to say beside its events.
    pub(super) fn hear(&mut self) {
        if let Some(remark) = self.session.remark() {
            match remark {
                Ok(remark) => self.app.ui.say(remark),
                Err(why) => self.app.ui.warn(why),
            }
            self.dirty = true;
        }
        if let Some(news) = &self.news {
            self.dirty |= self.app.hear(&news.borrow(), &self.session.scene(self.app.ui.poller));
        }
    }
}
