//! A time as people write it.

/// Year, month, day, hour, minute and second, so many seconds after the Epoch (time(7)): in UTC, in
/// the Gregorian calendar.
pub(crate) fn utc(seconds: u64) -> [u64; 6] {
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    [year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60]
}

/// The date so many days after 1970-01-01, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        // As date(1) says: date -u -d @$((days * 86400)) +%F
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_786, (2026, 11, 29)),
            (20_818, (2026, 12, 31)),
            (20_819, (2027, 1, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn seconds_are_times_of_a_day() {
        // As date(1) says: date -u -d @1764403199 '+%F %T'
        assert_eq!(utc(1_764_403_199), [2025, 11, 29, 7, 59, 59]);
        assert_eq!(utc(0), [1970, 1, 1, 0, 0, 0]);
    }
}
