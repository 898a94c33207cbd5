//! What an event adds to the tracks.

use crate::event::{
    Call, CtlOp, Errno, Event, Fd, FileId, Kind, LaneChange, LaneId, Output, SyscallRecord,
    WatchKey,
};

use super::{Mark, Moment, Span, Timeline, TrackId};
use crate::model::{InterestEntry, LaneState, Reason, Sync, World};

impl Timeline {
    /// Folds an event that has just been folded into `world`.
    pub fn apply(&mut self, event: &Event, world: &World) {
        match &event.kind {
            Kind::Return(record) => self.returned(event, record, world),
            Kind::Wakeup(wakeup) => {
                if let Some(entry) = world.entry_at(wakeup.fd) {
                    self.mark(TrackId::Watch(entry.key), event, Moment::Arrive);
                }
            }
            Kind::Resync { .. } => self.compare(event, world),
            Kind::Gap { .. } => self.gap(event),
            Kind::Lane(LaneChange::Died(_)) => {
                self.mark(TrackId::Lane(event.lane), event, Moment::Close);
            }
            _ => {}
        }
        self.spans(event, world);
        self.lanes(event, world);
    }

    fn mark(&mut self, id: TrackId, event: &Event, what: Moment) {
        if matches!(id, TrackId::Lane(lane) if !lane.is_worker()) {
            return;
        }
        let cap = self.cap();
        let track = self.tracks.entry(id).or_default();
        track.push(Mark { t: event.t, seq: event.seq, what }, cap);
    }

    fn span(&mut self, id: TrackId, event: &Event, span: Span) {
        let track = self.tracks.entry(id).or_default();
        if track.span != Some(span) {
            track.span = Some(span);
            self.mark(id, event, Moment::Span(span));
        }
    }

    /// On the thread's track and on that of the file's registration.
    fn both(&mut self, event: &Event, fd: Fd, world: &World, what: Moment) {
        self.mark(TrackId::Lane(event.lane), event, what);
        if let Some(entry) = world.entry_at(fd) {
            self.mark(TrackId::Watch(entry.key), event, what);
        }
    }

    fn returned(&mut self, event: &Event, record: &SyscallRecord, world: &World) {
        let ret = record.ret;
        let moved = |moment| match (ret.value(), ret.errno()) {
            (Some(_), _) => moment,
            (_, Some(Errno::EAGAIN)) => Moment::Again,
            _ => Moment::Close,
        };
        match (record.call, &record.output) {
            (Call::EpollWait { .. }, Output::Events { events, .. }) => {
                self.mark(TrackId::Lane(event.lane), event, Moment::Report);
                for delivery in events {
                    let key = WatchKey { fd: delivery.fd, file: delivery.file };
                    if world.instance.interest.get(key).is_some() {
                        self.mark(TrackId::Watch(key), event, Moment::Report);
                    }
                }
            }
            (Call::Accept { fd }, _) => self.both(event, fd, world, moved(Moment::Accept)),
            (Call::Read { fd, .. }, _) => {
                let moment = if ret.value() == Some(0) { Moment::End } else { Moment::Read };
                self.both(event, fd, world, moved(moment));
            }
            (Call::Write { fd, .. } | Call::Send { fd, .. }, _) => {
                self.both(event, fd, world, moved(Moment::Write));
            }
            (Call::EpollCtl { op, fd, file, .. }, _) if ret.value().is_some() => {
                self.changed(event, op, WatchKey { fd, file }, world);
            }
            (Call::Close { fd }, _) if ret.value().is_some() => self.closed(event, fd, world),
            _ => {}
        }
    }

    fn changed(&mut self, event: &Event, op: CtlOp, key: WatchKey, world: &World) {
        let id = TrackId::Watch(key);
        self.mark(TrackId::Lane(event.lane), event, Moment::Changed);
        let Some(entry) = world.instance.interest.get(key) else {
            if op == CtlOp::Del && self.tracks.contains_key(&id) {
                self.leave(event, key);
            }
            return;
        };
        if op == CtlOp::Add {
            self.gone.retain(|gone| *gone != key);
        }
        self.mark(id, event, Moment::Changed);
        if !entry.listed {
            self.span(id, event, quiet(entry, world));
        }
    }

    fn closed(&mut self, event: &Event, fd: Fd, world: &World) {
        self.mark(TrackId::Lane(event.lane), event, Moment::Close);
        let low = TrackId::Watch(WatchKey { fd, file: FileId(0) });
        let high = TrackId::Watch(WatchKey { fd, file: FileId(u32::MAX) });
        let own: Vec<TrackId> = self
            .tracks
            .range(low..=high)
            .filter(|(_, track)| track.span != Some(Span::Gone))
            .map(|(id, _)| *id)
            .collect();
        for id in own {
            let TrackId::Watch(key) = id else { continue };
            let registered = world.instance.interest.get(key).is_some();
            if !registered {
                self.mark(id, event, Moment::Close);
                self.leave(event, key);
            } else if world.is_ghost(key) {
                self.mark(id, event, Moment::Close);
            }
        }
        // The last copy of a file may have had another number than its registration.
        if self.watched() != world.instance.interest.len() {
            self.compare(event, world);
        }
    }

