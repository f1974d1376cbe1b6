//! Any bytes as the value of an Authentication-Results header: no panic, bounded text, bounded count, no control characters.
#![no_main]

use landfall::syntax::authentication_results::{MAX_ITEMS, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let header = parse(value);
    let mut texts: Vec<&str> = header.orphans.iter().chain(&header.authserv_id).map(String::as_str).collect();
    let mut items = header.orphans.len();
    for result in &header.results {
        items += 1 + result.properties.len() + result.comments.len();
        texts.extend([result.method.as_str(), result.result.as_str()]);
        texts.extend(result.reason.iter().chain(&result.comments).map(String::as_str));
        for property in &result.properties {
            texts.extend(property.ptype.as_deref());
            texts.extend([property.property.as_str(), property.value.as_str()]);
        }
        assert!(!result.method.is_empty() && !result.result.is_empty());
    }
    assert!(items <= MAX_ITEMS);
    assert!(texts.iter().map(|text| text.len()).sum::<usize>() <= 3 * value.len() + MAX_ITEMS);
    assert!(!texts.iter().any(|text| text.chars().any(|c| c.is_ascii_control())));
    assert!(!header.no_result || header.results.is_empty());
});
