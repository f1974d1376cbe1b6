//! Any text as a folder's name: reading is total and bounded, and every name survives the wire.
#![no_main]

use landfall::syntax::utf7::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let name = decode(text);
    assert!(name.len() <= text.len() * 3 / 2);
    for name in [text, &name] {
        let wire = encode(name);
        assert!(wire.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(decode(&wire), name);
    }
});