    /// Tracks of registrations that are not gone.
    fn watched(&self) -> usize {
        let lanes = self.lanes.iter().flatten().count();
        self.tracks.len().saturating_sub(lanes + self.gone.len())
    }

    fn leave(&mut self, event: &Event, key: WatchKey) {
        self.span(TrackId::Watch(key), event, Span::Gone);
        self.gone.push_back(key);
        while self.gone.len() > Self::GONE {
            if let Some(oldest) = self.gone.pop_front() {
                self.tracks.remove(&TrackId::Watch(oldest));
            }
        }
    }

    /// Makes the set of tracks that of the interest list.
    fn compare(&mut self, event: &Event, world: &World) {
        let interest = &world.instance.interest;
        let left: Vec<WatchKey> = self
            .tracks
            .iter()
            .filter(|(_, track)| track.span != Some(Span::Gone))
            .filter_map(|(id, _)| match id {
                TrackId::Watch(key) if interest.get(*key).is_none() => Some(*key),
                _ => None,
            })
            .collect();
        for key in left {
            self.leave(event, key);
        }
        for entry in interest.iter() {
            let id = TrackId::Watch(entry.key);
            let known = self.tracks.get(&id).is_some_and(|track| track.span != Some(Span::Gone));
            if !known {
                self.gone.retain(|gone| *gone != entry.key);
                self.mark(id, event, Moment::Changed);
                self.span(id, event, now(entry, world));
            }
        }
    }

    fn gap(&mut self, event: &Event) {
        self.mark(TrackId::Lane(event.lane), event, Moment::Lost);
        if event.lane.is_worker() {
            self.lane_span(event, event.lane, Span::Unknown);
        }
        for id in self.live() {
            self.mark(id, event, Moment::Lost);
        }
        self.forget_spans(event);
    }

    fn live(&self) -> Vec<TrackId> {
        let live = |id: &TrackId, span: Option<Span>| {
            matches!(id, TrackId::Watch(_)) && span != Some(Span::Gone)
        };
        self.tracks.iter().filter(|(id, track)| live(id, track.span)).map(|(id, _)| *id).collect()
    }

    /// Which registrations are listed is not known any more.
    fn forget_spans(&mut self, event: &Event) {
        for id in self.live() {
            self.span(id, event, Span::Unknown);
        }
        self.lost = true;
    }

    /// The spans of registrations: the ready list's changes.
    fn spans(&mut self, event: &Event, world: &World) {
        match world.instance.check.sync {
            Sync::Following if self.lost && !matches!(event.kind, Kind::Gap { .. }) => {
                self.lost = false;
                for ready in world.instance.ready.iter() {
                    self.span(TrackId::Watch(ready.key), event, listed(ready.why));
                }
                for entry in world.instance.interest.iter().filter(|entry| !entry.listed) {
                    self.span(TrackId::Watch(entry.key), event, quiet(entry, world));
                }
            }
            Sync::Lost | Sync::Unknown if !self.lost => self.forget_spans(event),
            _ => {}
        }
        for ready in &world.delta.added {
            self.span(TrackId::Watch(ready.key), event, listed(ready.why));
        }
        for key in &world.delta.removed {
            // What was put back at once has its span already; what is gone has none.
            if let Some(entry) = world.instance.interest.get(*key).filter(|e| !e.listed) {
                self.span(TrackId::Watch(*key), event, quiet(entry, world));
            }
        }
    }

    fn lanes(&mut self, event: &Event, world: &World) {
        for lane in &world.lanes {
            let span = match lane.state {
                LaneState::Unstarted => continue,
                LaneState::Running | LaneState::Harvesting(_) => Span::Running,
                LaneState::Held(_) => Span::Held,
                LaneState::Asleep(_) => Span::Asleep,
                LaneState::Ended | LaneState::Died(_) => Span::Gone,
            };
            let last = self.lanes.get(usize::from(lane.id.0)).copied().flatten();
            // What was lost is known again by the thread's own next event.
            let known = last != Some(Span::Unknown)
                || (event.lane == lane.id && !matches!(event.kind, Kind::Gap { .. }));
            if last != Some(span) && known {
                self.lane_span(event, lane.id, span);
            }
        }
    }

    fn lane_span(&mut self, event: &Event, lane: LaneId, span: Span) {
        if let Some(last) = self.lanes.get_mut(usize::from(lane.0)) {
            *last = Some(span);
        }
        self.span(TrackId::Lane(lane), event, span);
    }
}

fn listed(why: Reason) -> Span {
    match why {
        Reason::PutBack => Span::PutBack,
        Reason::Perhaps => Span::Unknown,
        _ => Span::Ready,
    }
}

/// The span of a registration that is not on the modelled list.
fn quiet(entry: &InterestEntry, world: &World) -> Span {
    match world.instance.check.sync {
        Sync::Following => Span::Quiet(entry.trigger()),
        Sync::Lost | Sync::Unknown => Span::Unknown,
    }
}

/// The span of a registration as it stands, without an event of its own.
fn now(entry: &InterestEntry, world: &World) -> Span {
    if entry.listed {
        let why = world.instance.ready.find(entry.key).map(|(_, ready)| ready.why);
        why.map_or(Span::Ready, listed)
    } else {
        quiet(entry, world)
    }
}
