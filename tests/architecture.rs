//! The house as ARCHITECTURE.md draws it, held against the sources: which module names which, what every file says of itself, how long it
//! is, and which standards are cited. The scan knows no Rust beyond paths and comments; the last tests show that it finds what it is to find.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which top-level module may name which. An edge more is a decision to be made here; one that is no longer used goes.
const MODULES: [(&str, &[&str]); 14] = [
    ("app", &["clock", "config", "metrics", "model", "net", "probe", "record", "schedule", "store", "web"]),
    ("cli", &["app", "clock", "config", "judge", "metrics", "model", "net"]),
    ("clock", &[]),
    ("config", &["model"]),
    ("judge", &["clock", "model", "net", "syntax"]),
    ("metrics", &["model"]),
    ("model", &[]),
    ("net", &["clock", "model", "syntax"]),
    ("probe", &["clock", "model", "net", "schedule", "syntax"]),
    ("record", &["clock", "metrics", "model", "store"]),
    ("schedule", &["model"]),
    ("store", &["model"]),
    ("syntax", &["model"]),
    ("web", &["clock", "metrics", "model"]),
];

/// The same within `probe`: `engine` alone knows the order of the stages; no stage names another.
const STAGES: [(&str, &[&str]); 9] = [
    ("compose", &[]),
    ("diagnose", &[]),
    ("engine", &["compose", "diagnose", "evidence", "interpret", "ledger", "observe", "send", "settle"]),
    ("evidence", &[]),
    ("interpret", &[]),
    ("ledger", &[]),
    ("observe", &["evidence", "ledger"]),
    ("send", &[]),
    ("settle", &["evidence"]),
];

/// The most lines of a file, and how many are better not exceeded.
const MOST_LINES: usize = 500;
const FEW_LINES: usize = 300;

/// A source file: its path below `src/` and its text.
struct Source {
    path: String,
    text: String,
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every file below `directory` whose name ends in `.{extension}`, by path.
fn files(directory: &str, extension: &str) -> Vec<Source> {
    fn walk(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push(path);
            }
        }
    }
    let root = project(directory);
    let mut found = Vec::new();
    walk(&root, extension, &mut found);
    found.sort();
    let source = |path: PathBuf| Source {
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(&path).unwrap(),
    };
    found.into_iter().map(source).collect()
}

/// The text without lines that are comments: a document may point anywhere.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What stands directly below `prefix` (such as `crate::`) wherever the text names it; each name of a group in braces.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let (before, from) = text.split_at(at);
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = from.trim_start_matches(prefix).trim_start();
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => {
                found.insert(word(rest));
            }
        }
    }
    found
}

