//! Which kernel this is.

use crate::event::visible;

/// `Linux 6.18.1`, from proc_sys_kernel(5); `Linux` if it does not say.
pub fn release() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What a distribution appends says nothing about epoll.
    let number = text.trim().split(['-', '+', '_']).next().unwrap_or_default();
    let number = visible(number.as_bytes(), 30);
    format!("Linux {number}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_release_has_a_number() {
        let release = super::release();
        let number = release.strip_prefix("Linux ").expect("its name comes first");
        assert!(number.starts_with(|c: char| c.is_ascii_digit()), "{release}");
    }
}
