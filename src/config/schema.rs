//! The JSON Schema of the configuration (draft 2020-12), made from the tables of keys. Editors use it to complete and to check; the
//! program itself knows more, such as which names exist.

use serde_json::{Map, Value, json};

use crate::config::key::{Form, Key, Kind, Section};
use crate::config::load;

/// The schema, as it is committed: two spaces, a line feed at the end.
#[must_use]
pub fn json_schema() -> String {
    let mut schema = section(&load::ROOT);
    if let Value::Object(root) = &mut schema {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("Configuration of Landfall"));
    }
    format!("{schema:#}\n")
}

fn section(section: &Section) -> Value {
    let mut properties = Map::new();
    for key in section.keys {
        properties.insert(key.name.to_owned(), property(key));
    }
    let mut schema = json!({
        "type": "object",
        "description": section.about,
        "properties": properties,
        "additionalProperties": false,
    });
    let required: Vec<_> = section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let one_of: Vec<_> = section.one_of.iter().map(|name| json!({ "required": [name] })).collect();
    if let Value::Object(schema) = &mut schema {
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !one_of.is_empty() {
            schema.insert("oneOf".to_owned(), json!(one_of));
        }
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    if let Value::Object(schema) = &mut schema {
        let meaning = match key.otherwise {
            Some(otherwise) => format!("{} Where absent: {otherwise}.", key.meaning),
            None => key.meaning.to_owned(),
        };
        schema.insert("description".to_owned(), json!(meaning));
        if let Some(default) = key.default {
            schema.insert("default".to_owned(), typed(&key.kind, default));
        }
    }
    schema
}

fn kind(of: &Kind) -> Value {
    match of {
        Kind::Text(form) => text(form),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Words(words) => json!({ "enum": words() }),
        Kind::OneOrMany(item) => {
            let item = kind(item);
            json!({ "anyOf": [item, { "type": "array", "items": item, "uniqueItems": true }] })
        }
        Kind::AnyOf(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
        Kind::Texts(form) => json!({ "type": "object", "additionalProperties": text(form) }),
        Kind::Map(fields) => section(fields),
        Kind::Named(fields) => json!({
            "type": "object",
            "propertyNames": text(&crate::config::read::NAME),
            "additionalProperties": section(fields),
        }),
    }
}

fn text(form: &Form) -> Value {
    match form.pattern {
        Some(pattern) => json!({ "type": "string", "pattern": pattern }),
        None => json!({ "type": "string", "minLength": 1 }),
    }
}

/// A default as JSON has it.
fn typed(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Count { .. } | Kind::Flag => text.parse().unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}
