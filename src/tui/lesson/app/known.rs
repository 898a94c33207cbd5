//! What a line of the learner's can name.

use std::collections::BTreeMap;

use crate::event::FileKind;
use crate::lesson::line::WhatIsOpen;
use crate::model::{LaneState, ThreadLane, World};

/// What a line of the learner's can name.
pub(super) fn known(world: &World) -> WhatIsOpen {
    let mut open: Vec<(String, FileKind)> = world
        .fds
        .iter()
        .filter_map(|(fd, file)| {
            let file = world.files.get(file)?;
            let name = world.label(*fd).map_or_else(|| file.name.to_string(), str::to_owned);
            Some((*fd, (name, file.what)))
        })
        .collect::<BTreeMap<_, _>>()
        .into_values()
        .collect();
    open.dedup_by(|one, other| one.0 == other.0);
    let closed = world.closed_labels().map(str::to_owned).collect();
    let asleep = |lane: &&ThreadLane| matches!(lane.state, LaneState::Asleep(_));
    let asleep = world.lanes.iter().filter(asleep).map(|lane| world.lane_name(lane.id)).collect();
    let frozen = world.pollers.epolls().filter(|(_, i)| i.overflow.is_some());
    let frozen = frozen.map(|(_, instance)| instance.name.to_string()).collect();
    WhatIsOpen { open, closed, asleep, frozen }
}
