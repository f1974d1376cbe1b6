//! Any bytes as the value of an ARC-Seal and of an ARC-Message-Signature: instances are from 1 to 50, and no signed field is a seal.
#![no_main]

use landfall::syntax::arc::{MAX_INSTANCE, parse_message_signature, parse_seal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    if let Ok(seal) = parse_seal(value) {
        assert!((1..=MAX_INSTANCE).contains(&seal.instance) && value.get(seal.signature.value_span).is_some());
    }
    if let Ok((instance, signature)) = parse_message_signature(value) {
        assert!((1..=MAX_INSTANCE).contains(&instance));
        assert!(!signature.signed.iter().any(|name| name.eq_ignore_ascii_case("arc-seal")));
    }
});
