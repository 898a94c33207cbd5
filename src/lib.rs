//! See how Linux epoll works.
//!
//! Every source, live or not, becomes [`event::Event`]s; one pure function folds events into a
//! [`model::World`]; every pane is a pure function of a world; every wish of a person is an
//! [`event::Command`]. Nothing else crosses between the parts.
//!
//! ```text
//! engine: threads serving real sockets ─┐                              ┌─> tui panes
//! kernel: fdinfo, queues, edge log ─────┤ Event  ┌─────────┐  ┌───────┐ ├─> findings, why-sentences
//! lesson: steps on kernel and model ────┤        │         │  │       │ │
//! literals in a test ───────────────────┼──────> │ Journal │─>│ World │─┼─> headless JSON lines
//!                                       ┘        └─────────┘  └───────┘ └─> assertions
//!        ^                                                                 │
//!        └──── Command (trigger, read policy, pause, step, client, ...) <──┘
//! ```
//!
//! Reading order: `event` (the words), `model` (what they mean), `journal` (going back), `engine`
//! (where they come from), `kernel` (what the kernel itself says), `session` (where a source, a
//! journal and a world meet), `tui` and `headless` (what people and programs see).

pub mod cli;
pub mod engine;
pub mod error;
pub mod event;
pub mod headless;
pub mod journal;
pub mod kernel;
pub mod lesson;
pub mod model;
pub mod serve;
pub mod session;
pub mod sys;
pub mod teach;
pub mod tui;
