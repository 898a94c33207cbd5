//! Random sequences on everything that the machine models.

use std::process::Stdio;

use crate::harness::program;

/// Sequences of the random test, and the processes that share them.
const SEQUENCES: u64 = 20_000;
const PROCESSES: u64 = 2;

/// `epollscope check --random` beside others of its kind: each in a process, whose descriptors are
/// its own.
#[test]
fn random_sequences_come_out_as_the_model_says() {
    let each = SEQUENCES / PROCESSES;
    let folder = std::env::temp_dir();
    let running: Vec<_> = (0..PROCESSES)
        .map(|n| {
            program()
                .args(["check", "--json", "--random", &each.to_string()])
                .args(["--seed", &(n * each).to_string()])
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(output.status.success(), "{line} in {}", folder.display());
        assert_eq!(line["sequences"], each);
        assert!(line["steps"].as_u64().unwrap() > 20 * each, "{line}");
        assert!(line["threaded"].as_u64().unwrap() > 100, "{line}");
        // Some TCP queues were full, behind which the end of a stream waits.
        assert!(line["filled"].as_u64().unwrap() > 50, "{line}");
        println!("{line}");
    }
}
