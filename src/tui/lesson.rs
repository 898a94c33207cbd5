//! A lesson on the screen: the panes of the live server, and a narration that says what was just
//! done, what changed, and what is asked.
//!
//! `app` knows what keys do, `story` the words; both are pure. `lessons` goes from the menu to a
//! lesson and back, and asks the player, which makes the steps in a process of its own; `run` is the
//! program that shows nothing else.

pub mod app;
pub(crate) mod class;
pub mod layout;
pub(crate) mod lessons;
pub mod menu;
pub mod pane;
pub mod run;
pub mod screen;
mod spelled;
pub mod story;

#[cfg(test)]
mod tests;
