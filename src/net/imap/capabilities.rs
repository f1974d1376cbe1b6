//! What a server can do (RFC 3501 §7.2.1). The list may change with STARTTLS and with the login, and is read again after each.

/// More than any server has; the rest is not kept.
const MOST: usize = 256;

/// What the server says it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<Box<str>>);

impl Capabilities {
    /// Reads words between spaces.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.split_whitespace().take(MOST).map(|word| word.to_ascii_uppercase().into_boxed_str()).collect())
    }

    /// Whether the server offers `name`, such as `IDLE` or `AUTH=PLAIN`, in any case.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}
