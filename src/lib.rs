//! See how Linux epoll works.
//!
//! Every source, live or not, becomes [`event::Event`]s; one pure function folds events into a
//! [`model::World`]; every pane is a pure function of a world; every wish of a person is an
//! [`event::Command`]. Nothing else crosses between the parts.
//!
//! ```text
//! engine: threads serving real sockets ─┐                              ┌─> tui panes
//! kernel: fdinfo, queues, edge log ─────┤ Event  ┌─────────┐  ┌───────┐ ├─> findings, why-sentences
//! lesson: steps on kernel and model ────┤        │ Journal │<─│ World │ │
//! literals in a test ───────────────────┼──────> │         │  │       │─┼─> sinks: JSON lines
//!                                Source ┘        └─────────┘  └───────┘ └─> assertions
//!        ^                                                                 │
//!        └──── Command (trigger, read policy, pause, step, client, ...) <──┘
//! ```
//!
//! # The rooms
//!
//! Each may import rooms that stand below it, and no others; a test of the house holds this table.
//!
//! ```text
//! it ...          room          imports, beside event, sys and error
//! starts        │ teach       │ serve  share  lesson  tui  kernel  cli
//!               │ replay      │ serve  session  source  sink  share  record  export  lesson  tui  cli
//!               │ watch       │ serve  session  source  share  journal  tui  cli
//!               │ measure     │ serve  compare  tui  kernel  cli
//!               │ serve       │ engine source session headless compare kernel share export tui journal cli
//! says all      │ reference   │ tui  lesson  text  model  cli     (pages for people, the manual page)
//! shows         │ tui         │ session source history sink share export record lesson compare journal text model film
//!               │ headless    │ session  source  sink
//! joins         │ session     │ source  history  sink  journal  model  record
//! makes a run   │ source      │ engine  kernel  lesson  history  text  model  record
//! asks for      │ cli         │ lesson  compare  journal  record  share (what the command line asks for)
//! compares      │ compare     │ engine  text         (loops side by side, each in a process of its own)
//! makes events  │ engine      │ kernel               (threads that serve real sockets)
//!               │ lesson      │ kernel  text  model  sim  sink (a case's steps, on kernel and its model)
//! looks         │ kernel      │                      (fdinfo, queues, edge log: read, not deduced)
//! gives away    │ export      │ history  sink  record  journal  film  text  model (files for others)
//! records       │ history     │ sink  journal  model (what every event goes through)
//! passes on     │ sink        │ text  model  record  share (JSON lines, recordings)
//! serves many   │ share       │ record  film         (a process of its own, for viewers: HTTP)
//! writes down   │ record      │ journal  model      (blocks of events in a file, and back)
//! keeps         │ journal     │ model
//! films         │ film        │ text  model           (screens as cells that changed, with words)
//! words it      │ text        │ model  sim           (strace's notation, sentences: no keys, no colours)
//! means         │ model       │ sim                  (one fold: no clock, no file, no thread)
//! is like it    │ sim         │                      (the kernel as a machine: rules, files, threads)
//! says          │ event       │                      (the words; it imports nothing of ours)
//! ```
//!
//! Beside them `sys` (all that is unsafe) and `error` (how the tool itself fails) import none of
//! them. `event`, `sim`, `model`, `text` and `journal` are pure; only `tui` names the terminal's
//! libraries.
//!
//! # The way of a wake-up
//!
//! ```text
//! a client's bytes arrive
//!   │    in the kernel: ep_poll_callback lists the entry, wakes a thread; F_SETSIG queues a signal
//!   v
//! kernel::edge_log        signalfd, read by an observer, and by a server's thread before it enters
//!   │                     and after it leaves epoll_wait: nothing that was before is told after
//!   v
//! engine::edge            how much is unread by now? Kind::Wakeup, with the time of the last look
//!   v
//! engine::tap             a ring a thread, merged by time up to a mark that nobody can still push
//!   │                     below; what did not fit is a Kind::Gap and never makes the server wait
//!   v   Engine::drain
//! source::live            between the events, where they belong: what the kernel says when asked
//!   v   session::Session::tick
//! history::History::push  numbers it: an Event
//!   ├──> model::World     model::wakeup lists the entry, as the callback did
//!   ├──> model::Timeline
//!   ├──> sink::jsonl      a line, if there is no screen
//!   └──> journal::Journal packed, with keyframes to go back to
//!   v   Scene
//! tui                     a pane, from the world alone
//!
//! epoll_wait returns: Kind::Return comes the same way, and model::harvest holds what the kernel
//! handed over against what the list said it would: they agree, or there is a divergence.
//! ```
//!
//! # The way of a key
//!
//! ```text
//! t   tui::input ──> Key ──> tui::keymap, the one table ──> Action ──> tui::app
//!                               (hints, help, reference are made of it)      │ Command::Trigger
//!     a palette's line, a line on standard input ──> Command::parse ────────┤
//!                                                                           v
//!                                                            Session::send, at the next tick
//!                                                                           v
//!     gate (hold, step, turn, delay) <── settings <── a thread's mailbox <── Source::send
//!       │                                                    │ control eventfd
//!       v                                                    v
//!     the thread is let go on                 T1 reads it and makes the epoll_ctl
//!       └────────────────────┬───────────────────────────────┘
//!                            v
//!     events as above, and Kind::Command: accepted, then done or failed
//! ```
//!
//! No key changes a world: what the server did comes back as events, like everything else.
//!
//! # The way of a lesson's step
//!
//! ```text
//! Enter   tui::lesson::app ──> source::script ──> lesson::child::Player ─┐ postcard over pipes
//!                              (a thread waits)                          │
//!   ┌──────────── a process of its own: its numbers, limits and threads ──v────────────┐
//!   │ lesson::run::Runner       by lesson::interpret: an action's calls, on any Kernel │
//!   │   ├──> lesson::real          this machine's kernel decides what comes next       │
//!   │   ├──> lesson::model_kernel  the same calls on the model of it, which is sim     │
//!   │   └──> compare               file, kernel and model: who disagrees, and in what  │
//!   └─────────────────────────────────────────────────────────────────────┬────────────┘
//!                                                                         │ Report
//!   lesson::course (what is asked, who was right) <──┬── source::script <─┘
//!   history::History, as for a server <──────────────┘   events, then each list as it is read
//!   v   Scene
//!   the panes of the live server
//! ```
//!
//! `lesson::check` drives the same player without a screen, `lesson::random` the runner with
//! sequences drawn by lot, and `lesson::fd_budget` the interpreter on the model alone: what a case
//! needs is known before it runs.
//!
//! Reading order: `event` (the words), `sim` and `model` (what they mean), `text` (how that is
//! said), `journal` (going back), `engine` (where they come from), `kernel` (what the kernel itself
//! says), `source`, `history` and `session` (how they come together), `tui` and `sink` (what people
//! and programs see).

pub mod cli;
pub mod compare;
pub mod engine;
pub mod error;
pub mod event;
pub mod export;
pub mod film;
pub mod headless;
pub mod history;
pub mod journal;
pub mod kernel;
pub mod lesson;
pub mod measure;
pub mod model;
pub mod record;
pub mod reference;
pub mod replay;
pub mod serve;
pub mod session;
pub mod share;
pub mod sim;
pub mod sink;
pub mod source;
pub mod sys;
pub mod teach;
pub mod text;
pub mod tui;
pub mod watch;
