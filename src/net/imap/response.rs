//! What a server says, as far as Landfall listens (RFC 3501 §7).
//!
//! A response is tagged (it ends a command), a continuation request (`+`), or untagged data, which may come at any time and
//! need not belong to the command that is running: `* 24 EXISTS` in the middle of a FETCH is ordinary. Data of no interest is
//! [`Data::Other`]; data of interest that cannot be read is a fault, because a folder or message that was overlooked would let
//! a seed be called missing.

use jiff::Timestamp;

use crate::net::imap::capabilities::Capabilities;
use crate::net::imap::fault::Fault;
use crate::net::imap::folder::Folder;
use crate::net::imap::frame::Raw;
use crate::net::imap::scan::Scanner;

/// One response.
#[derive(Debug)]
pub(super) enum Response {
    /// `+`: the server waits for more.
    Continue,
    /// The end of a command.
    Tagged {
        /// Whose.
        tag: String,
        /// How it ended.
        status: Status,
    },
    /// Anything that starts with `*`.
    Data(Data),
}

/// Untagged data.
#[derive(Debug)]
pub(super) enum Data {
    Status(Status),
    Capability(Capabilities),
    /// A folder, from LIST or XLIST.
    Folder(Folder),
    Search(Vec<u32>),
    /// How many messages the folder holds.
    Exists(u32),
    /// A message was removed (`EXPUNGE`, RFC 7162 `VANISHED`).
    Removed,
    Fetch(Fetched),
    /// Of no interest.
    Other,
}

/// The first word of a status response (RFC 3501 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    No,
    Bad,
    PreAuth,
    Bye,
}

impl Condition {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::PreAuth => "PREAUTH",
            Self::Bye => "BYE",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Ok, Self::No, Self::Bad, Self::PreAuth, Self::Bye].into_iter().find(|known| known.as_str() == word)
    }
}

/// A status response: `NO [CODE arguments] text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) condition: Condition,
    /// The response code in upper case, without its arguments.
    pub(super) code: Option<String>,
    /// The code's arguments.
    pub(super) arguments: String,
    /// What the server says to people: in theory ASCII, in practice also GBK and Latin-1. As sent, hence for [`Fault::refused`]
    /// to clean.
    pub(super) text: String,
}

