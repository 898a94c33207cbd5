//! What the process that serves viewers reports, as it comes: a thread sleeps until it does, so that
//! nobody looks for it in vain.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::wire::Reported;
use crate::sys::message::{MessageError, unpack};
use crate::sys::thread;

/// What has come: a report, or what is none.
pub(super) type Came = Result<Reported, MessageError>;

/// Reads reports until they end; for each, and for the end, `bell` is rung.
///
/// # Errors
/// If the system refuses the thread.
pub(super) fn listen(pipe: File, bell: impl Fn() + Send + 'static) -> io::Result<Receiver<Came>> {
    let (sender, reports) = channel();
    // It ends with the process, which nobody else's end of the pipe outlives.
    thread::spawn("reports", move || {
        pass_on(pipe, &sender, &bell);
        drop(sender);
        bell();
    })?;
    Ok(reports)
}

fn pass_on(mut pipe: File, to: &Sender<Came>, bell: &impl Fn()) {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
        while let Some(came) = unpack(&mut bytes).transpose() {
            let last = came.is_err();
            if to.send(came).is_err() || last {
                return;
            }
            bell();
        }
    }
}
