//! A world of a source that reads anything.

use epollscope::event::{Event, FileId, Kind, LaneId, ListEntries, ListRead, Nanos, WatchKey};
use epollscope::model::{EpollView, Timeline, World};
use epollscope::text::{Subject, changes, why};
use proptest::collection::vec;
use proptest::prelude::*;

use super::any;

/// Whatever says something of the world must be able to say it of any.
fn say(world: EpollView<'_>, event: &Event) {
    let _ = changes(&world);
    let _ = why(world, Subject::Event(event));
    for entry in world.instance.interest.iter() {
        let _ = why(world, Subject::Watch(entry.key));
    }
    for ready in world.instance.ready.iter() {
        let _ = why(world, Subject::Watch(ready.key));
    }
    for lane in &world.lanes {
        let _ = (why(world, Subject::Lane(lane.id)), world.lane_name(lane.id));
    }
}

/// The ready list of an instance, of several with the same file that of the last; `None` if it
/// was not looked at.
fn listed(look: &[Kind], file: FileId) -> Option<Vec<WatchKey>> {
    let ready = look.iter().rev().find_map(|kind| match kind {
        Kind::ListRead(ListRead { poller, list: ListEntries::Ready(ready), .. })
            if *poller == file =>
        {
            Some(ready)
        }
        _ => None,
    });
    ready.map(|ready| ready.iter().map(|(key, _)| *key).collect())
}

fn fold(world: &mut World, timeline: &mut Timeline, kind: Kind, lane: LaneId) -> Event {
    let event = Event { seq: world.seq.next(), t: Nanos(world.t.0 + 1_000), lane, kind };
    world.apply(&event);
    timeline.apply(&event, world.through(None));
    event
}

proptest! {
    #[test]
    fn any_looks_and_calls_can_be_folded_and_told_of(
        first in any::look(),
        kinds in vec((any::event(), any::look(), any::<bool>()), 0..24),
    ) {
        let (mut world, mut timeline) = (World::of_steps(), Timeline::default());
        for kind in first {
            fold(&mut world, &mut timeline, kind, LaneId::TOOL);
        }
        for (event, look, looks) in kinds {
            let lane = LaneId(event.lane.0 % 20);
            let kinds = if looks { look.clone() } else { vec![event.kind] };
            for kind in kinds {
                let event = fold(&mut world, &mut timeline, kind, lane);
                prop_assert_eq!(world.seq, event.seq);
                say(world.through_none(), &event);
                world.views().for_each(|view| say(view, &event));
            }
            let view = world.through(None);
            if looks && let Some(list) = view.id.and_then(|file| listed(&look, file)) {
                let ready: Vec<_> = view.instance.ready.iter().map(|entry| entry.key).collect();
                prop_assert_eq!(ready, list);
            }
        }
    }
}
