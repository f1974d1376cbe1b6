//! Sections whose shape is fixed and which this version only checks: `blocklists:` and `objectives:`.

use crate::config::duration::DURATION;
use crate::config::fields::{self, Fields};
use crate::config::key::{Form, Key, Kind, Section};
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::{Node, Value};
use crate::model::Outcome;

pub(super) static BLOCKLISTS: Key = Key::new(
    "blocklists",
    Kind::Map(&BLOCKLISTS_SECTION),
    "What to look up in blocklists. Checked, and not used by this version.",
    "{ addresses: learned, domains: learned }",
);
static BLOCKLISTS_SECTION: Section = Section::new(
    "blocklist targets",
    "`learned` stands for what the identities, and the hops that receivers saw, tell.",
    &[&ADDRESSES, &DOMAINS],
);
static LEARNED: Form = Form::new("`learned`").pattern("^learned$");
static ADDRESSES: Key = Key::new(
    "addresses",
    Kind::AnyOf(&[Kind::Text(&LEARNED), Kind::OneOrMany(&Kind::Text(&read::IP))]),
    "IP addresses to look up.",
    "learned",
)
.default("learned");
static DOMAINS: Key = Key::new(
    "domains",
    Kind::AnyOf(&[Kind::Text(&LEARNED), Kind::OneOrMany(&Kind::Text(&read::DOMAIN))]),
    "Domains to look up.",
    "[shop.example]",
)
.default("learned");

pub(super) static OBJECTIVES: Key = Key::new(
    "objectives",
    Kind::Named(&OBJECTIVE_SECTION),
    "Service levels, each by a name of your choice. Checked, and not used by this version.",
    "{ inbox-share: { outcome: inbox, target: 99.7%, window: 30d } }",
);
static OBJECTIVE_SECTION: Section = Section {
    one_of: &["outcome", "within"],
    ..Section::new("objective", "A service level.", &[&OUTCOME, &WITHIN, &TARGET, &WINDOW])
};
static OUTCOME: Key = Key::new("outcome", Kind::Words(outcomes), "The outcome that counts as good.", "inbox");
static WITHIN: Key = Key::new("within", Kind::Text(&DURATION), "Delivery within this time counts as good.", "30m");
static TARGET: Key = Key::new("target", Kind::Text(&PERCENT), "The share that must be good.", "99.7%").required();
static PERCENT: Form = Form::new("a share such as `99.7%`").pattern(r"^[0-9]{1,3}(\.[0-9]{1,6})?%$");
static WINDOW: Key = Key::new("window", Kind::Text(&DURATION), "The time it is measured over.", "30d").required();

fn outcomes() -> Vec<&'static str> {
    Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
}

/// Checks both sections, and says that nothing else is done with them.
pub(super) fn check(fields: &Fields<'_>) {
    for (key, check) in [(&BLOCKLISTS, blocklists as Check), (&OBJECTIVES, objectives as Check)] {
        if let Ok(Some(())) = fields.optional(key, check) {
            fields.cx.warn(fields.place(key), format!("`{}` is checked, and not used by this version", key.name));
        }
    }
}

type Check = fn(&Context<'_>, &Node) -> Read<()>;

fn blocklists(cx: &Context<'_>, node: &Node) -> Read<()> {
    let fields = Fields::open(cx, node, &BLOCKLISTS_SECTION)?;
    let addresses = fields.value(&ADDRESSES, |cx, node| learned_or(cx, node, "an IP address", read::ip));
    let domains = fields.value(&DOMAINS, |cx, node| learned_or(cx, node, "a domain", read::domain));
    addresses.and(domains)
}

fn learned_or<T>(cx: &Context<'_>, node: &Node, noun: &str, read: fn(&Context<'_>, &Node) -> Read<T>) -> Read<()> {
    match &node.value {
        Value::Scalar { text, .. } if text == "learned" => Ok(()),
        _ => read::many(cx, node, noun, read).map(|_| ()),
    }
}

fn objectives(cx: &Context<'_>, node: &Node) -> Read<()> {
    for entry in fields::mapping(cx, node, "objectives by name")? {
        let _ = read::check_name(cx, entry.at, &entry.key, "objective").and(objective(cx, &entry.value));
    }
    Ok(())
}

fn objective(cx: &Context<'_>, node: &Node) -> Read<()> {
    let fields = Fields::open(cx, node, &OBJECTIVE_SECTION)?;
    let _ = fields.exactly_one(&[&OUTCOME, &WITHIN]);
    let _ = fields.optional(&OUTCOME, |cx, node| read::word(cx, node, &Outcome::ALL, Outcome::as_str));
    let _ = fields.optional(&WITHIN, read::positive);
    let _ = fields.required(&TARGET, |cx, node| read::formed(cx, node, &PERCENT, percent));
    let _ = fields.required(&WINDOW, read::positive);
    Ok(())
}

/// Above 0% and up to 100%.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').ok_or_else(|| "the `%` is missing".to_owned())?;
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match number.parse::<f64>() {
        Ok(share) if plain && share > 0.0 && share <= 100.0 => Ok(share),
        Ok(_) if plain => Err("it must be above 0% and at most 100%".to_owned()),
        _ => Err(String::new()),
    }
}
