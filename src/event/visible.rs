//! Bytes of strangers made fit to be shown.

/// Shows `bytes` as text of at most `max` columns.
pub fn visible(bytes: &[u8], max: usize) -> String {
    String::from_utf8_lossy(bytes).escape_debug().take(max).collect()
}
