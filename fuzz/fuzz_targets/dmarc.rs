//! Any bytes as a TXT record: every span lies in it, and what was taken from it is part of it.
#![no_main]

use landfall::syntax::dmarc::{MAX_ITEMS, near_miss, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| {
    let Some(read) = parse(record) else {
        let _ = near_miss(record);
        return;
    };
    assert_eq!(near_miss(record), None);
    assert!(read.rua.len() <= MAX_ITEMS && read.ruf.len() <= MAX_ITEMS && read.historic.len() <= 3);
    for uri in read.rua.iter().chain(&read.ruf) {
        assert!(record[uri.span.clone()].starts_with(uri.value.as_bytes()));
    }
    for odd in &read.oddities {
        assert!(odd.span.start <= odd.span.end && odd.span.end <= record.len());
    }
    let _ = read.demand();
});
