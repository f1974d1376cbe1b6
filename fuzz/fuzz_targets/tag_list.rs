//! Any bytes as a tag list: names are unique, every value lies in its span, and the spans are in order.
#![no_main]

use std::collections::BTreeSet;

use landfall::syntax::tag_list::TagList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(list) = TagList::parse(text) else { return };
    assert!(!list.tags().is_empty());
    let (mut names, mut end) = (BTreeSet::new(), 0);
    for tag in list.tags() {
        assert!(names.insert(tag.name) && tag.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        assert!(tag.span.start > end && text[tag.span.start - 1] == b'=');
        assert!(str::from_utf8(&text[tag.span.clone()]).unwrap().contains(tag.value));
        assert!(!tag.value.contains(';'));
        end = tag.span.end;
    }
});
