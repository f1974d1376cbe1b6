//! Any bytes as the value of a DKIM-Signature: what is read is bounded, and `b=` lies where it says.
#![no_main]

use landfall::syntax::dkim_signature::{MAX_FIELD, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| match parse(value) {
    Ok(read) => {
        assert!(value.len() <= MAX_FIELD);
        let span = value.get(read.signature.value_span.clone()).unwrap();
        assert!(!span.contains(&b';') && read.signature.value.len() <= span.len());
        assert!(!read.signed.is_empty() && !read.body_hash.is_empty());
        for name in [&read.signature.domain, &read.signature.selector] {
            assert!(!name.is_empty() && !name.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()));
        }
        assert!(read.identity.is_none_or(|identity| identity.contains('@')));
    }
    Err(error) => assert!(error.to_string().len() < 1_000),
});
