//! What the screen shows, and in which order.

use serde::{Deserialize, Serialize};

use super::super::vocabulary;

vocabulary! {
    /// The full-screen views.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum View {
        /// Everything at once.
        #[default]
        Overview = "overview",
        /// One lane a thread and a descriptor, over time.
        Timeline = "timeline",
        /// Every system call.
        Calls = "calls",
        /// What would be a bug in a real server.
        Findings = "findings",
        /// The way of one event through the kernel.
        Path = "path",
    }
}

vocabulary! {
    /// The orders in which the list of what is waited for can be shown.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum Order {
        /// As the list is kept: by the numbers of descriptors, or by their places in an array.
        #[default]
        Number = "number",
        /// What has most to be read first.
        Unread = "unread",
        /// What wants to be looked at first: stuck, in hand, ready, then the quiet ones.
        State = "state",
        /// What was served or woken last first.
        Activity = "activity",
    }
}

impl Order {
    /// The one after it; the first after the last.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Number => Self::Unread,
            Self::Unread => Self::State,
            Self::State => Self::Activity,
            Self::Activity => Self::Number,
        }
    }
}
