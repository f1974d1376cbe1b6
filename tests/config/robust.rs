//! No text whatever makes the loader panic, and what it says always has a place.

use std::path::Path;

use landfall::config;
use proptest::prelude::*;

fn read(text: &str) {
    if let Err(errors) = config::parse(text, Path::new("no-such-directory"), "x.yaml") {
        assert!(!errors.errors.is_empty());
        for problem in &errors.errors {
            assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty(), "{problem}");
            assert!(!problem.message.contains('\n'), "{problem}");
        }
    }
}

/// Words and signs that mean something in a configuration.
fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "identities",
        "shop",
        "from",
        "a@b.example",
        "routes",
        "relay",
        "identity",
        "smtp",
        "mx",
        "host",
        "port",
        "587",
        "tls",
        "mailboxes",
        "address",
        "imap",
        "password",
        "password_env",
        "PATH",
        "folders",
        "spam",
        "probes",
        "all",
        "every",
        "15m",
        "expect",
        "inbox",
        "provider",
        "gmail",
        "store",
        "sqlite:x",
        "dns",
        "servers",
        "127.0.0.1",
        "catalog",
        "providers",
        "objectives",
        "target",
        "99%",
        "<<",
        "&a",
        "*a",
        "!t",
        "---",
        "...",
        "null",
        "~",
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        ":\n  ",
        ":\n    ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "\"",
        "'",
        "|\n",
        ">\n",
        "#",
        "? ",
        "%YAML 1.2\n",
        "\t",
        "\u{feff}",
        "\u{85}",
        "é",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn almost_a_configuration(text in pieces()) {
        read(&text);
    }

    /// Any one piece of a good file replaced by anything.
    #[test]
    fn a_good_file_with_a_wound(at in 0..3000_usize, length in 0..40_usize, text in "\\PC{0,12}") {
        let good = include_str!("../data/config/good/everything.yaml");
        let chars: Vec<_> = good.chars().collect();
        let at = at.min(chars.len());
        let end = (at + length).min(chars.len());
        let wounded: String = chars[..at].iter().copied().chain(text.chars()).chain(chars[end..].iter().copied()).collect();
        read(&wounded);
    }
}
