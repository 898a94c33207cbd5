//! The parser against good and bad files.
