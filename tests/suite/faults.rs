//! What clients, limits and bad moments do to the server, on real sockets.

mod clients;
mod descriptors;
mod endings;
mod many;
pub(crate) mod payloads;
mod refused;

use serde_json::Value;

use crate::harness::Server;

fn is_refusal(line: &Value) -> bool {
    line["kind"] == "refused"
}

/// A server that still answers somebody new.
#[track_caller]
fn assert_answers(server: &Server) {
    let mut client = server.silent_client();
    client.send("still there?\n");
    client.expect("still there?\n");
}
