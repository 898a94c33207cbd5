//! The harvest of an epoll instance (`ep_send_events`, `ep_start_scan`, `ep_done_scan`), which can be
//! held half-way, and the scan that polling its own descriptor makes (`__ep_eventpoll_poll`).

use std::collections::VecDeque;

use super::rules;
use crate::event::{FileId, Mask, Reason};

use super::queue::ItemId;
use super::wakes::READABLE;
use super::{Flaw, KernelModel, Reported};

/// A harvest that is under way.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// What was on the ready list and has not been looked at, head first.
    pub(super) batch: VecDeque<ItemId>,
    /// Woken since it began, oldest first (ovflist, which the kernel chains the other way round).
    pub(super) overflow: Vec<ItemId>,
    /// Found ready and about to be handed over.
    hand: Option<(ItemId, Mask)>,
    out: Vec<Reported>,
    max: usize,
    /// Places of maxevents used up by what was not ready, which is none.
    wasted: usize,
}

impl Scan {
    /// The registration is removed.
    pub(super) fn forget(&mut self, item: ItemId) {
        self.batch.retain(|other| *other != item);
        self.overflow.retain(|other| *other != item);
        self.hand.take_if(|(other, _)| *other == item);
    }
}

impl KernelModel {
    /// Moves the ready list to a private batch; from now on wake-ups go to the overflow list
    /// (`ep_start_scan`).
    fn start_scan(&mut self, ep: FileId, max: usize, harvests: bool) {
        self.race_with_scan(ep, harvests);
        let Some(epoll) = self.epolls.get_mut(&ep) else { return };
        let batch = std::mem::take(&mut epoll.ready);
        epoll.scan =
            Some(Scan { batch, overflow: Vec::new(), hand: None, out: Vec::new(), max, wasted: 0 });
    }

    /// The harvest of `epoll_wait` (`ep_send_events`). `None` if nothing is listed.
    pub(super) fn harvest(&mut self, ep: FileId, max: usize) -> Option<Vec<Reported>> {
        self.begin_harvest(ep, max)?;
        while self.pick(ep) {
            self.hand_over(ep);
        }
        Some(self.done_scan(ep))
    }

    /// A harvest up to the moment before event number `at` is handed over; whether it got there.
    pub(super) fn harvest_until(&mut self, ep: FileId, max: usize, at: usize) -> bool {
        if self.begin_harvest(ep, max).is_none() {
            return false;
        }
        while self.pick(ep) {
            let copied = self.scan(ep).map_or(0, |scan| scan.out.len());
            if copied + 1 >= at {
                return true;
            }
            self.hand_over(ep);
        }
        false
    }

    /// The rest of a harvest that was held.
    pub(super) fn resume_harvest(&mut self, ep: FileId) -> Vec<Reported> {
        self.hand_over(ep);
        while self.pick(ep) {
            self.hand_over(ep);
        }
        self.done_scan(ep)
    }

    fn begin_harvest(&mut self, ep: FileId, max: usize) -> Option<()> {
        self.epolls.get(&ep).filter(|epoll| !epoll.ready.is_empty())?;
        self.start_scan(ep, max, true);
        Some(())
    }

    fn scan(&mut self, ep: FileId) -> Option<&mut Scan> {
        self.epolls.get_mut(&ep)?.scan.as_mut()
    }

    /// Takes the next registration of the batch that is ready now into the hand. Those that are not
    /// ready are forgotten. False when there is none, or no place left for it.
    fn pick(&mut self, ep: FileId) -> bool {
        loop {
            let Some(scan) = self.scan(ep) else { return false };
            if scan.out.len() + scan.wasted >= scan.max {
                return false;
            }
            let Some(id) = scan.batch.pop_front() else { return false };
            if let Some(item) = self.items.get_mut(&id) {
                item.linked = false;
            }
            let mut bits = self.poll_item(id);
            if self.flawed(Flaw::HarvestDoesNotPoll) && bits.is_empty() {
                bits = self.items.get(&id).map_or(Mask::EMPTY, |item| item.mask.asked());
            }
            if !bits.is_empty() {
                if let Some(scan) = self.scan(ep) {
                    scan.hand = Some((id, bits));
                }
                return true;
            }
            if self.flawed(Flaw::StaleStaysListed) {
                self.list(id, Reason::PutBack);
            }
            if self.flawed(Flaw::StaleCounts)
                && let Some(scan) = self.scan(ep)
            {
                scan.wasted += 1;
            }
        }
    }

