//! Lines of `Name: value` as a spam filter's headers: numbers are finite and lists bounded.
#![no_main]

use landfall::model::SpamHeader;
use landfall::syntax::header::fields;
use landfall::syntax::spam_verdict::{MAX_TESTS, overrides, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let headers: Vec<_> =
        fields(message).map(|field| SpamHeader { name: field.name.to_owned(), value: field.unfold() }).collect();
    let verdicts = read(&headers);
    assert!(verdicts.len() <= headers.len() && overrides(&verdicts).len() <= 8);
    for verdict in verdicts {
        assert!(verdict.tests.len() <= MAX_TESTS);
        let numbers = verdict.tests.iter().filter_map(|test| test.score).chain(verdict.score).chain(verdict.threshold);
        assert!(numbers.into_iter().all(f64::is_finite));
    }
});
