//! What was shown, written down for others: each kind for somebody.

pub mod cast;
pub mod page;
