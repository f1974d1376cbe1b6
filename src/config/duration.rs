//! Durations as Prometheus writes them: `500ms`, `2s`, `15m`, `1h30m`, `7d`, `2w`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::config::key::Form;

pub(super) static DURATION: Form =
    Form::new("a duration such as `500ms`, `15m` or `1h30m`").pattern("^([0-9]+(w|d|h|m|s|ms))+$");

/// Longest first, as they must be written.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// No duration in a configuration is longer: it is more likely a slip, and sums of them cannot overflow.
const MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Reads a duration. Units stand from long to short, each once.
///
/// # Errors
/// What is wrong with it; empty where it is no duration at all.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text.contains(char::is_whitespace) {
        return Err("it is written without spaces".to_owned());
    }
    if text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty() {
        return Err(format!("the unit is missing, such as `{text}s`"));
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| String::new())?;
        // `position` consumes the longer units too, so each may stand once, and only in order.
        let (_, millis) = units.find(|(name, _)| *name == unit).ok_or_else(|| match unit {
            "" => "the unit is missing".to_owned(),
            _ if UNITS.iter().any(|(name, _)| *name == unit) => format!("`{unit}` is out of order"),
            _ => format!("`{}` is no unit; w, d, h, m, s and ms are", cut(unit)),
        })?;
        total = number.checked_mul(*millis).and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        rest = after;
    }
    match Duration::from_millis(total) {
        _ if text.is_empty() => Err(String::new()),
        duration if duration > MAX => Err(too_long()),
        duration => Ok(duration),
    }
}

/// Writes a duration the way the configuration has it, such as `1h30m`, to the millisecond.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        let count = rest / millis;
        // 30d reads better than 4w2d.
        if count > 0 && (unit != "w" || rest.is_multiple_of(millis)) {
            let _ = write!(text, "{count}{unit}");
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn too_long() -> String {
    "more than ten years".to_owned()
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn cut(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_prometheus_writes() {
        for (text, millis) in
            [("500ms", 500), ("2s", 2000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("2w", 1_209_600_000), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, reason) in [
            ("15", "the unit is missing, such as `15s`"),
            ("1h30", "the unit is missing"),
            ("30m1h", "`h` is out of order"),
            ("1m1m", "`m` is out of order"),
            ("2 h", "it is written without spaces"),
            ("15min", "`min` is no unit; w, d, h, m, s and ms are"),
            ("9999w", "more than ten years"),
            ("99999999999999999999s", ""),
            ("9999999999999w", "more than ten years"),
            ("", ""),
            ("soon", ""),
            ("-5m", ""),
            ("1.5h", "the unit is missing"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 0..315_360_000_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
