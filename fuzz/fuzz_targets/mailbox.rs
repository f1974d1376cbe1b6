//! Any bytes as the value of an address field: no panic, and what is found is one mailbox.
#![no_main]

use landfall::syntax::mailbox::single;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let value = String::from_utf8_lossy(value);
    if let Some(mailbox) = single(&value) {
        assert!(!mailbox.local_part.is_empty() && !mailbox.domain.is_empty());
        assert!(!mailbox.domain.contains(['@', '<', '>', ',', ' ', '"', '(', ')']));
        assert!(mailbox.address().len() <= value.len());
    }
});