impl Status {
    /// Reads what follows the tag. `None` where that is no status.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (word, rest) = line.split_at_checked(end)?;
        let condition = Condition::parse(&str::from_utf8(word).ok()?.to_ascii_uppercase())?;
        let rest = rest.trim_ascii();
        let coded = rest.strip_prefix(b"[").and_then(|rest| {
            let end = rest.iter().position(|byte| *byte == b']')?;
            let (code, after) = rest.split_at_checked(end)?;
            Some((String::from_utf8_lossy(code).into_owned(), after.get(1..)?))
        });
        let Some((code, text)) = coded else {
            return Some(Self { condition, code: None, arguments: String::new(), text: lossy(rest) });
        };
        let (name, arguments) = code.split_once(' ').unwrap_or((&code, ""));
        Some(Self {
            condition,
            code: Some(name.to_ascii_uppercase()),
            arguments: arguments.to_owned(),
            text: lossy(text.trim_ascii()),
        })
    }

    /// Whether the command succeeded.
    pub(super) fn is_ok(&self) -> bool {
        self.condition == Condition::Ok
    }

    /// Whether it carries that response code.
    pub(super) fn says(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The number that is the argument of `code`, where it carries that code.
    pub(super) fn number(&self, code: &str) -> Option<u32> {
        if self.says(code) { self.arguments.trim().parse().ok() } else { None }
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// What a FETCH response says of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) size: Option<u32>,
    pub(super) arrived_at: Option<Timestamp>,
    /// The one body section that was asked for; `Some(None)` where the server answers NIL.
    pub(super) section: Option<Option<Vec<u8>>>,
}

impl Response {
    /// Reads one response.
    pub(super) fn parse(raw: Raw) -> Result<Self, Fault> {
        if raw.text.first() == Some(&b'+') {
            return Ok(Self::Continue);
        }
        let mut scanner = Scanner::new(raw);
        let tag = lossy(&scanner.atom());
        if !scanner.eat(b' ') {
            return Err(Fault::protocol("a line that is not IMAP"));
        }
        if tag == "*" {
            return data(scanner).map(Self::Data);
        }
        match Status::parse(scanner.rest()) {
            Some(status) if !matches!(status.condition, Condition::PreAuth | Condition::Bye) => {
                Ok(Self::Tagged { tag, status })
            }
            _ => Err(Fault::protocol("a line that is not IMAP")),
        }
    }
}

fn data(mut scanner: Scanner) -> Result<Data, Fault> {
    if let Some(status) = Status::parse(scanner.rest()) {
        return Ok(Data::Status(status));
    }
    let word = scanner.word();
    scanner.spaces();
    if let Ok(number) = word.parse::<u32>() {
        let word = scanner.word();
        scanner.spaces();
        return match word.as_str() {
            "EXISTS" => Ok(Data::Exists(number)),
            "EXPUNGE" => Ok(Data::Removed),
            "FETCH" => {
                fetch(scanner).map(Data::Fetch).ok_or_else(|| Fault::protocol("a FETCH response that breaks off"))
            }
            _ => Ok(Data::Other),
        };
    }
    match word.as_str() {
        "CAPABILITY" => Ok(Data::Capability(Capabilities::parse(&lossy(scanner.rest())))),
        "LIST" | "XLIST" => Folder::parse(&mut scanner)
            .map(Data::Folder)
            .ok_or_else(|| Fault::protocol("a LIST response that breaks off")),
        "SEARCH" => {
            let numbers = lossy(scanner.rest());
            Ok(Data::Search(numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect()))
        }
        "VANISHED" => Ok(Data::Removed),
        _ => Ok(Data::Other),
    }
}

/// The items between the parentheses of a FETCH response.
fn fetch(mut scanner: Scanner) -> Option<Fetched> {
    let mut fetched = Fetched::default();
    if !scanner.eat(b'(') {
        return None;
    }
    loop {
        scanner.spaces();
        if scanner.eat(b')') {
            return Some(fetched);
        }
        let item = scanner.item();
        if item.is_empty() {
            return None;
        }
        scanner.spaces();
        match item.as_str() {
            "UID" => fetched.uid = Some(scanner.number()?),
            // A size beyond 32 bits is not a reason to lose the message.
            "RFC822.SIZE" => fetched.size = Some(scanner.number().unwrap_or(u32::MAX)),
            "INTERNALDATE" => fetched.arrived_at = scanner.string()?.as_deref().and_then(date),
            _ if item.starts_with("BODY[") => fetched.section = Some(scanner.string()?),
            _ => scanner.skip()?,
        }
    }
}

/// `"17-Jul-1996 02:44:25 -0700"`, the day with a leading space or zero (RFC 3501 §9, date-time).
fn date(text: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(text).ok()?.trim();
    Timestamp::strptime("%d-%b-%Y %H:%M:%S %z", text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &[u8], literals: &[&[u8]]) -> Result<Response, Fault> {
        let literals = literals.iter().map(|literal| literal.to_vec()).collect();
        Response::parse(Raw { text: text.to_vec(), literals })
    }

    fn fetched(text: &str, literals: &[&[u8]]) -> Fetched {
        match parse(text.as_bytes(), literals).unwrap() {
            Response::Data(Data::Fetch(fetched)) => fetched,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_status_keeps_its_code_and_survives_any_text() {
        let status = Status::parse(b"OK [UIDNEXT 4392] Predicted next UID").unwrap();
        assert_eq!((status.number("UIDNEXT"), status.number("UIDVALIDITY")), (Some(4392), None));
        // Directly after the code, not ASCII, not UTF-8: GBK, as QQ sends it.
        let status = Status::parse(b"no [alert]\xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc").unwrap();
        assert_eq!((status.condition, status.code.as_deref()), (Condition::No, Some("ALERT")));
        assert!(status.text.starts_with('\u{fffd}'));
        assert_eq!(Status::parse(b"OK").unwrap().text, "");
        assert_eq!(Status::parse(b"OK [never closed").unwrap().code, None);
        assert_eq!(Status::parse(b"OKAY then"), None);
    }

    #[test]
    fn a_fetch_is_read_in_any_order_with_unknown_items_between() {
        let expected = Fetched {
            uid: Some(7),
            size: Some(4096),
            arrived_at: Some("1996-07-17T09:44:25Z".parse().unwrap()),
            section: Some(Some(b"Subject: x\r\n\r\n".to_vec())),
        };
        for text in [
            "* 1 FETCH (UID 7 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4096 BODY[HEADER.FIELDS (SUBJECT)] {14}\r\n)",
            "* 1 FETCH (FLAGS (\\Seen (x)) BODY[HEADER.FIELDS (\"SUBJECT\")]<0> {14}\r\n RFC822.SIZE 4096 X-NEW NIL MODSEQ (5)  \
             internaldate \"17-Jul-1996 02:44:25 -0700\" UID 7 )",
        ] {
            assert_eq!(fetched(text, &[b"Subject: x\r\n\r\n"]), expected);
        }
        assert_eq!(fetched("* 1 FETCH (FLAGS (\\Seen))", &[]), Fetched::default());
        assert_eq!(fetched("* 1 FETCH (BODY[] NIL)", &[]).section, Some(None));
        assert_eq!(fetched("* 1 FETCH (BODY[] \"\")", &[]).section, Some(Some(Vec::new())));
        assert_eq!(fetched("* 1 FETCH (RFC822.SIZE 5000000000)", &[]).size, Some(u32::MAX));
        assert_eq!(
            fetched("* 1 FETCH (INTERNALDATE \" 1-Jan-2026 00:00:00 +0800\")", &[]).arrived_at.unwrap().to_string(),
            "2025-12-31T16:00:00Z"
        );
        assert_eq!(fetched("* 1 FETCH (INTERNALDATE \"yesterday\")", &[]).arrived_at, None);
    }

    #[test]
    fn data_that_breaks_off_and_lines_that_are_not_imap_are_faults() {
        for text in [
            &b"* 1 FETCH"[..],
            b"* 1 FETCH (UID",
            b"* 1 FETCH (UID x)",
            b"* 1 FETCH (BODY[] {5}",
            b"* 1 FETCH (BODY[",
            b"* LIST",
            b"* LIST (\\HasNoChildren",
            b"",
            b"HTTP/1.1 400 Bad Request",
            b"A1 BYE",
            b"*",
            b"\xff\xfe",
        ] {
            assert!(parse(text, &[]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn other_data_is_tolerated() {
        assert!(matches!(parse(b"* 12 RECENT", &[]), Ok(Response::Data(Data::Other))));
        assert!(matches!(parse(b"* ID (\"name\" \"Coremail\")", &[]), Ok(Response::Data(Data::Other))));
        assert!(matches!(parse(b"* 12 EXISTS ", &[]), Ok(Response::Data(Data::Exists(12)))));
        assert!(matches!(parse(b"* 3 EXPUNGE", &[]), Ok(Response::Data(Data::Removed))));
        assert!(matches!(parse(b"* SEARCH 1 x 3 ", &[]), Ok(Response::Data(Data::Search(found))) if found == [1, 3]));
        assert!(matches!(parse(b"+idling", &[]), Ok(Response::Continue)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in prop::collection::vec(any::<u8>(), 0..120), literal in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = parse(&text, &[&literal]);
        }

        #[test]
        fn nothing_that_looks_like_data_panics(rest in "[ ()\\[\\]{}\"\\\\a-zA-Z0-9\r\n.<>-]{0,100}") {
            for start in ["* 1 FETCH (", "* LIST (", "* ", "A1 "] {
                let _ = parse(format!("{start}{rest}").as_bytes(), &[b"x", b"y"]);
            }
        }
    }
}
