//! Reading a mapping by its table of keys, and names that refer to each other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::key::{Key, Section};
use crate::config::nearest;
use crate::config::problem::{Context, Place, Read, Reported};
use crate::config::read;
use crate::config::tree::{Entry, Node, Value};

/// A mapping that is being read.
pub(super) struct Fields<'a> {
    pub(super) cx: &'a Context<'a>,
    /// Where its first key stands.
    pub(super) at: Place,
    entries: &'a [Entry],
    section: &'static Section,
    /// Keys whose names were probably misspelt.
    meant: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens `node`, which must be a mapping, and reports the keys that `section` does not know and required ones that are absent.
    pub(super) fn open(cx: &'a Context<'a>, node: &'a Node, section: &'static Section) -> Read<Self> {
        let entries = mapping(cx, node, section.title)?;
        let mut fields = Self { cx, at: node.at, entries, section, meant: Vec::new() };
        for entry in entries {
            fields.check(entry);
        }
        for key in section.keys.iter().filter(|key| key.required && fields.is_missed(key)) {
            cx.error(node.at, format!("`{0}` is missing here, for example `{0}: {1}`", key.name, key.example));
        }
        Ok(fields)
    }

    fn check(&mut self, entry: &Entry) {
        let known = self.section.keys.iter().map(|key| key.name);
        if let Some((name, answer, instead)) = self.section.refused.iter().find(|(name, ..)| *name == entry.key) {
            self.cx.error(entry.at, format!("`{name}` is {answer}"));
            self.meant.push(instead);
        } else if !known.clone().any(|name| name == entry.key) {
            let hint = nearest::hint(&entry.key, known.clone());
            self.cx.error(entry.at, format!("unknown key `{}`{hint}", read::shown(&entry.key)));
            self.meant.extend(nearest::nearest(&entry.key, known));
        }
    }

    /// Whether `key` is absent, and not because its name was misspelt.
    fn is_missed(&self, key: &Key) -> bool {
        self.entry(key).is_none() && !self.meant.contains(&key.name)
    }

    /// The entry of `key`.
    pub(super) fn entry(&self, key: &Key) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key.name)
    }

    /// Where `key` stands, or else the mapping.
    pub(super) fn place(&self, key: &Key) -> Place {
        self.entry(key).map_or(self.at, |entry| entry.at)
    }

    /// The value of `key`, or `None` where it is absent.
    pub(super) fn optional<T>(
        &self,
        key: &Key,
        read: impl FnOnce(&'a Context<'a>, &'a Node) -> Read<T>,
    ) -> Read<Option<T>> {
        self.entry(key).map(|entry| read(self.cx, &entry.value)).transpose()
    }

    /// The value of `key`, which is required: its absence has been reported.
    pub(super) fn required<T>(&self, key: &Key, read: impl FnOnce(&'a Context<'a>, &'a Node) -> Read<T>) -> Read<T> {
        self.optional(key, read)?.ok_or(Reported)
    }

    /// The value of `key`, or its default.
    pub(super) fn value<T>(&self, key: &Key, read: impl FnOnce(&Context<'_>, &Node) -> Read<T>) -> Read<T> {
        match self.entry(key) {
            Some(entry) => read(self.cx, &entry.value),
            None => read(self.cx, &Node::scalar(key.default.unwrap_or_default(), self.at)),
        }
    }

    /// The one of the keys that is there, if any; reports where more than one is.
    pub(super) fn at_most_one(&self, keys: &[&Key]) -> Read<Option<&'a Entry>> {
        let mut given = keys.iter().filter_map(|key| self.entry(key));
        match (given.next(), given.next()) {
            (first, None) => Ok(first),
            (_, Some(second)) => Err(self.cx.error(second.at, format!("only one of {} may be given", any_of(keys)))),
        }
    }

    /// The one of the keys that is there; reports where none is, or more than one.
    pub(super) fn exactly_one(&self, keys: &[&Key]) -> Read<&'a Entry> {
        match self.at_most_one(keys)? {
            Some(entry) => Ok(entry),
            None if keys.iter().all(|key| self.is_missed(key)) => {
                Err(self.cx.error(self.at, format!("{} is missing here", any_of(keys))))
            }
            None => Err(Reported),
        }
    }
}

fn any_of(keys: &[&Key]) -> String {
    keys.iter().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(" or ")
}

/// The entries of `node`, which must be a mapping.
pub(super) fn mapping<'a>(cx: &Context<'_>, node: &'a Node, what: &str) -> Read<&'a [Entry]> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        _ => Err(cx.error(node.at, format!("expected a mapping ({what}), found {}", node.shape()))),
    }
}

/// What the user has given names to: identities, routes, mailboxes, probes.
pub(super) struct Declared<T> {
    what: &'static str,
    items: BTreeMap<String, Item<T>>,
}

struct Item<T> {
    at: Place,
    /// `None` where something is wrong with it, which has been reported.
    value: Option<Arc<T>>,
    used: Cell<bool>,
}

impl<T> Declared<T> {
    /// Reads every entry below `key`. What cannot be read keeps its name, so that who refers to it is not blamed.
    pub(super) fn read(
        fields: &Fields<'_>,
        key: &Key,
        what: &'static str,
        mut one: impl FnMut(&str, &Entry) -> Read<T>,
    ) -> Self {
        let cx = fields.cx;
        let entries = fields.entry(key).map(|entry| mapping(cx, &entry.value, &format!("{} by name", key.name)));
        let mut items = BTreeMap::new();
        for entry in entries.and_then(Result::ok).unwrap_or_default() {
            let name = read::check_name(cx, entry.at, &entry.key, what);
            let value = one(&entry.key, entry).ok().filter(|_| name.is_ok()).map(Arc::new);
            items.insert(entry.key.clone(), Item { at: entry.at, value, used: Cell::new(false) });
        }
        Self { what, items }
    }

    /// What the name in `node` refers to; it counts as used from now on.
    pub(super) fn refer(&self, cx: &Context<'_>, node: &Node) -> Read<Arc<T>> {
        let name = read::text(cx, node)?;
        let Some(item) = self.items.get(&name) else {
            let hint = nearest::hint(&name, self.items.keys().map(String::as_str));
            return Err(cx.error(node.at, format!("there is no {} `{}`{hint}", self.what, read::shown(&name))));
        };
        item.used.set(true);
        item.value.clone().ok_or(Reported)
    }

    /// Everything that `wanted` picks, which counts as used from now on. An error where one of those named could not be read.
    pub(super) fn pick(&self, wanted: impl Fn(&T) -> bool) -> Read<Vec<Arc<T>>> {
        let mut picked = Vec::new();
        let mut complete = true;
        for item in self.items.values() {
            match &item.value {
                Some(value) if wanted(value) => {
                    item.used.set(true);
                    picked.push(Arc::clone(value));
                }
                Some(_) => {}
                None => complete = false,
            }
        }
        if complete { Ok(picked) } else { Err(Reported) }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Warns of everything that nothing refers to.
    pub(super) fn warn_unused(&self, cx: &Context<'_>, by: &str) {
        for (name, item) in self.items.iter().filter(|(_, item)| !item.used.get()) {
            cx.warn(item.at, format!("no {by} uses the {} `{name}`", self.what));
        }
    }

    /// The values by name; an error where one could not be read.
    pub(super) fn into_values<N: Ord + for<'n> From<&'n str>>(self) -> Read<BTreeMap<N, Arc<T>>> {
        self.items
            .into_iter()
            .map(|(name, item)| item.value.map(|value| (N::from(name.as_str()), value)).ok_or(Reported))
            .collect()
    }
}
