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
