//! Tellings for tests, changed bit by bit: `epoll`, `pipe`, then what is watched, ready and unread.

use crate::event::{
    Fd, FileId, FileKind, Kind, LaneId, ListSource, Mask, Reason, Told, ToldFile, ToldInstance,
    ToldThread, ToldWatch, WatchKey,
};

/// What the next telling says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Teller {
    instances: Vec<ToldInstance>,
    files: Vec<ToldFile>,
    threads: Vec<ToldThread>,
    agreed: u64,
}

impl Teller {
    /// One main thread, nothing else.
    pub(crate) fn new() -> Self {
        let mut teller = Self::default();
        teller.thread(1, "main");
        teller
    }

    pub(crate) fn thread(&mut self, lane: u16, name: &str) -> &mut Self {
        let lane = LaneId(lane);
        self.threads.push(ToldThread { lane, name: name.into(), tid: 100, asleep_in: None });
        self
    }

    pub(crate) fn file(&mut self, fd: i32, name: &str, what: FileKind) -> &mut Self {
        self.files.push(ToldFile {
            id: FileId(100 + fd.unsigned_abs()),
            what,
            name: name.into(),
            fds: [Fd(fd)].into(),
            poll: Mask::EMPTY,
            unread: (what != FileKind::PipeWriter).then_some(0),
            unsent: None,
        });
        self
    }

    /// A pipe with its two ends.
    pub(crate) fn pipe(&mut self, name: &str, read: i32) -> &mut Self {
        self.file(read, &format!("{name}.r"), FileKind::Pipe);
        self.file(read + 1, &format!("{name}.w"), FileKind::PipeWriter);
        self.poll(read + 1, Mask::OUT)
    }

    pub(crate) fn epoll(&mut self, fd: i32, name: &str) -> &mut Self {
        self.file(fd, name, FileKind::Epoll);
        self.instances.push(ToldInstance {
            fd: Fd(fd),
            file: FileId(100 + fd.unsigned_abs()),
            name: name.into(),
            interest: Box::default(),
            interest_read: true,
            ready: Box::default(),
            overflow: None,
            asleep: Box::default(),
            source: ListSource::Model,
        });
        self
    }

    fn named(&mut self, fd: i32) -> &mut ToldFile {
        self.files
            .iter_mut()
            .find(|file| file.fds.contains(&Fd(fd)))
            .expect("a file of the telling")
    }

    /// The registration key of a number.
    pub(crate) fn key(fd: i32) -> WatchKey {
        WatchKey { fd: Fd(fd), file: FileId(100 + fd.unsigned_abs()) }
    }

    fn instance(&mut self, fd: i32) -> &mut ToldInstance {
        self.instances.iter_mut().find(|i| i.fd == Fd(fd)).expect("an instance of the telling")
    }

    pub(crate) fn poll(&mut self, fd: i32, mask: Mask) -> &mut Self {
        self.named(fd).poll = mask;
        self
    }

    /// So much is to be read there.
    pub(crate) fn unread(&mut self, fd: i32, n: u64) -> &mut Self {
        let file = self.named(fd);
        file.unread = Some(n);
        file.poll = file.poll.with(Mask::IN, n > 0);
        self
    }

    pub(crate) fn watch(&mut self, ep: i32, fd: i32, mask: Mask) -> &mut Self {
        let name = self.named(fd).name.clone();
        let key = Self::key(fd);
        let instance = self.instance(ep);
        let mut list: Vec<_> = instance.interest.iter().filter(|w| w.key != key).cloned().collect();
        list.push(ToldWatch { key, mask: mask | Mask::ALWAYS, name });
        instance.interest = list.into();
        self
    }

    pub(crate) fn disarm(&mut self, ep: i32, fd: i32) -> &mut Self {
        for watch in &mut self.instance(ep).interest {
            if watch.key == Self::key(fd) {
                watch.mask = watch.mask & Mask::PRIVATE;
            }
        }
        self
    }

    /// The last descriptor of a file is closed.
    pub(crate) fn close(&mut self, fd: i32) -> &mut Self {
        self.files.retain(|file| !file.fds.contains(&Fd(fd)));
        for instance in &mut self.instances {
            let kept = |watch: &&ToldWatch| watch.key.fd != Fd(fd);
            instance.interest = instance.interest.iter().filter(kept).cloned().collect();
            let kept = |(key, _): &&(WatchKey, Reason)| key.fd != Fd(fd);
            instance.ready = instance.ready.iter().filter(kept).copied().collect();
        }
        self
    }

    pub(crate) fn ready(&mut self, ep: i32, list: &[(i32, Reason)]) -> &mut Self {
        self.instance(ep).ready = list.iter().map(|(fd, why)| (Self::key(*fd), *why)).collect();
        self
    }

    pub(crate) fn overflow(&mut self, ep: i32, list: Option<&[i32]>) -> &mut Self {
        let keys = |list: &[i32]| list.iter().map(|fd| Self::key(*fd)).collect();
        self.instance(ep).overflow = list.map(keys);
        self
    }

    pub(crate) fn asleep(&mut self, ep: i32, lanes: &[u16]) -> &mut Self {
        self.instance(ep).asleep = lanes.iter().map(|lane| LaneId(*lane)).collect();
        self
    }

    /// The telling as it stands.
    pub(crate) fn tell(&mut self) -> Kind {
        self.agreed += 1;
        Kind::Told(Box::new(Told {
            instances: self.instances.clone().into(),
            files: self.files.clone().into(),
            threads: self.threads.clone().into(),
            agreed: self.agreed,
            diverged: 0,
        }))
    }
}
