//! Any bytes as an SPF record and as an explanation: no panic, every word accounted for at its place, in order.
#![no_main]

use landfall::syntax::spf::{MacroString, Mechanism, Part, TermKind, explanation, is_spf_record, parse};
use libfuzzer_sys::fuzz_target;

fn check(text: &MacroString, within: usize) {
    assert!(text.parts.len() <= within);
    for part in &text.parts {
        match part {
            Part::Literal(literal) => assert!(!literal.is_empty() && !literal.contains('%')),
            Part::Macro(one) => assert!(one.keep != Some(0)),
            _ => {}
        }
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = explanation(input) {
        check(&text, input.len());
    }
    let record = [b"v=spf1 ", input].concat();
    assert!(is_spf_record(&record));
    assert!(is_spf_record(input) || parse(input).errors.len() == 1);
    let read = parse(&record);
    let words = record.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
    assert_eq!(read.terms.len() + read.errors.len() + 1, words);
    let mut end = 0;
    for term in &read.terms {
        assert!(term.span.start > end && term.span.end <= record.len());
        end = term.span.end;
        match &term.kind {
            TermKind::Directive(_, Mechanism::Ip4(_, prefix)) => assert!(*prefix <= 32),
            TermKind::Directive(_, Mechanism::Ip6(_, prefix)) => assert!(*prefix <= 128),
            TermKind::Directive(_, Mechanism::Include(domain)) | TermKind::Redirect(domain) => {
                assert!(!domain.parts.is_empty());
                check(domain, term.span.len());
            }
            _ => {}
        }
    }
    for error in &read.errors {
        assert!(error.span.end <= record.len() && error.found.chars().count() <= 60);
    }
});
