//! What is wrong with a configuration, each with its place, all of it at once.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use serde::Serialize;

/// One thing that is wrong, or odd, at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, as it was named to us.
    pub file: String,
    /// The line, from 1; 0 where the whole file is meant (it cannot be read).
    pub line: usize,
    /// The column in characters, from 1; 0 where `line` is.
    pub column: usize,
    /// What is wrong, what was expected, and the nearest valid word where there is one. Never a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `file:line:column: message`, which editors and CI logs make clickable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

/// The configuration cannot be used. Displays one error a line, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigErrors {
    /// Everything that is wrong; never empty.
    pub errors: Vec<Problem>,
    /// What is odd besides.
    pub warnings: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.errors.iter().enumerate() {
            let line_feed = if n == 0 { "" } else { "\n" };
            write!(f, "{line_feed}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A place in the file: line and column, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Says that there is no value because something is wrong with it, and that this has been reported. Readers go on with
/// the next key, so that all errors are told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// What a reader gives: a value, or nothing because an error was reported.
pub(super) type Read<T> = Result<T, Reported>;

/// What all readers of one file share: where files are looked for, and where problems are put.
pub(super) struct Context<'a> {
    /// Relative file names start here.
    pub(super) base_dir: &'a Path,
    file: &'a str,
    errors: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(base_dir: &'a Path, file: &'a str) -> Self {
        Self { base_dir, file, errors: RefCell::default(), warnings: RefCell::default() }
    }

    /// Reports an error. To be returned in place of the value.
    pub(super) fn error(&self, at: Place, message: impl Into<String>) -> Reported {
        self.errors.borrow_mut().push(self.problem(at, message.into()));
        Reported
    }

    /// Reports what is odd and does no harm by itself.
    pub(super) fn warn(&self, at: Place, message: impl Into<String>) {
        self.warnings.borrow_mut().push(self.problem(at, message.into()));
    }

    /// Takes over what was found in another file.
    pub(super) fn absorb(&self, found: ConfigErrors) -> Reported {
        self.errors.borrow_mut().extend(found.errors);
        self.warnings.borrow_mut().extend(found.warnings);
        Reported
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    /// The value with its warnings, or all the errors.
    pub(super) fn finish<T>(self, value: Read<T>) -> Result<(T, Vec<Problem>), ConfigErrors> {
        let errors = in_order(self.errors.into_inner());
        let warnings = in_order(self.warnings.into_inner());
        match value {
            Ok(value) if errors.is_empty() => Ok((value, warnings)),
            _ => Err(ConfigErrors { errors, warnings }),
        }
    }

    fn problem(&self, at: Place, message: String) -> Problem {
        Problem { file: self.file.to_owned(), line: at.line, column: at.column, message }
    }
}

/// In the order of the file. A node that is used twice (an anchor and its aliases) says each thing once.
fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    problems
}