/// The first word of each item of a group, up to its closing brace.
fn group_heads(group: &str) -> BTreeSet<String> {
    let (mut depth, mut start, mut heads) = (0, 0, BTreeSet::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                heads.insert(word(group.split_at(start).1.trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads.remove("");
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The module that a file below `directory` (`""` or `probe/`) belongs to; `None` for `mod.rs`, `lib.rs`, `main.rs` and files elsewhere.
fn module<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let path = path.strip_prefix(directory)?;
    let name = path.split('/').next()?.trim_end_matches(".rs");
    (!["mod", "lib", "main"].contains(&name)).then_some(name)
}

/// Everything in `sources` that the table does not allow, and everything that it allows and nobody needs.
fn breaches(sources: &[Source], directory: &str, prefix: &str, table: &[(&str, &[&str])]) -> Vec<String> {
    let known: BTreeMap<&str, &[&str]> = table.iter().copied().collect();
    let mut used: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut wrong = Vec::new();
    for source in sources {
        let Some(from) = module(&source.path, directory) else { continue };
        let Some(allowed) = known.get(from) else {
            wrong.push(format!("{}: the module {from} is not in the table", source.path));
            continue;
        };
        let text = code(&source.text);
        let mut names = named(&text, prefix);
        // `super::` leaves the module in its own top file only.
        if [format!("{directory}{from}.rs"), format!("{directory}{from}/mod.rs")].contains(&source.path) {
            names.extend(named(&text, "super::").into_iter().filter(|name| known.contains_key(name.as_str())));
        }
        for name in names.into_iter().filter(|name| name != from && known.contains_key(name.as_str())) {
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: {from} may not name {name}", source.path));
            }
            used.insert((from, name));
        }
    }
    for (from, allowed) in table {
        let idle = allowed.iter().filter(|name| !used.contains(&(from, (**name).to_owned())));
        wrong.extend(idle.map(|name| format!("the table lets {from} name {name}, and it does not")));
    }
    wrong
}

/// Ways of naming that would hide an edge from the scan or from a reader.
fn hidden(source: &Source) -> Vec<String> {
    let text = code(&source.text);
    ["use crate::{", "super::super", "crate::*", "extern crate", "#[path"]
        .iter()
        .filter(|way| text.contains(**way))
        .map(|way| format!("{}: {way}", source.path))
        .collect()
}

/// The numbers of the RFCs that a text cites; line breaks and comment marks may stand between.
fn cited(text: &str) -> BTreeSet<u32> {
    text.match_indices("RFC")
        .filter_map(|(at, rfc)| text.split_at(at).1.strip_prefix(rfc))
        // `RFC822.SIZE` is a word of IMAP.
        .filter(|rest| rest.starts_with([' ', '\n']))
        .map(|rest| rest.trim_start_matches([' ', '\n', '/', '!', '#']))
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect()
}

#[test]
fn modules_name_only_what_they_may() {
    assert_eq!(breaches(&files("src", "rs"), "", "crate::", &MODULES), Vec::<String>::new());
}

#[test]
fn the_house_is_drawn_as_it_stands() {
    let paper = fs::read_to_string(project("ARCHITECTURE.md")).unwrap();
    let drawn: BTreeMap<&str, &str> = paper
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/")?.strip_suffix(" |"))
        .filter_map(|row| Some((row.split(['`', '/', '.']).next()?, row.rsplit(" | ").next()?)))
        .filter(|(module, _)| *module != "main")
        .collect();
    let stands = MODULES.map(|(module, allowed)| match (module, allowed) {
        ("app", _) => (module, "everything but cli".to_owned()),
        (_, []) => (module, "-".to_owned()),
        _ => (module, allowed.join(", ")),
    });
    let drawn: Vec<_> = drawn.into_iter().map(|(module, allowed)| (module, allowed.to_owned())).collect();
    assert_eq!(drawn, stands);
}

#[test]
fn stages_of_a_probe_name_no_other_stage() {
    assert_eq!(breaches(&files("src", "rs"), "probe/", "crate::probe::", &STAGES), Vec::<String>::new());
}

#[test]
fn every_edge_can_be_seen() {
    let hidden: Vec<String> = files("src", "rs").iter().flat_map(hidden).collect();
    assert_eq!(hidden, Vec::<String>::new());
}

#[test]
fn the_map_shows_every_module() {
    let map = fs::read_to_string(project("src/lib.rs")).unwrap();
    let modules: Vec<&str> =
        map.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|name| name.trim_end_matches(';')).collect();
    assert_eq!(modules, MODULES.map(|(name, _)| name));
    let prose: String = map.lines().filter(|line| line.starts_with("//!")).collect();
    let missing: Vec<_> = modules.into_iter().filter(|name| !prose.contains(&format!("[`{name}`]"))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "not in the prose of src/lib.rs");
}

#[test]
fn every_file_says_what_it_is_and_none_is_long() {
    let sources = files("src", "rs");
    let silent: Vec<_> =
        sources.iter().filter(|source| !source.text.starts_with("//! ")).map(|source| &source.path).collect();
    assert!(silent.is_empty(), "without module documentation: {silent:?}");
    let lines = |source: &&Source| source.text.lines().count();
    for source in sources.iter().filter(|source| lines(source) > FEW_LINES) {
        println!("{} lines: src/{}", lines(&source), source.path);
    }
    let long: Vec<_> = sources.iter().filter(|source| lines(source) > MOST_LINES).map(|source| &source.path).collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines: {long:?}");
    let main = fs::read_to_string(project("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 40 && named(&main, "landfall::").into_iter().eq(["cli"]), "{main}");
}

#[test]
fn every_cited_rfc_is_listed_and_every_listed_one_cited() {
    let sources = files("src", "rs").into_iter().chain(files("catalog", "yaml"));
    let cited: BTreeSet<u32> = sources.flat_map(|source| cited(&source.text)).collect();
    let list = fs::read_to_string(project("docs/rfcs.md")).unwrap();
    let rows = list.lines().filter_map(|line| line.strip_prefix("| [")?.split_once(']'));
    let mut listed = BTreeSet::new();
    for (number, row) in rows {
        assert!(listed.insert(number.parse::<u32>().unwrap()), "RFC {number} is listed twice");
        let state = row.split('|').nth(2).unwrap_or_default().trim();
        assert!(["yes", "partly", "no"].contains(&state), "RFC {number}: {state:?}");
    }
    assert_eq!(cited.difference(&listed).collect::<Vec<_>>(), Vec::<&u32>::new(), "cited, not in docs/rfcs.md");
    assert_eq!(listed.difference(&cited).collect::<Vec<_>>(), Vec::<&u32>::new(), "in docs/rfcs.md, not cited");
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.into(), text: text.into() }
}

#[test]
fn the_scan_finds_an_edge_however_it_is_written() {
    let table: [(&str, &[&str]); 3] = [("low", &[]), ("mid", &["low"]), ("top", &["mid"])];
    let find = |path: &str, text: &str| {
        let sources =
            [source(path, text), source("mid.rs", "use crate::low;"), source("top/a.rs", "use crate::mid::X;")];
        breaches(&sources, "", "crate::", &table)
    };
    for (path, text) in [
        ("low/deep/file.rs", "use crate::top::Thing;"),
        ("low.rs", "fn f() { crate::top::go() }"),
        ("low.rs", "pub(in crate::top) fn f() {}"),
        ("low.rs", "macro_rules! m { () => { $crate::top::go() } }"),
        ("low.rs", "use super::top;"),
        ("low/mod.rs", "use super::{model, top::{a, b}};"),
    ] {
        assert_eq!(find(path, text), [format!("{path}: low may not name top")], "{text}");
    }
    for (path, text) in [
        ("low/deep/file.rs", "/// As [`crate::top::Thing`] does.\nfn f() {}"),
        ("low/deep/file.rs", "mod top {} use super::top;"),
        ("low.rs", "use crate::low::x; use other_crate::top; use crate::toppings::y;"),
        ("lib.rs", "pub use crate::top::Thing;"),
    ] {
        assert_eq!(find(path, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_scan_finds_new_modules_and_idle_permissions() {
    let table: [(&str, &[&str]); 2] = [("a", &[]), ("b", &["a"])];
    let sources = [source("b.rs", ""), source("c/d.rs", "")];
    let told = breaches(&sources, "", "crate::", &table);
    assert_eq!(told, ["c/d.rs: the module c is not in the table", "the table lets b name a, and it does not"]);
}

#[test]
fn the_scan_reads_groups_within_probe() {
    let sources = [
        source("probe/mod.rs", "use crate::probe::settle;"),
        source("probe/send.rs", "use crate::probe::{\n    compose, settle::{self, outcome},\n};"),
        source("probe/settle.rs", ""),
        source("probe/compose/mod.rs", "use crate::probe::compose::x;"),
        source("store/send.rs", "use crate::probe::settle;"),
    ];
    let table: [(&str, &[&str]); 3] = [("compose", &[]), ("send", &["compose"]), ("settle", &[])];
    assert_eq!(breaches(&sources, "probe/", "crate::probe::", &table), ["probe/send.rs: send may not name settle"]);
}

#[test]
fn the_scan_refuses_what_would_hide_an_edge() {
    for way in ["use crate::{a, b};", "use super::super::a;", "use crate::*;", "extern crate self as me;"] {
        assert_eq!(hidden(&source("x.rs", way)).len(), 1, "{way}");
    }
    assert_eq!(hidden(&source("x.rs", "// never super::super\nuse crate::a::{b, c};")), Vec::<String>::new());
}

#[test]
fn the_scan_finds_citations_over_line_ends() {
    let text = "// RFC 5321 §4.2, RFC\n    /// 8601; (RFC 3501)\n# RFC\n# 2177 and RFC822.SIZE, no RFC here";
    assert_eq!(cited(text).into_iter().collect::<Vec<_>>(), [2177, 3501, 5321, 8601]);
}
