//! A case on the model alone: what is open and who sleeps is known before the kernel is asked.

use crate::event::FileKind;
#[cfg(test)]
use crate::lesson::case::Entry;
use crate::lesson::case::{Action, Actor, Label, Outcome};
use crate::lesson::interpret::{make_members, perform};
use crate::lesson::kernel::{Kernel as _, Observed};
use crate::lesson::model_kernel::ModelKernel;
use crate::sim::KernelModel;
#[cfg(test)]
use crate::sim::{InstanceView, WatchView};

/// Runs a case on the model.
#[derive(Clone, Debug)]
pub(super) struct ModelRunner {
    kernel: ModelKernel,
}

impl ModelRunner {
    /// One of a model that has seen nothing yet.
    pub(super) fn new(machine: KernelModel) -> Self {
        Self { kernel: ModelKernel::new(machine) }
    }

    /// The open descriptors, by number, with what each is.
    pub(super) fn open(&self) -> impl Iterator<Item = (&Label, FileKind)> {
        let ModelKernel { machine, table, .. } = &self.kernel;
        let open = table.numbers_open();
        open.filter_map(|(fd, label)| Some((label, machine.kind_under(fd)?)))
    }

    /// The labels that were closed.
    pub(super) fn closed(&self) -> impl Iterator<Item = &Label> {
        let table = &self.kernel.table;
        let closed = table.numbers().filter(|(label, fd)| table.label_at(*fd) != Some(*label));
        closed.map(|(label, _)| label)
    }

    /// Whether a thread is in a call.
    pub(super) fn sleeps(&self, thread: &Label) -> bool {
        let lane = self.kernel.table.lane_of(thread);
        lane.is_some_and(|lane| self.kernel.sleeps(lane))
    }

    /// The threads that are held in a harvest.
    pub(super) fn frozen(&self) -> Vec<Label> {
        self.kernel.frozen()
    }

    /// Whether the kernel leaves open what came of the steps so far.
    pub(super) fn is_open(&self) -> bool {
        self.kernel.machine.raced() || self.kernel.machine.stuck()
    }

    /// Makes the descriptors of an actor. Whether all could be made.
    pub(super) fn make(&mut self, actor: &Actor) -> bool {
        let made = make_members(&mut self.kernel, actor);
        !matches!(made, Err(_) | Ok(Some(Outcome::Errno(_))))
    }

    /// Makes one step. One that is refused does nothing, as on the kernel.
    pub(super) fn pass_over(&mut self, action: &Action) {
        self.kernel.seen = Observed::default();
        let _refused = perform(&mut self.kernel, action);
    }
}

#[cfg(test)]
impl ModelRunner {
    /// Makes one step, and tells what is to be seen after it.
    pub(super) fn play(&mut self, action: &Action) -> Observed {
        self.pass_over(action);
        let mut seen = std::mem::take(&mut self.kernel.seen);
        let asleep = self.kernel.machine.asleep().into_iter();
        seen.asleep = asleep.map(|lane| self.kernel.table.name_of(lane)).collect();
        seen.asleep.sort();
        for view in self.kernel.machine.instances() {
            self.look_at(&view, &mut seen);
        }
        seen
    }

    fn look_at(&self, view: &InstanceView, seen: &mut Observed) {
        let table = &self.kernel.table;
        let Some(name) = table.label_at(view.fd).cloned() else { return };
        let labels =
            |list: &[WatchView]| list.iter().map(|watch| table.label_of(watch.data)).collect();
        seen.rdl.insert(name.clone(), labels(&view.ready));
        if let Some(overflow) = &view.overflow {
            seen.ovf.insert(name, labels(overflow));
            return;
        }
        let entry =
            |watch: &WatchView| Entry { label: table.label_of(watch.data), mask: watch.mask };
        let mut entries: Vec<_> = view.interest.iter().map(entry).collect();
        entries.sort_by(|a, b| (&a.label, a.mask.0).cmp(&(&b.label, b.mask.0)));
        seen.interest.insert(name, entries);
    }
}
