//! Commands that come with the end of the server.

use super::*;

#[test]
fn command_that_the_end_overtakes_is_answered() {
    for text in ["trigger all edge", "client", "threads 8", "pause", "delay 60000"] {
        for paused in [false, true] {
            let mut rig = rig(settings(|s| s.paused = paused));
            let numbers: Vec<_> = (0..20).map(|_| rig.send(text)).collect();
            rig.engine.shutdown(Duration::ZERO);
            let late = rig.send(text);
            for number in numbers.into_iter().chain([late]) {
                let phase = rig.end_of(number);
                assert_ne!(phase, CommandPhase::Accepted, "{text}");
            }
        }
    }
}

#[test]
fn commands_after_the_end_are_told_that_the_server_has_ended() {
    let mut rig = rig(Settings::default());
    rig.engine.shutdown(Duration::ZERO);
    for text in ["client", "trigger all edge"] {
        rig.fails(text, "the server has ended");
    }
}
