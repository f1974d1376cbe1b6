//! Any bytes as a message: its fields are parts of it, in order, and can be unfolded.
#![no_main]

use landfall::syntax::header::{MAX_FIELDS, MAX_VALUE, fields};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let (mut count, mut total) = (0, 0);
    for field in fields(message) {
        count += 1;
        total += field.name.len() + 1 + field.raw.len();
        assert!(!field.name.is_empty() && !field.name.contains(':') && field.raw.len() <= MAX_VALUE);
        let value = field.unfold();
        assert!(value.len() <= 3 * field.raw.len() && !value.contains(char::is_control));
    }
    assert!(count <= MAX_FIELDS && total <= message.len());
});
