//! What is kept, told once more to whoever writes it down elsewhere.

use super::Journal;
use crate::event::{Event, Kind, Seq};
use crate::model::World;

/// What is told.
#[derive(Clone, Copy, Debug)]
pub enum RetoldItem<'a> {
    /// An event, and the world after it.
    Event(&'a Event, &'a World),
    /// The events before it are not to be had: it goes on from this world.
    World(&'a World),
}

/// A journal that is being told once more, a part at a time.
#[derive(Clone, Debug)]
pub struct Retelling {
    world: World,
    next: Seq,
    /// The next event may come after others that are not to be had.
    torn: bool,
}

impl Retelling {
    /// Begins with that event, before which the world is this one.
    pub fn new(world: World, first: Seq) -> Self {
        Self { world, next: first, torn: false }
    }

    /// The world as far as it has been told.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The next event that has not been told.
    pub fn next(&self) -> Seq {
        self.next
    }

    /// Goes on, up to before `end`, as long as `take` wants to be told.
    pub fn go_on(
        &mut self,
        journal: &Journal,
        end: Seq,
        mut take: impl FnMut(RetoldItem<'_>) -> bool,
    ) {
        let Self { world, next, torn } = self;
        let mut wanted = true;
        journal.forward_from(*next, |event| {
            if event.seq >= end {
                return false;
            }
            if *torn || event.seq > *next {
                *world = journal.before(event.seq);
                wanted = take(RetoldItem::World(world));
            }
            (*next, *torn) = (event.seq.next(), false);
            if wanted && !stands_for_others(event, journal) {
                world.apply(event);
                wanted = take(RetoldItem::Event(event, world));
            }
            wanted && *next < end
        });
        if wanted && *next < end {
            (*next, *torn) = (end, true);
        }
    }
}

/// Whether it stands in the place of events that are not to be had: what did not come is no event.
fn stands_for_others(event: &Event, journal: &Journal) -> bool {
    let many = matches!(event.kind, Kind::Gap { lost } if lost > 1);
    // An event that tells of a loss has a place of its own, and the next one follows it.
    many && journal.get(event.seq.next()).is_none() && journal.last() > Some(event.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fd, FileId, FileKind, LaneId, Nanos};
    use crate::journal::Limits;

    fn opened(n: u32) -> Event {
        let (fd, file) = (Fd(i32::try_from(n).expect("a number")), FileId(n));
        let kind = Kind::Open { fd, file, what: FileKind::Pipe, name: "p".into() };
        Event { seq: Seq(n.into()), t: Nanos(u64::from(n) * 10), lane: LaneId(1), kind }
    }

    #[test]
    fn whatever_the_parts_are_what_is_missing_is_passed_over_by_a_world() {
        let (mut journal, mut world) = (Journal::new(Limits::default()), World::default());
        let push = |journal: &mut Journal, world: &mut World, n| {
            world.apply(&opened(n));
            journal.push(&opened(n), world);
        };
        (1..=10).for_each(|n| push(&mut journal, &mut world, n));
        let mut lost = world.clone();
        let gap = Kind::Gap { lost: 10 };
        lost.apply(&Event { seq: Seq(11), t: Nanos(200), lane: LaneId::TOOL, kind: gap });
        journal.skip(Seq(20), Nanos(200), &lost);
        (11..=20).for_each(|n| world.apply(&opened(n)));
        journal.resume(&world);
        (21..=30).for_each(|n| push(&mut journal, &mut world, n));
        for part in [1, 3, 7, 10, 11, 100] {
            let (mut told, mut events) = (Retelling::new(World::default(), Seq(1)), Vec::new());
            let mut worlds = Vec::new();
            while told.next() <= Seq(30) {
                let end = Seq(told.next().0 + part).min(Seq(31));
                told.go_on(&journal, end, |told| {
                    match told {
                        RetoldItem::Event(event, after) => {
                            assert_eq!(after.seq, event.seq);
                            events.push(event.seq.0);
                        }
                        RetoldItem::World(world) => worlds.push((events.len(), world.seq)),
                    }
                    true
                });
            }
            assert_eq!(events, (1..=10).chain(21..=30).collect::<Vec<_>>(), "{part}");
            assert_eq!(worlds, [(10, Seq(20))], "{part}");
            assert_eq!(told.world().files, world.files, "{part}");
        }
    }
}
