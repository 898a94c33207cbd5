//! Goroutines that nobody will wake.

use crate::event::{Event, GoId};

use super::{Evidence, FindingKind, Findings, WatchIdentity};
use crate::model::{Netpoll, World};

impl Findings {
    /// A goroutine came to something.
    pub(super) fn goroutine(&mut self, go: GoId, event: &Event, world: &World) {
        let Some(key) = world.goroutine_key(go) else { return };
        match world.leaked(key.file).filter(|leaked| leaked.id == go) {
            Some(_) => {
                let others = world.netpoll().into_iter().flat_map(Netpoll::iter);
                let keys = others.filter_map(|go| go.key);
                let all = keys.filter(|key| world.leaked(key.file).is_some()).count() as u64;
                self.see(FindingKind::GoroutineLeak, key, event, |_| Evidence::Leaked {
                    go,
                    watch: WatchIdentity::of(world, key),
                    all,
                });
            }
            None => self.end(FindingKind::GoroutineLeak, key.file),
        }
    }
}
