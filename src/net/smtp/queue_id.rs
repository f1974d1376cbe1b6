//! Under which id the server queued a message: each tells it in its own words, many not at all.

/// The queue id in the text of a server's final reply.
pub(super) fn queue_id(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?.trim();
    let id = internal_id(line)
        .or_else(|| after(line, "queued as "))
        .or_else(|| gmail(line))
        .or_else(|| after(line, "id="))
        .or_else(|| after(line, "with id "))
        .or_else(|| sendmail(line))
        .or_else(|| after(line, "queued ("))
        .or_else(|| yandex(line))
        .or_else(|| qmail(line))
        .or_else(|| bare(line))?;
    let id = id.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | '(' | ')' | '<' | '>' | '[' | ']' | '"' | '\''));
    (!id.is_empty() && id.len() <= 200).then(|| id.to_owned())
}

/// The word after `mark`, which is searched without regard to case.
fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let at = line.to_ascii_lowercase().find(mark)? + mark.len();
    line.get(at..)?.split_ascii_whitespace().next()
}

/// Exchange: `<message-id> [InternalId=8461, Hostname=x] Queued mail for delivery`.
fn internal_id(line: &str) -> Option<&str> {
    after(line, "[internalid=").and_then(|rest| rest.split([',', ']']).next())
}

/// Gmail: `OK  1753781912 5b1f17b1804b1-45.si - gsmtp`.
fn gmail(line: &str) -> Option<&str> {
    line.strip_suffix("- gsmtp")?.split_ascii_whitespace().next_back()
}

/// Sendmail and OpenSMTPD: `u6BFx0 Message accepted for delivery`.
fn sendmail(line: &str) -> Option<&str> {
    let at = line.to_ascii_lowercase().find(" message accepted for delivery")?;
    line.get(..at)?.split_ascii_whitespace().next_back()
}

/// Yandex: `Ok: queued on mx1.mail.yandex.net 1753781912-abc`.
fn yandex(line: &str) -> Option<&str> {
    line.to_ascii_lowercase().contains("queued on ").then(|| line.split_ascii_whitespace().next_back())?
}

/// qmail: `ok 1753781912 qp 12345`.
fn qmail(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    let (ok, id, qp) = (words.next()?, words.next()?, words.next()?);
    (ok.eq_ignore_ascii_case("ok") && qp == "qp").then_some(id)
}

/// SES: `Ok 0102019a...-000000`: an id and nothing else.
fn bare(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    let (ok, id) = (words.next()?, words.next()?);
    let plausible = id.len() >= 12 && id.bytes().any(|b| b.is_ascii_digit());
    (ok.eq_ignore_ascii_case("ok") && words.next().is_none() && plausible).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_each_server_says_it() {
        let table = [
            ("Ok: queued as 4XyZ1a2b3c", Some("4XyZ1a2b3c")),
            ("Mail OK queued as smtp3,DsCowABnb1.2S3 1753781912", Some("smtp3,DsCowABnb1.2S3")),
            ("OK: queued as.", None),
            ("from MTA(lmtp:[127.0.0.1]:10024): 250 2.0.0 Ok: queued as 0F00D", Some("0F00D")),
            ("Ok 0102019a2b3c4d5e-6f708192-a3b4-000000", Some("0102019a2b3c4d5e-6f708192-a3b4-000000")),
            ("OK id=1uggrT-0000000ABCD-1x2y", Some("1uggrT-0000000ABCD-1x2y")),
            ("OK  1753781912 5b1f17b1804b1-4588dd375c2si126.42 - gsmtp", Some("5b1f17b1804b1-4588dd375c2si126.42")),
            ("56T9cWxh012345 Message accepted for delivery", Some("56T9cWxh012345")),
            ("<a@b> [InternalId=84618, Hostname=X.prod.outlook.com] 9 bytes Queued mail for delivery", Some("84618")),
            ("Ok: queued on mx1.mail.yandex.net 1753781912-qWeRt", Some("1753781912-qWeRt")),
            ("ok 1753781912 qp 12345", Some("1753781912")),
            ("Message Queued (5D3F-11.1)", Some("5D3F-11.1")),
            ("Message queued with id 2f3a99.", Some("2f3a99")),
            ("first line\nOk: queued as ABC", Some("ABC")),
            ("Great success", None),
            ("Queued. Thank you.", None),
            ("ok dirdel", None),
            ("OK", None),
            ("", None),
        ];
        for (text, id) in table {
            assert_eq!(queue_id(text).as_deref(), id, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Ok|queued as |id=|- gsmtp| Message accepted for delivery|\\[InternalId=|é| |\n|.){0,12}") {
            if let Some(id) = queue_id(&text) {
                prop_assert!(!id.is_empty() && id.len() <= 200);
            }
        }
    }
}
