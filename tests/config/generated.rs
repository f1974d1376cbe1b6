//! The schema and the reference are current, and the schema agrees with the loader.

use std::path::{Path, PathBuf};

use landfall::config;
use serde_json::Value;

use crate::support::{files, name, project};

fn committed(path: &str, generated: &str, command: &str) {
    let found = std::fs::read_to_string(project(path)).unwrap_or_default();
    assert!(found == generated, "{path} is not current: cargo run -- generate {command} > {path}");
}

#[test]
fn the_committed_files_are_current() {
    committed("docs/config.schema.json", &config::json_schema(), "config-schema");
    committed("docs/configuration.md", &config::markdown(), "config-reference");
}

/// A YAML file as JSON, by another reader than the loader's.
fn json(path: &Path) -> Option<Value> {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).ok()
}

fn good() -> Vec<PathBuf> {
    [files("tests/data/config/good", "yaml"), files("docs/examples", "yaml")].concat()
}

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let schema: Value = serde_json::from_str(&config::json_schema()).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for path in good() {
        let said: Vec<_> = validator
            .iter_errors(&json(&path).unwrap())
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert_eq!(said, Vec::<String>::new(), "{}", name(&path));
    }
}

/// What a schema cannot know: what the system and the catalog say. (Other such errors stand in files with errors of form.)
const BEYOND_A_SCHEMA: [&str; 4] = ["catalog-errors", "catalog-missing", "mailbox-provider", "mailbox-twice"];

#[test]
fn the_schema_refuses_what_is_wrong_by_its_form() {
    let schema: Value = serde_json::from_str(&config::json_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut taken = Vec::new();
    for path in files("tests/data/config/bad", "yaml") {
        if json(&path).is_some_and(|value| validator.is_valid(&value)) {
            taken.push(name(&path).trim_end_matches(".yaml").to_owned());
        }
    }
    assert_eq!(taken, BEYOND_A_SCHEMA);
}

/// Each key of the schema and of those below it, as `path: subschema`.
fn walk<'a>(path: &str, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        found.push((path.clone(), property));
        walk(&path, property, found);
        walk(&path, &property["additionalProperties"], found);
        for variant in property["anyOf"].as_array().into_iter().flatten() {
            walk(&path, variant, found);
        }
    }
}

#[test]
fn every_key_is_described_in_both() {
    let schema: Value = serde_json::from_str(&config::json_schema()).unwrap();
    let mut keys = Vec::new();
    walk("", &schema, &mut keys);
    assert!(keys.len() > 80, "only {} keys", keys.len());
    let reference = config::markdown();
    for (path, property) in keys {
        let meaning = property["description"].as_str().unwrap_or_default();
        assert!(meaning.ends_with('.') && meaning.len() > 10, "{path}: {meaning}");
        let key = path.rsplit('.').next().unwrap();
        assert!(reference.contains(&format!("\n| `{key}` |")), "{path} is not in the reference");
    }
}
