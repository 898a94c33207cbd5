//! Where somebody looks: what those follow who look on.

use serde::{Deserialize, Serialize};

use super::{FileId, LaneId, Seq, View, WatchKey};

/// Where a person before the screen looks.
///
/// ```
/// use epollscope::event::{Fd, FileId, LaneId, View, Viewpoint, WatchKey};
///
/// let watch = Some(WatchKey { fd: Fd(7), file: FileId(3) });
/// let here = Viewpoint { watch, lane: LaneId(1), view: View::Calls, ..Viewpoint::default() };
/// let text = serde_json::to_string(&here).unwrap();
/// assert_eq!(
///     text,
///     r#"{"seq":null,"watch":{"fd":7,"file":3},"lane":1,"view":"calls","poller":null}"#
/// );
/// assert_eq!(serde_json::from_str::<Viewpoint>(&text).unwrap(), here);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewpoint {
    /// The earlier event that is viewed; `None` is the newest one.
    pub seq: Option<Seq>,
    /// The selected registration.
    pub watch: Option<WatchKey>,
    /// The selected thread.
    pub lane: LaneId,
    /// The view.
    pub view: View,
    /// The open file of the epoll instance that is looked at; `None` is the first one.
    pub poller: Option<FileId>,
    /// The step of a lesson, counted from 0, about which a question is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<usize>,
}
