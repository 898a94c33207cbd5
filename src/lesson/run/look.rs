//! What there is to see after a step: the lists, as observed and as read by whoever shows them.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    FileId, FileRead, Kind, ListEntries, ListRead, Mask, Provenance, Syscall, ThreadSeen, WatchKey,
    WatchRead,
};
use crate::kernel::fdinfo::Registration;
use crate::lesson::case::{Entry, Label};
use crate::lesson::table::MAIN;
use crate::sim::{InstanceView, WatchView};

use super::step::StepContext;
use super::{RunError, Runner};

impl Runner {
    /// Looks at everything, by kernel and model.
    pub(super) fn look(&mut self, doing: &mut StepContext) -> Result<(), RunError> {
        let workers = self.real.workers().iter();
        let mut asleep: Vec<_> =
            workers.filter(|worker| worker.called).map(|worker| worker.name.clone()).collect();
        asleep.sort();
        doing.kernel.asleep = asleep;
        let lanes = self.model.machine.asleep();
        let mut asleep: Vec<_> = lanes.into_iter().map(|lane| self.name_of(lane)).collect();
        asleep.sort();
        doing.model.asleep = asleep;
        for (label, fd) in self.real.rings() {
            if let Some(state) = self.real.ring_state(fd) {
                doing.kernel.rings.insert(label.clone(), state);
            }
            if let Some(state) = self.model.machine.ring_state(fd) {
                doing.model.rings.insert(label, state);
            }
        }
        let views: Vec<_> = self.model.machine.instances().collect();
        for view in views {
            self.look_at(doing, &view)?;
        }
        Ok(())
    }

    fn look_at(&mut self, doing: &mut StepContext, view: &InstanceView) -> Result<(), RunError> {
        let name = self.name_of_instance(view);
        let labels = |list: &[WatchView]| -> Vec<Label> {
            list.iter().map(|watch| self.label_of(watch.data)).collect()
        };
        doing.model.rdl.insert(name.clone(), labels(&view.ready));
        if let Some(overflow) = &view.overflow {
            doing.model.ovf.insert(name.clone(), labels(overflow));
        }
        if let Some(lists) = self.source.lists(view) {
            let labels = |list: &[u64]| list.iter().map(|data| self.label_of(*data)).collect();
            doing.kernel.rdl.insert(name.clone(), labels(&lists.ready));
            if let Some(overflow) = &lists.overflow {
                doing.kernel.ovf.insert(name.clone(), labels(overflow));
            }
        }
        let held = view.overflow.is_some() || self.real.frozen().any(|ep| ep == view.file);
        let open = self.real.table.file_at(view.fd).is_some_and(|file| file.id == view.file);
        if held || !open {
            self.fdinfo.remove(&view.file);
            return Ok(());
        }
        let list = self.real.interest(view.fd)?;
        let model: Vec<_> = view.interest.iter().map(registration).collect();
        let kernel = self.entries(&list);
        let model = self.entries(&model);
        doing.kernel.interest.insert(name.clone(), kernel);
        doing.model.interest.insert(name, model);
        self.fdinfo.insert(view.file, list);
        Ok(())
    }

    /// Registrations as a file says them, sorted by label.
    fn entries(&self, list: &[Registration]) -> Vec<Entry> {
        let entry = |line: &Registration| Entry {
            label: self.label_of(line.data),
            mask: Mask(line.events),
        };
        let mut entries: Vec<_> = list.iter().map(entry).collect();
        entries.sort_by(|a, b| (&a.label, a.mask.0).cmp(&(&b.label, b.mask.0)));
        entries
    }

    /// What an instance is called: by the label of the number that it has, or had. No two are
    /// called the same.
    fn name_of_instance(&self, view: &InstanceView) -> Label {
        let table = &self.real.table;
        let named = table
            .label_at(view.fd)
            .filter(|_| table.file_at(view.fd).is_some_and(|file| file.id == view.file));
        if let Some(label) = named {
            return label.clone();
        }
        let Some(file) = table.file(view.file) else { return Label::new("?") };
        if table.is_open(&file.name) || table.made_again(file) {
            return Label::new(format!("{}, file {}", file.name, file.id.0));
        }
        file.name.clone()
    }

