//! What a source calls its descriptors, and since when: numbers are used again.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{Fd, Seq};

/// The names of each number, in the order in which it got them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Labels {
    names: FxHashMap<Fd, VecDeque<(Seq, Box<str>)>>,
}

impl Labels {
    /// How many names of one number are remembered.
    const KEPT: usize = 64;

    /// The number is called so from that event on.
    pub(super) fn set(&mut self, fd: Fd, since: Seq, name: &str) {
        let names = self.names.entry(fd).or_default();
        if names.back().is_some_and(|(_, last)| &**last == name) {
            return;
        }
        if names.len() == Self::KEPT {
            names.pop_front();
        }
        names.push_back((since, name.into()));
    }

    /// What the number was called at that event; a closed one keeps its name until it is used
    /// again.
    pub(super) fn at(&self, fd: Fd, seq: Seq) -> Option<&str> {
        let names = self.names.get(&fd)?;
        let then = names.iter().rev().find(|(since, _)| *since <= seq);
        then.map(|(_, name)| &**name)
    }

    /// The last name of each number.
    pub(super) fn last(&self) -> impl Iterator<Item = (Fd, &str)> {
        self.names.iter().filter_map(|(fd, names)| Some((*fd, &*names.back()?.1)))
    }

    /// What the number is called from that event on, or soon after it: a call that makes a
    /// descriptor comes before its name.
    pub(super) fn after(&self, fd: Fd, seq: Seq) -> Option<&str> {
        let names = self.names.get(&fd)?;
        let next = names.iter().find(|(since, _)| *since >= seq);
        next.or(names.back()).map(|(_, name)| &**name)
    }

    /// When the number got its last name.
    pub(super) fn since(&self, fd: Fd) -> Option<Seq> {
        Some(self.names.get(&fd)?.back()?.0)
    }

    /// Bytes that a copy takes, an estimate.
    pub(super) fn size(&self) -> usize {
        64 * self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_name_of_its_time() {
        let mut labels = Labels::default();
        labels.set(Fd(5), Seq(3), "p.r");
        labels.set(Fd(5), Seq(9), "q.r");
        let names = [2, 3, 8, 9].map(|seq| labels.at(Fd(5), Seq(seq)));
        assert_eq!(names, [None, Some("p.r"), Some("p.r"), Some("q.r")]);
        assert_eq!(labels.at(Fd(6), Seq(9)), None);
    }
}
