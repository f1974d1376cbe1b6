//! YAML to a tree in which every key and value knows its place.
//!
//! A scalar stays the text that was written: the reader of a key knows whether `no`, `1.10` or `0123` is a word, a number or a
//! password, YAML's own guess is not asked. Aliases and merge keys (`<<`) work as usual; a key that is written twice, a tag such as
//! `!env`, and a second document are errors.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::config::problem::{Context, Place, Read};

/// Deeper than any sensible file, and shallow enough for every reader of the tree.
const MAX_DEPTH: usize = 32;

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Place,
    pub(super) value: Arc<Node>,
}

impl Node {
    /// A plain scalar that stands nowhere: the default of a key.
    pub(super) fn scalar(text: &str, at: Place) -> Self {
        Self { at, value: Value::Scalar { text: text.to_owned(), plain: true } }
    }

    /// Nothing was written after the key.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What this is, in the words of an error message, without its content.
    pub(super) fn shape(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of `text`.
pub(super) fn parse(cx: &Context<'_>, text: &str) -> Read<Arc<Node>> {
    let mut builder = Builder { cx, open: Vec::new(), anchors: HashMap::new(), root: None };
    let options = granit_parser::options! { emit_comments: false };
    for next in Parser::new_from_str_with_options(text.trim_start_matches('\u{feff}'), options) {
        let (event, span) = next.map_err(|error| {
            // The kind alone: nothing of the text, which may hold a secret.
            cx.error(place(error.marker()), format!("not valid YAML: {}", error.kind()))
        })?;
        builder.event(event, &span)?;
    }
    builder.root.ok_or_else(|| cx.error(Place { line: 1, column: 1 }, "the file is empty"))
}

fn place(mark: &Marker) -> Place {
    Place { line: mark.line().max(1), column: mark.col().saturating_add(1) }
}

struct Builder<'a> {
    cx: &'a Context<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
}

/// A list or mapping that has not ended yet.
struct Open {
    at: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Arc<Node>>),
    Map {
        entries: Vec<Entry>,
        /// The line of each key of `entries`.
        lines: HashMap<String, usize>,
        merged: Vec<Entry>,
        key: Option<(String, Place, bool)>,
    },
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Read<()> {
        let at = place(&span.start);
        if event.tag().is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(self.cx.error(at, "YAML tags (`!...`) mean nothing here"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                self.add(Node { at, value: Value::Scalar { text: text.into_owned(), plain } }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(at, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.open(
                at,
                anchor,
                Content::Map { entries: Vec::new(), lines: HashMap::new(), merged: Vec::new(), key: None },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.put(node, at),
                None => Err(self.cx.error(at, "this alias stands within what it refers to")),
            },
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(self.cx.error(at, "a second YAML document begins here; only one is read"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, at: Place, anchor: usize, content: Content) -> Read<()> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.cx.error(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { at, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Read<()> {
        let Some(Open { at, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { mut entries, mut lines, merged, .. } => {
                for entry in merged {
                    if lines.insert(entry.key.clone(), entry.at.line).is_none() {
                        entries.push(entry);
                    }
                }
                Value::Map(entries)
            }
        };
        self.add(Node { at, value }, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Read<()> {
        let at = node.at;
        let node = Arc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        self.put(node, at)
    }

    /// Puts `node`, written at `at`, where it belongs.
    fn put(&mut self, node: Arc<Node>, at: Place) -> Read<()> {
        let cx = self.cx;
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, lines, merged, key }) => match key.take() {
                None => match &node.value {
                    Value::Scalar { text, plain } => *key = Some((text.clone(), at, *plain)),
                    Value::List(_) | Value::Map(_) => return Err(cx.error(at, "a key must be a single word")),
                },
                Some((word, at, true)) if word == "<<" => merged.extend(to_merge(cx, &node, at)?),
                Some((word, at, _)) => {
                    if let Some(first) = lines.get(&word) {
                        cx.error(at, format!("`{word}` is given twice; it is first in line {first}"));
                    } else {
                        lines.insert(word.clone(), at.line);
                        entries.push(Entry { key: word, at, value: node });
                    }
                }
            },
        }
        Ok(())
    }
}

/// The entries that `<<: node` stands for: a mapping, or several of which the first wins.
fn to_merge(cx: &Context<'_>, node: &Node, at: Place) -> Read<Vec<Entry>> {
    match &node.value {
        Value::Map(entries) => Ok(entries.clone()),
        Value::List(items) => {
            let mut all = Vec::new();
            for item in items {
                match &item.value {
                    Value::Map(entries) => all.extend(entries.iter().cloned()),
                    _ => return Err(cx.error(at, "`<<` merges mappings only")),
                }
            }
            Ok(all)
        }
        Value::Scalar { .. } => Err(cx.error(at, "`<<` merges mappings only")),
    }
}
