//! What people see: panes drawn from a scene, and keys that become commands.
//!
//! Keys go one way (`input` -> `key` -> `keymap` -> `action` -> `app` -> a command for the
//! session), pictures the other (`Scene` + `ui` + `theme` -> `pane` -> `screen` -> `terminal`).
//! Nothing but `run`, `terminal` and `watchdog` touches the outer world; `app` and the panes are
//! pure. Only this room names ratatui and crossterm.

pub mod action;
pub mod app;
pub mod class;
pub mod compare;
pub mod draw;
pub mod entry;
pub mod export;
pub mod film;
pub mod filter;
pub mod input;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod lesson;
pub mod pane;
pub mod run;
pub mod screen;
mod share;
mod spots;
pub mod terminal;
pub mod theme;
pub mod ui;
pub mod watchdog;
pub mod words;

#[cfg(test)]
pub(crate) mod scenes;
#[cfg(test)]
pub(crate) mod tests;

pub use run::{Exit, Marks, ReplayBegin, TuiOptions, replay, run, watch};
pub use share::Sharing;
pub use theme::ThemeName;
pub use ui::ReplayState;
