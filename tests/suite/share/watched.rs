//! The program looks on at another one.

use super::CODE;
use super::live::{address, start};
use crate::pty::Terminal;

#[test]
fn the_whole_tool_looks_on() {
    let mut teacher = start(&[]);
    let address = address(&teacher);
    let mut viewer = Terminal::start(40, 120, &["watch", &format!("{address}/{CODE}")]);
    viewer.shows("WATCHING 127.0.0.1");
    teacher.keys("c");
    viewer.shows("built-in 127.0.0.1");
    teacher.keys("3");
    let calls_alone = |screen: &str| screen.contains("Calls") && !screen.contains("Ready list");
    viewer.until("the teacher's view", calls_alone);
    viewer.keys("1");
    viewer.until("its own", |screen| screen.contains("Ready list") && screen.contains("own view"));
    teacher.keys("2");
    teacher.until("the timeline", |screen| !screen.contains("Ready list"));
    viewer.keys(":pause\r");
    viewer.shows("who looks on asks nothing of the server");
    viewer.keys("[");
    viewer.shows("PAST");
    viewer.keys("V");
    viewer.until("the teacher's view", |screen| {
        screen.contains("follows the teacher's view") && !screen.contains("Ready list")
    });
    teacher.keys("q");
    assert!(teacher.ended().success());
    viewer.shows("the session has ended; what came can be replayed and exported");
    viewer.keys("[");
    viewer.shows("PAST");
    viewer.keys("q");
    assert!(viewer.ended().success());
}
