//! The description of the configuration: one table a section, from which the readers, the JSON Schema and the reference are made.

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// The value where the key is absent, as it would be written. Readers parse this very text.
    pub(super) default: Option<&'static str>,
    /// What happens where the key is absent and no fixed value says it.
    pub(super) otherwise: Option<&'static str>,
    /// What it means, in a sentence or two.
    pub(super) meaning: &'static str,
    /// A value as one would write it.
    pub(super) example: &'static str,
}

impl Key {
    pub(super) const fn new(name: &'static str, kind: Kind, meaning: &'static str, example: &'static str) -> Self {
        Self { name, kind, required: false, default: None, otherwise: None, meaning, example }
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(super) const fn otherwise(mut self, text: &'static str) -> Self {
        self.otherwise = Some(text);
        self
    }
}

/// What may stand after a key.
#[derive(Debug)]
pub(super) enum Kind {
    /// A single value of a certain form.
    Text(&'static Form),
    /// A whole number.
    Count { min: u32, max: u32 },
    /// `true` or `false`.
    Flag,
    /// One of a few words.
    Words(fn() -> Vec<&'static str>),
    /// A list; a single value stands for a list of one.
    OneOrMany(&'static Self),
    /// One of several.
    AnyOf(&'static [Self]),
    /// A mapping from names to single values.
    Texts(&'static Form),
    /// A mapping with fixed keys.
    Map(&'static Section),
    /// A mapping from names that the user chooses.
    Named(&'static Section),
}

/// A mapping with fixed keys.
#[derive(Debug)]
pub(super) struct Section {
    /// What it describes, such as `route`.
    pub(super) title: &'static str,
    /// What it is for; a paragraph of the reference.
    pub(super) about: &'static str,
    pub(super) keys: &'static [&'static Key],
    /// Exactly one of these must be there.
    pub(super) one_of: &'static [&'static str],
    /// Keys that other versions know, what to say to them, and the key to use instead.
    pub(super) refused: &'static [(&'static str, &'static str, &'static str)],
}

impl Section {
    pub(super) const fn new(title: &'static str, about: &'static str, keys: &'static [&'static Key]) -> Self {
        Self { title, about, keys, one_of: &[], refused: &[] }
    }
}

/// How a single value is written.
#[derive(Debug)]
pub(super) struct Form {
    /// Fits after "expected".
    pub(super) noun: &'static str,
    /// A regular expression (ECMA 262) that every valid text matches, for editors. The reader may know better.
    pub(super) pattern: Option<&'static str>,
}

impl Form {
    pub(super) const fn new(noun: &'static str) -> Self {
        Self { noun, pattern: None }
    }

    pub(super) const fn pattern(mut self, pattern: &'static str) -> Self {
        self.pattern = Some(pattern);
        self
    }
}
