//! The papers against the program: what is generated is current, what is listed exists, and what is quoted is quoted whole.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use landfall::model::MailboxFault;

/// What `landfall generate` writes, and where that is kept.
const GENERATED: [(&str, &str); 4] = [
    ("config-schema", "docs/config.schema.json"),
    ("config-reference", "docs/configuration.md"),
    ("metrics", "docs/metrics.md"),
    ("commands", "docs/commands.md"),
];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The papers that people read: at the top, in `docs/` and in the test world.
fn papers() -> Vec<String> {
    let mut papers = vec!["tests/world/README.md".to_owned()];
    for directory in ["", "docs"] {
        for entry in fs::read_dir(project(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                papers.push(Path::new(directory).join(name).to_str().unwrap().to_owned());
            }
        }
    }
    papers.sort();
    papers
}

/// What stands between `open` and the next `close`, wherever that is.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    text.match_indices(open).filter_map(move |(at, _)| text.split_at(at).1.strip_prefix(open)?.split(close).next())
}

/// The names of the tables `header` of a TOML file, without its values.
fn keys<'a>(toml: &'a str, header: &str) -> BTreeSet<&'a str> {
    let (_, table) = toml.split_once(&format!("\n[{header}]\n")).unwrap();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim()).collect()
}

/// The first cells of the table below the heading `## {title}`.
fn listed<'a>(markdown: &'a str, title: &str) -> BTreeSet<&'a str> {
    let (_, section) = markdown.split_once(&format!("\n## {title}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.filter(|cell| !["crate", "reason", "cause"].contains(cell)).collect()
}

#[test]
fn generated_files_are_current() {
    for (what, path) in GENERATED {
        let output = Command::new(env!("CARGO_BIN_EXE_landfall")).args(["generate", what]).output().unwrap();
        assert!(output.status.success(), "landfall generate {what}: {output:?}");
        let fresh = String::from_utf8(output.stdout).unwrap();
        assert!(!fresh.is_empty() && fresh == read(path), "{path} is not current: run `make generated`");
    }
    let script = read(".ci/generated");
    for (what, path) in GENERATED {
        assert!(script.contains(&format!("\"{what} {path}\"")), ".ci/generated does not write {path}");
    }
}

#[test]
fn every_dependency_is_explained_and_no_other() {
    let (manifest, document) = (read("Cargo.toml"), read("docs/dependencies.md"));
    assert_eq!(keys(&manifest, "dependencies"), listed(&document, "In the program"));
    assert_eq!(keys(&manifest, "dev-dependencies"), listed(&document, "In tests and benchmarks"));
}

#[test]
fn every_dependency_is_used() {
    let manifest = read("Cargo.toml");
    let mut code = String::new();
    for directory in ["src", "tests", "benches", "examples"] {
        gather(&project(directory), &mut code);
    }
    for name in keys(&manifest, "dependencies").union(&keys(&manifest, "dev-dependencies")) {
        let name = name.replace('-', "_");
        assert!(code.contains(&format!("{name}::")), "{name} is not used");
    }
}

fn gather(directory: &Path, code: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn what_the_papers_point_to_exists() {
    let mut missing = Vec::new();
    for paper in papers() {
        let text = read(&paper);
        let here = project(&paper);
        let links = between(&text, "](", ')').filter(|link| !link.contains("://") && !link.starts_with('#'));
        missing.extend(
            links
                .filter(|link| !here.with_file_name(link.split('#').next().unwrap()).exists())
                .map(|link| format!("{paper}: {link}")),
        );
        let quoted = text.split('`').skip(1).step_by(2);
        let paths = quoted
            .filter(|path| ["src/", "tests/", "docs/", "catalog/", "fuzz/"].iter().any(|at| path.starts_with(at)));
        // What the fuzzer writes is not committed.
        let kept = paths.filter(|path| !path.starts_with("fuzz/artifacts") && !path.contains(char::is_whitespace));
        missing.extend(kept.filter(|path| !project(path).exists()).map(|path| format!("{paper}: {path}")));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_readme_quotes_the_smallest_configuration_whole() {
    let readme = read("README.md");
    let quoted: Vec<_> = between(&readme, "```yaml\n", '`').collect();
    assert_eq!(quoted, [read("docs/examples/minimal.yaml")]);
}

#[test]
fn metrics_named_in_the_papers_exist() {
    let reference = read("docs/metrics.md");
    let known: BTreeSet<&str> = between(&reference, "\n## `", '`').collect();
    for paper in papers() {
        let text = read(&paper);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("landfall_")) {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            assert!(known.contains(word) || known.contains(family), "{paper}: {word}");
        }
    }
}

#[test]
fn every_fault_has_its_remedy() {
    let document = read("docs/troubleshooting.md");
    let rows = |title| -> BTreeSet<String> {
        listed(&document, title).into_iter().map(|cell| cell.trim_matches('`').to_owned()).collect()
    };
    let faults = rows("A mailbox cannot be read");
    assert_eq!(faults, BTreeSet::from(MailboxFault::ALL.map(|fault| fault.as_str().to_owned())));
    let schema: serde_json::Value = serde_json::from_str(&read("docs/probe.schema.json")).unwrap();
    let causes = schema.pointer("/$defs/handoff/properties/cause/enum").unwrap().as_array().unwrap();
    let causes: BTreeSet<String> = causes.iter().filter_map(|cause| cause.as_str()).map(str::to_owned).collect();
    assert_eq!(rows("A route cannot be reached"), causes);
}
