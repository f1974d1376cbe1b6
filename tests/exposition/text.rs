//! A reader of the text formats, strict about what our exposition must keep to.

use std::collections::{BTreeMap, BTreeSet};

/// One line of values.
#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

/// What an exposition says.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Type by family name, in order of appearance.
    pub types: Vec<(String, String)>,
    pub help: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

impl Parsed {
    /// The value of the one series of that name which has all these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found: Vec<_> = self
            .samples
            .iter()
            .filter(|s| s.name == name)
            .filter(|s| labels.iter().all(|(k, v)| s.labels.iter().any(|(key, value)| key == k && value == v)))
            .collect();
        assert!(found.len() <= 1, "{name} {labels:?} is ambiguous: {found:?}");
        found.first().map(|s| s.value)
    }

    /// How many series of that name there are.
    pub fn count(&self, name: &str) -> usize {
        self.samples.iter().filter(|s| s.name == name).count()
    }
}

/// Reads an exposition. Panics on a series that is there twice, a family that comes twice, and samples that are not below their own TYPE line.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut seen = BTreeSet::new();
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("HELP has a text");
            assert!(parsed.help.insert(name.into(), help.into()).is_none(), "{name} twice");
        } else if let Some(of_type) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of_type.split_once(' ').expect("TYPE has a type");
            parsed.types.push((name.into(), kind.into()));
        } else {
            let sample = sample(line);
            let family = &parsed.types.last().expect("a TYPE line comes first").0;
            assert!(sample.name.starts_with(family.as_str()), "{line} is not of {family}");
            assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            parsed.samples.push(sample);
        }
    }
    parsed
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (Vec::new(), rest),
    };
    Sample { name: name.into(), labels, value: value.trim().parse().unwrap_or_else(|_| panic!("no value: {line}")) }
}

fn labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        if let Some(value) = rest.strip_prefix('}') {
            return (labels, value);
        }
        let (name, quoted) = rest.trim_start_matches(',').split_once("=\"").expect("a label");
        let (value, after) = unquote(quoted);
        labels.push((name.into(), value));
        rest = after;
    }
}

fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.split_at(at + 1).1),
            '\\' => value.push(match chars.next().expect("something is escaped").1 {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                c => panic!("\\{c} is no escape"),
            }),
            c => value.push(c),
        }
    }
    panic!("no closing quote: {quoted}");
}
