//! Where the ready lists, the overflow lists and the sleepers of the epoll instances come from.

use crate::event::Provenance;
use crate::sim::InstanceView;

/// The lists of one instance, each registration by its `epoll_event.data`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// rdllist, head first.
    pub(crate) ready: Vec<u64>,
    /// ovflist, newest first; `None` while no harvest is running.
    pub(crate) overflow: Option<Vec<u64>>,
}

/// Something that knows those lists.
pub(crate) trait ReadySource {
    /// Whose knowledge it is.
    fn source(&self) -> Provenance;

    /// The lists of the instance that the model sees like this; `None` if it cannot tell now, or
    /// knows no more than the model.
    fn lists(&mut self, instance: &InstanceView) -> Option<Lists>;
}

/// The model itself: the kernel shows these lists to nobody without privilege.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ByModel;

impl ReadySource for ByModel {
    fn source(&self) -> Provenance {
        Provenance::Model
    }

    fn lists(&mut self, _instance: &InstanceView) -> Option<Lists> {
        None
    }
}
