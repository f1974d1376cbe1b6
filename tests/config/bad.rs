//! Every `tests/data/config/bad/*.yaml` is refused with exactly the words in the `.txt` beside it.
//!
//! `UPDATE=1 cargo test --test config bad` writes the words anew, and fails, so that a run that checks nothing cannot pass for one
//! that does. Read the difference before you commit it.

use std::path::Path;

use landfall::config;

use crate::support::{files, name, project};

const DIRECTORY: &str = "tests/data/config/bad";

fn said(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    match config::parse(&text, &project(DIRECTORY), &name(path)) {
        Ok(_) => "it is good\n".to_owned(),
        Err(errors) => format!("{errors}\n"),
    }
}

#[test]
fn each_bad_file_is_refused_in_the_expected_words() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let bad = files(DIRECTORY, "yaml");
    assert!(bad.len() >= 35, "only {} bad files", bad.len());
    for path in &bad {
        let (said, words) = (said(path), path.with_extension("txt"));
        if update {
            std::fs::write(&words, &said).unwrap();
        } else if std::fs::read_to_string(&words).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", name(path)));
        }
    }
    assert!(!update, "wrote the expected words; read them, and run again without UPDATE");
    assert!(wrong.is_empty(), "said otherwise:\n\n{}", wrong.join("\n"));
}

#[test]
fn each_expectation_has_its_file() {
    let bad: Vec<_> = files(DIRECTORY, "yaml").iter().map(|path| path.with_extension("txt")).collect();
    assert_eq!(files(DIRECTORY, "txt"), bad);
}

#[test]
fn each_error_has_a_place_and_shows_no_secret() {
    for path in files(DIRECTORY, "yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let errors = config::parse(&text, &project(DIRECTORY), &name(&path)).unwrap_err();
        for problem in errors.errors.iter().chain(&errors.warnings) {
            let words = problem.to_string();
            assert!(!words.contains("hunter2") && !words.contains("battery"), "{words}");
            // Errors of the catalog are told with the catalog's lines.
            if problem.file == name(&path) {
                let line = text.lines().nth(problem.line - 1).unwrap_or_default();
                assert!(problem.column <= line.chars().count() + 1, "{words} is beyond `{line}`");
            }
        }
    }
}