    /// Hands over what is in the hand, then does to its registration what a report does.
    fn hand_over(&mut self, ep: FileId) {
        let flaw = self.flaw;
        let Some((id, mask)) = self.scan(ep).and_then(|scan| scan.hand.take()) else { return };
        let Some(item) = self.items.get_mut(&id) else { return };
        let data = item.data;
        let put_back = match (rules::reported(item.mask), flaw) {
            (rules::After::Disarmed(_), Some(Flaw::OneshotIsNotDisarmed)) => {
                !item.mask.has(Mask::ET)
            }
            (rules::After::Disarmed(_), Some(Flaw::OneshotDisarmsOnlyEdges))
                if !item.mask.has(Mask::ET) =>
            {
                true
            }
            (rules::After::Disarmed(left), _) => {
                item.mask = left;
                false
            }
            (rules::After::Gone, Some(Flaw::EdgeIsPutBack)) => true,
            (rules::After::Back, Some(Flaw::LevelIsNotPutBack)) | (rules::After::Gone, _) => false,
            (rules::After::Back, _) => true,
        };
        if put_back {
            self.list(id, Reason::PutBack);
            if let Some(epoll) = self.epolls.get_mut(&ep)
                && flaw == Some(Flaw::LevelGoesToTheHead)
            {
                epoll.ready.rotate_right(1);
            }
            if flaw == Some(Flaw::InnerTellsOfPutBack) {
                self.tell_outer(ep);
            }
        }
        if let Some(scan) = self.scan(ep) {
            scan.out.push(Reported { data, mask });
        }
    }

    /// The end of a harvest (`ep_done_scan`): what it did not reach goes to the head, then what was
    /// woken meanwhile, oldest first, then what it put back. The next sleeper is woken if anything
    /// is left.
    fn done_scan(&mut self, ep: FileId) -> Vec<Reported> {
        let flaw = self.flaw;
        let Some(epoll) = self.epolls.get_mut(&ep) else { return Vec::new() };
        let Some(scan) = epoll.scan.take() else { return Vec::new() };
        let mut fresh = VecDeque::new();
        for id in scan.overflow {
            let Some(item) = self.items.get_mut(&id) else { continue };
            item.chained = false;
            if !item.linked && flaw != Some(Flaw::OverflowIsLost) {
                (item.linked, item.why) = (true, item.chained_why);
                if flaw == Some(Flaw::OverflowNewestFirst) {
                    fresh.push_front(id);
                } else {
                    fresh.push_back(id);
                }
            }
        }
        let back = std::mem::take(&mut epoll.ready);
        let [mut list, woken, back] = match flaw {
            Some(Flaw::OverflowAtTheTail) => [scan.batch, back, fresh],
            Some(Flaw::RestGoesToTheTail) => [fresh, back, scan.batch],
            _ => [scan.batch, fresh, back],
        };
        rules::merge(&mut list, woken, back);
        epoll.ready = list;
        if !epoll.ready.is_empty() && flaw != Some(Flaw::HarvestWakesNoNext) {
            self.wake_sleeper(ep);
        }
        scan.out
    }

    /// Poll of the epoll's own descriptor (`__ep_eventpoll_poll`): the entries before the first
    /// ready one are forgotten, that one stays.
    pub(super) fn poll_epoll(&mut self, ep: FileId) -> Mask {
        if self.not_frozen(ep).is_err() {
            return Mask::EMPTY;
        }
        if self.flawed(Flaw::PollBelievesTheList) {
            let listed = self.epolls.get(&ep).is_some_and(|epoll| !epoll.ready.is_empty());
            return if listed { READABLE } else { Mask::EMPTY };
        }
        self.start_scan(ep, 0, false);
        let mut answer = Mask::EMPTY;
        let mut kept = VecDeque::new();
        while let Some(id) = self.scan(ep).and_then(|scan| scan.batch.front().copied()) {
            let ready = !self.poll_item(id).is_empty();
            if ready {
                answer = READABLE;
            }
            if ready && !self.flawed(Flaw::PollTakesTheEntry) {
                break;
            }
            if let Some(scan) = self.scan(ep) {
                scan.batch.pop_front();
            }
            if self.flawed(Flaw::PollKeepsStale) {
                kept.push_back(id);
            } else if let Some(item) = self.items.get_mut(&id) {
                item.linked = false;
            }
            if ready {
                break;
            }
        }
        if let Some(scan) = self.scan(ep) {
            scan.batch = kept.into_iter().chain(scan.batch.drain(..)).collect();
        }
        self.done_scan(ep);
        answer
    }

    /// What polling the epoll would answer, without touching its list.
    pub(super) fn peek_epoll(&self, ep: FileId) -> Mask {
        let ready = |id: &ItemId| {
            let Some(item) = self.items.get(id) else { return false };
            self.peek_file(item.key.file).any(item.mask)
        };
        let listed = self.epolls.get(&ep).is_some_and(|epoll| epoll.ready.iter().any(ready));
        if listed { READABLE } else { Mask::EMPTY }
    }
}
