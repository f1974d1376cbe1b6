//! Dates of mail (RFC 5322 §3.3, §4.3).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The point in time, or `None` where the text does not tell one.
///
/// The parts are known by their shape and not by their place, so that `Nov 22 10:00:00 2026 +0000` is read as well as the standard's
/// `Sun, 22 Nov 2026 10:00:00 +0000 (UTC)`; the day of the week is not looked at. A year of two digits is one of 1950 to 2049. A time
/// without a zone is not a point in time.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let text = without_comments(text.get(..text.floor_char_boundary(200))?);
    if let Ok(timestamp) = text.trim().parse() {
        return Some(timestamp);
    }
    let mut parts = Parts::default();
    for word in text.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty()) {
        parts.take(word);
    }
    let (hour, minute, second) = parts.time?;
    let date = DateTime::new(parts.year?, parts.month?, parts.day?, hour, minute, second, 0).ok()?;
    parts.zone?.to_timestamp(date).ok()
}

fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '(' => {
                depth += 1;
                kept.push(' ');
            }
            ')' => depth = depth.saturating_sub(1),
            plain if depth == 0 => kept.push(plain),
            _ => {}
        }
    }
    kept
}

#[derive(Default)]
struct Parts {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<(i8, i8, i8)>,
    zone: Option<Offset>,
}

impl Parts {
    fn take(&mut self, word: &str) {
        if self.time.is_some() && self.zone.is_none() {
            self.zone = zone(word);
            if self.zone.is_some() {
                return;
            }
        }
        if self.time.is_none() && word.contains(':') {
            self.time = time(word);
        } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
            self.number(word);
        } else if self.month.is_none() {
            self.month = month(word);
        }
    }

    /// The first number of one or two digits is the day, whatever comes then the year.
    fn number(&mut self, digits: &str) {
        if self.day.is_none() && digits.len() <= 2 {
            self.day = digits.parse().ok();
        } else if self.year.is_none() {
            // RFC 5322 §4.3: two digits up to 49 are of this century, two or three others count from 1900.
            self.year = digits.parse().ok().and_then(|year: i16| match digits.len() {
                2 if year < 50 => Some(2000 + year),
                2 | 3 => Some(1900 + year),
                4 => Some(year),
                _ => None,
            });
        }
    }
}

fn month(word: &str) -> Option<i8> {
    let start = word.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == start)?;
    i8::try_from(index + 1).ok()
}

/// Hours, minutes, and perhaps seconds with a fraction. A leap second is the one before it.
fn time(word: &str) -> Option<(i8, i8, i8)> {
    let mut parts = word.split(':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let second = match parts.next() {
        Some(second) => second.split('.').next()?.parse::<i8>().ok()?,
        None => 0,
    };
    parts.next().is_none().then_some((hour, minute, second.min(59)))
}

/// RFC 5322 §3.3 `zone` and §4.3 `obs-zone`; also with a colon.
fn zone(word: &str) -> Option<Offset> {
    let hours = |hours: i8| Offset::from_hours(hours).ok();
    match word.to_ascii_uppercase().as_str() {
        "UT" | "UTC" | "GMT" | "Z" => Some(Offset::UTC),
        "EDT" => hours(-4),
        "EST" | "CDT" => hours(-5),
        "CST" | "MDT" => hours(-6),
        "MST" | "PDT" => hours(-7),
        "PST" => hours(-8),
        offset => numeric(offset),
    }
}

fn numeric(word: &str) -> Option<Offset> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    Offset::from_seconds(sign * (number / 100 * 3_600 + number % 100 * 60)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates() {
        for (text, at) in [
            ("Sun, 22 Nov 2026 10:00:00 +0000", Some("2026-11-22T10:00:00Z")),
            (" Sun, 22 Nov 2026 18:00:00 +0800 (CST)", Some("2026-11-22T10:00:00Z")),
            ("22 Nov 2026 10:00 -0000", Some("2026-11-22T10:00:00Z")),
            ("Sun, 2 Nov 26 10:00:00 GMT", Some("2026-11-02T10:00:00Z")),
            ("Sun, 2 Nov 99 10:00:00 UT", Some("1999-11-02T10:00:00Z")),
            ("Sun, 2 Nov 126 10:00:00 Z", Some("2026-11-02T10:00:00Z")),
            ("Sun, 22 Nov 2026 02:00:00 PST", Some("2026-11-22T10:00:00Z")),
            ("Sun, 22 Nov 2026 06:00:00 EDT", Some("2026-11-22T10:00:00Z")),
            ("Sun, 22 Nov 2026 10:00:00.123 +0000 (UTC)", Some("2026-11-22T10:00:00Z")),
            ("Sun, 22 Nov 2026 15:30:00 +05:30", Some("2026-11-22T10:00:00Z")),
            ("Sun Nov 22 10:00:00 2026 +0000", Some("2026-11-22T10:00:00Z")),
            ("2026-11-22T10:00:00Z", Some("2026-11-22T10:00:00Z")),
            ("Sun,22 November 2026 10:00:60 UTC", Some("2026-11-22T10:00:59Z")),
            ("22 Nov (a comment (nested)) 2026 10:00:00 +0000", Some("2026-11-22T10:00:00Z")),
            ("Sun, 22 Nov 2026 10:00:00", None),
            ("Sun, 32 Nov 2026 10:00:00 +0000", None),
            ("Sun, 22 Nov 2026 25:00:00 +0000", None),
            ("Sun, 22 Nov 2026 10:00:00 +9999", None),
            ("Sun, 22 Nov 10:00:00 +0000", None),
            ("", None),
        ] {
            assert_eq!(parse_date(text), at.map(|at| at.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "\\PC{0,60}", likely in "[0-9]{0,4} [JFMA][a-z]{0,3} [0-9]{0,5} [0-9:]{0,9} [+-][0-9]{0,5}") {
            let _ = (parse_date(&text), parse_date(&likely));
        }

        #[test]
        fn what_was_written_is_read(seconds in -600_000_000_i64..2_000_000_000, minutes in -720_i32..840) {
            let at = Timestamp::from_second(seconds).unwrap();
            let zone = jiff::tz::TimeZone::fixed(Offset::from_seconds(minutes * 60).unwrap());
            let written = jiff::fmt::rfc2822::to_string(&at.to_zoned(zone)).unwrap();
            prop_assert_eq!(parse_date(&written), Some(at));
        }
    }
}
