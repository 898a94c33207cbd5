//! Whatever is in a recording, it is folded and painted, or refused.

use std::path::Path;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::event::{Seq, View};
use crate::record::{BlockKind, Recording, forged};
use crate::session::Session;
use crate::source::Replay;
use crate::tui;
use crate::tui::app::App;
use crate::tui::tests::painted;

/// The recordings that are kept, in order of their names.
fn kept() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "rec"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// Goes through it as a person would, in each view; whether it was one.
fn look_through(bytes: Vec<u8>) -> bool {
    let Ok(recording) = Recording::read(bytes) else { return false };
    let recording = Rc::new(recording);
    let journal = recording.journal();
    let until = journal.until().unwrap_or_default();
    let source = Replay::new(recording.head().header.clone(), until);
    let session = Session::of_journal(source, journal);
    let scene = session.scene(None);
    let mut app = App::default();
    let state = tui::ReplayState { name: "x.rec".to_owned(), speed: 4, idle: None };
    app.open_replay(state, None, &scene);
    for seq in [0, scene.live.seq.0 / 2, scene.live.seq.0] {
        app.go_to(Seq(seq), &scene);
        for view in View::ALL {
            app.ui.view = view;
            let screen = painted(&app, scene);
            assert!(screen.contains("REPLAY"), "{screen}");
        }
    }
    true
}

#[test]
fn the_recordings_that_are_kept_are_looked_through() {
    let kept = kept();
    assert!(kept.len() >= 6);
    for bytes in kept {
        assert!(look_through(bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The checksums are right: what was changed gets as far as it can.
    #[test]
    fn a_forged_recording_is_looked_through_or_refused(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 1..12),
    ) {
        let kept = kept();
        let bytes = forged(which.get::<Vec<u8>>(kept.as_slice()), |blocks| {
            for (block, place, byte) in changes {
                let packed = [BlockKind::Events, BlockKind::Key];
                let mut packed: Vec<_> =
                    blocks.iter_mut().filter(|block| packed.contains(&block.kind)).collect();
                let at = block.index(packed.len());
                let raw = &mut packed[at].raw;
                let at = place.index(raw.len());
                raw[at] = byte;
            }
        });
        look_through(bytes);
    }

    #[test]
    fn a_damaged_recording_is_looked_through_or_refused(
        which in any::<Index>(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>(), 0_u8..3), 1..8),
    ) {
        let kept = kept();
        let mut bytes: Vec<u8> = which.get(kept.as_slice()).clone();
        for (place, byte, how) in damage {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len() - 1).max(at))),
            }
        }
        look_through(bytes);
    }
}
