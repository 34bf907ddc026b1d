//! The value of a `Date` field.

use std::io::Write;

/// An instant as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT` (9110 5.6.7).
pub fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // from 1 January 1970
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let is_leap = |year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in = |year, month| match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let (mut days, seconds) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let weekday = WEEKDAYS[(days % 7) as usize];
    let (mut year, mut month) = (1970, 0);
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        (year, month) = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
    }
    let (day, month) = (days + 1, MONTHS[month]);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = [b' '; 29];
    let _ = write!(&mut text[..], "{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT");
    text
}
