//! Rules of the machine, one test each.
