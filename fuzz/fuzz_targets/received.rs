//! Any bytes as the value of a Received field: its texts are bounded and without control characters.
#![no_main]

use landfall::syntax::received::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let hop = parse(value);
    let tls = hop.tls.unwrap_or_default();
    let texts = [hop.from, hop.helo, hop.by, hop.protocol, hop.id, hop.recipient, tls.version, tls.cipher];
    for text in texts.into_iter().flatten() {
        assert!(!text.contains(char::is_control) && text.len() <= 3 * value.len() + 8);
    }
});
