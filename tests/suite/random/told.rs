//! A world that is told anything.

use epollscope::event::{Event, FileId, Kind, LaneId, Nanos, Seq, Told, WatchKey};
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

/// The ready list of an instance, of several with the same file that of the last.
fn listed(told: &Told, file: FileId) -> Vec<WatchKey> {
    let instance = told.instances.iter().rev().find(|instance| instance.file == file);
    instance.map_or_else(Vec::new, |i| i.ready.iter().map(|(key, _)| *key).collect())
}

fn fold(world: &mut World, timeline: &mut Timeline, kind: Kind, lane: LaneId) -> Event {
    let event = Event { seq: world.seq.next(), t: Nanos(world.t.0 + 1_000), lane, kind };
    world.apply(&event);
    timeline.apply(&event, world.through(None));
    event
}

proptest! {
    #[test]
    fn any_tellings_and_calls_can_be_folded_and_told_of(
        first in any::told(),
        kinds in vec((any::event(), any::told(), any::<bool>()), 0..24),
    ) {
        let (mut world, mut timeline) = (World::default(), Timeline::default());
        fold(&mut world, &mut timeline, Kind::Told(Box::new(first)), LaneId::TOOL);
        for (event, told, tells) in kinds {
            let kind = if tells { Kind::Told(Box::new(told.clone())) } else { event.kind };
            let lane = LaneId(event.lane.0 % 20);
            let event = fold(&mut world, &mut timeline, kind, lane);
            prop_assert_eq!(world.seq, event.seq);
            let view = world.through(None);
            if tells && let Some(file) = view.id {
                let ready: Vec<_> = view.instance.ready.iter().map(|entry| entry.key).collect();
                // Several instances of one file are none that there can be.
                let once = told.instances.iter().filter(|i| i.file == file).count() == 1;
                prop_assert!(!once || ready == listed(&told, file));
            }
            say(world.through_none(), &event);
            world.views().for_each(|view| say(view, &event));
        }
        prop_assert!(world.seq <= Seq(25));
    }
}
