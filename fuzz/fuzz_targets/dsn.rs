//! Any bytes as a message: what is read of it is bounded, on one line, and only of what looks like a notification.
#![no_main]

use landfall::syntax::dsn::{MAX_TEXT, MAX_TOKENS, may_be, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let Some(notice) = parse(message) else { return };
    assert!(may_be(message) && notice.tokens.len() <= MAX_TOKENS);
    let bounce = &notice.bounce;
    for text in [Some(&bounce.diagnostic), bounce.status.as_ref(), bounce.remote_mta.as_ref(), bounce.recipient.as_ref()] {
        assert!(text.is_none_or(|text| text.len() <= MAX_TEXT && !text.contains(char::is_control)));
    }
    assert!(bounce.code.is_none_or(|code| (400..600).contains(&code)));
});