    /// The open labels of epoll instances that go by another one.
    pub(super) fn duplicates(&self) -> BTreeMap<Label, Label> {
        let table = &self.real.table;
        let others = |view: InstanceView| {
            let name = self.name_of_instance(&view);
            let fds = table.file(view.file).map(|file| file.fds.clone()).unwrap_or_default();
            let labels = fds.into_iter().filter_map(|fd| table.label_at(fd).cloned());
            let others: Vec<_> = labels.filter(|label| *label != name).collect();
            others.into_iter().map(move |label| (label, name.clone()))
        };
        self.model.machine.instances().flat_map(others).collect()
    }

    /// Everything as it is now, for whoever shows it.
    pub(super) fn picture(&self) -> Vec<Kind> {
        let mut look = vec![Kind::Files { by: Provenance::Model, files: self.files() }];
        for view in self.model.machine.instances() {
            let name = self.name_of_instance(&view).as_str().into();
            look.push(Kind::Poller { file: view.file, fd: view.fd, name });
            let lists = self.lists(&view).into_iter();
            look.extend(
                lists.map(|(by, list)| Kind::ListRead(ListRead { poller: view.file, by, list })),
            );
        }
        look.push(Kind::Threads(self.threads()));
        look.push(Kind::Compared { agreed: self.agreed, diverged: self.diverged });
        look
    }

    fn lists(&self, view: &InstanceView) -> [(Provenance, ListEntries); 4] {
        let by = self.source.source();
        let keys = |list: &[WatchView]| list.iter().map(|watch| watch.key).collect();
        let model = || {
            let watches = view.interest.iter();
            watches.map(|watch| self.watch(watch.key, registration(watch))).collect()
        };
        let interest = match self.fdinfo.get(&view.file) {
            Some(list) => (Provenance::Fdinfo, self.interest_read(view, list)),
            None => (Provenance::Model, model()),
        };
        let ready = view.ready.iter().map(|watch| (watch.key, watch.why)).collect();
        [
            (interest.0, ListEntries::Interest(interest.1)),
            (by, ListEntries::Overflow(view.overflow.as_deref().map(keys))),
            (by, ListEntries::Ready(ready)),
            (by, ListEntries::Waiting(view.asleep.iter().copied().collect())),
        ]
    }

    /// The kernel's interest list in the order of the registrations, which only the model knows.
    fn interest_read(&self, view: &InstanceView, list: &[Registration]) -> Box<[WatchRead]> {
        let known: BTreeSet<_> = view.interest.iter().map(|watch| watch.data).collect();
        let lines: BTreeMap<_, _> = list.iter().map(|line| (line.data, line)).collect();
        let in_order = view.interest.iter().filter_map(|watch| {
            let line = lines.get(&watch.data)?;
            Some(self.watch(watch.key, **line))
        });
        let unknown = list.iter().filter(|line| !known.contains(&line.data)).map(|line| {
            let file = self.tag_of(line.data).map_or(FileId(0), |tag| tag.file);
            self.watch(WatchKey { fd: line.fd, file }, *line)
        });
        in_order.chain(unknown).collect()
    }

    fn watch(&self, key: WatchKey, line: Registration) -> WatchRead {
        let name = self.label_of(line.data).as_str().into();
        WatchRead { key, mask: Mask(line.events), name }
    }

    fn files(&self) -> Box<[FileRead]> {
        let files = self.model.machine.files().map(|view| {
            let name = self.real.table.file(view.id).map(|file| file.name.as_str().into());
            FileRead {
                id: view.id,
                what: view.what,
                name: name.unwrap_or_default(),
                fds: view.fds.into(),
                poll: view.poll,
                unread: view.unread,
                unsent: view.unsent,
            }
        });
        files.collect()
    }

    fn threads(&self) -> Box<[ThreadSeen]> {
        let main =
            ThreadSeen { lane: MAIN, name: "main".into(), tid: self.real.tid, asleep_in: None };
        let workers = self.real.workers().iter().map(|worker| ThreadSeen {
            lane: worker.lane,
            name: worker.name.as_str().into(),
            tid: worker.tid,
            asleep_in: self
                .real
                .sleeper(worker.lane)
                .map(|sleeper| sleeper.call)
                .filter(|call| !matches!(call, Syscall::EpollWait { .. })),
        });
        std::iter::once(main).chain(workers).collect()
    }
}

fn registration(watch: &WatchView) -> Registration {
    Registration { fd: watch.key.fd, events: watch.mask.0, data: watch.data }
}
