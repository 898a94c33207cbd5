//! What is left out of a recording is taken out of its events and worlds before they become bytes:
//! nothing behind the press can tell it.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::Hidden;
use crate::event::{
    Command, CommandPhase, Event, FileKind, Head, Kind, Output, Peer, SyscallRecord,
};
use crate::model::World;

/// What stands where a text was sent.
const SENT: &str = "(hidden)";

/// What is left out, and who has which number instead of a name.
pub struct Veil {
    payload: bool,
    /// The numbers of the peers so far by their names, if they are left out.
    peers: Option<FxHashMap<String, u32>>,
}

impl Veil {
    /// A veil over that.
    pub fn new(hidden: &[Hidden]) -> Self {
        let peers = hidden.contains(&Hidden::Peers).then(FxHashMap::default);
        Self { payload: hidden.contains(&Hidden::Payload), peers }
    }

    /// Whether anything is left out.
    pub(super) fn hides(&self) -> bool {
        self.payload || self.peers.is_some()
    }

    /// The event without what is left out.
    pub fn event<'a>(&mut self, event: &'a Event) -> Cow<'a, Event> {
        if !self.payload && self.peers.is_none() {
            return Cow::Borrowed(event);
        }
        let kind = match &event.kind {
            Kind::Return(record) => Kind::Return(self.record(record)),
            Kind::Reap { ring, name, op, cqe, data, admitted } => {
                let data = if self.payload { Head::new() } else { data.clone() };
                let mut admitted = admitted.clone();
                if let Some(admitted) = &mut admitted {
                    admitted.peer = self.peer(&admitted.peer);
                }
                let (ring, name, op, cqe) = (*ring, name.clone(), *op, *cqe);
                Kind::Reap { ring, name, op, cqe, data, admitted }
            }
            Kind::Open { fd, file, what: what @ (FileKind::Tcp | FileKind::Unix), name } => {
                Kind::Open { fd: *fd, file: *file, what: *what, name: self.text(name) }
            }
            Kind::Command { id, text, phase } => {
                let phase = match phase {
                    CommandPhase::Accepted => CommandPhase::Accepted,
                    CommandPhase::Done(remark) => {
                        CommandPhase::Done(remark.as_deref().map(|remark| self.text(remark)))
                    }
                    CommandPhase::Failed(why) => CommandPhase::Failed(self.text(why)),
                };
                Kind::Command { id: *id, text: self.command(text), phase }
            }
            // It is told before anything else names the client.
            Kind::Client(name) => {
                let peer = self.peer(&Peer::Unix { name: name.clone(), pid: 0 });
                Kind::Client(peer.name().into())
            }
            Kind::Note(text) => Kind::Note(self.text(text)),
            Kind::Mark(note) => Kind::Mark(self.text(note)),
            _ => return Cow::Borrowed(event),
        };
        Cow::Owned(Event { kind, ..*event })
    }

    /// The world without what is left out: it never has what was sent.
    pub fn world<'a>(&mut self, world: &'a World) -> Cow<'a, World> {
        if self.peers.is_none() {
            return Cow::Borrowed(world);
        }
        let mut world = world.clone();
        world.rename_peers(&mut |peer| self.peer(peer));
        for mark in &mut world.bookmarks {
            mark.note = self.text(&mark.note);
        }
        Cow::Owned(world)
    }

    fn record(&mut self, record: &SyscallRecord) -> SyscallRecord {
        let output = match &record.output {
            Output::Data(_) if self.payload => Output::None,
            Output::Accepted { file, peer } => {
                Output::Accepted { file: *file, peer: self.peer(peer) }
            }
            other => other.clone(),
        };
        SyscallRecord { output, ..record.clone() }
    }

    fn peer(&mut self, peer: &Peer) -> Peer {
        let unix = peer.is_unix();
        let Some(peers) = self.peers.as_mut() else { return peer.clone() };
        match peer {
            Peer::Unknown | Peer::Numbered { .. } => peer.clone(),
            Peer::Inet(_) | Peer::Unix { .. } => {
                let next = u32::try_from(peers.len()).unwrap_or(u32::MAX).saturating_add(1);
                let name = Some(peer.name()).filter(|name| !name.is_empty());
                let number = *peers.entry(name.unwrap_or_else(|| peer.to_string())).or_insert(next);
                Peer::Numbered { number, unix }
            }
        }
    }

    /// A command without what it has somebody send.
    fn command(&self, text: &str) -> Box<str> {
        match Command::parse(text) {
            Ok(Command::Send(target, _)) if self.payload => {
                Command::Send(target, SENT.to_owned()).to_string().into()
            }
            _ => self.text(text),
        }
    }

    /// A text without the names of peers.
    fn text(&self, text: &str) -> Box<str> {
        // An unnamed UNIX socket has no name that could stand in a text.
        let named = self.peers.iter().flatten();
        let mut there: Vec<_> = named
            .filter(|(name, _)| name.len() > "unix".len() && text.contains(name.as_str()))
            .collect();
        // One name may be the beginning of another.
        there.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let hide = |text: String, (name, number): (&String, &u32)| {
            text.replace(name, &Peer::Numbered { number: *number, unix: false }.to_string())
        };
        there.into_iter().fold(text.to_owned(), hide).into()
    }
}
