//! Which folder is what, at receivers and with configurations of every kind.

use crate::model::{FolderKind, FolderNames};
use crate::net::imap::Folder;
use crate::net::imap::discover::classify;
use crate::syntax::utf7;

fn folder(name: &str, delimiter: Option<char>, attributes: &[&str]) -> Folder {
    let attributes: Vec<String> = attributes.iter().map(|attribute| (*attribute).to_owned()).collect();
    let selectable = !attributes.iter().any(|attribute| attribute == "\\noselect");
    Folder { wire: utf7::encode(name), name: name.into(), delimiter, selectable, attributes }
}

fn names(inbox: Option<&str>, spam: &[&str], categories: &[&str]) -> FolderNames {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    FolderNames { inbox: inbox.map(str::to_owned), spam: own(spam), categories: own(categories) }
}

/// `name=kind` or `name=category:label` for every folder that can be opened.
fn sorted(folders: &[Folder], configured: &FolderNames, provider: &FolderNames) -> Vec<String> {
    classify(folders, configured, provider)
        .into_iter()
        .map(|watched| {
            let label = watched.category.map(|label| format!(":{label}")).unwrap_or_default();
            format!("{}={}{label}", watched.folder.name, watched.kind.as_str())
        })
        .collect()
}

fn nothing() -> FolderNames {
    FolderNames::default()
}

#[test]
fn special_use_as_gmail_tells_it() {
    let folders = [
        folder("INBOX", Some('/'), &["\\hasnochildren"]),
        folder("[Gmail]", Some('/'), &["\\haschildren", "\\noselect"]),
        folder("[Gmail]/Alle Nachrichten", Some('/'), &["\\all"]),
        folder("[Gmail]/Entwürfe", Some('/'), &["\\drafts"]),
        folder("[Gmail]/Gesendet", Some('/'), &["\\sent"]),
        folder("[Gmail]/Markiert", Some('/'), &["\\flagged"]),
        folder("[Gmail]/Papierkorb", Some('/'), &["\\trash"]),
        folder("[Gmail]/Spam", Some('/'), &["\\junk"]),
        folder("[Gmail]/Wichtig", Some('/'), &["\\important"]),
        folder("Reisen", Some('/'), &[]),
    ];
    let expected = [
        "INBOX=inbox",
        "[Gmail]/Spam=spam",
        "[Gmail]/Papierkorb=other",
        "Reisen=other",
        "[Gmail]/Alle Nachrichten=view",
        "[Gmail]/Markiert=view",
        "[Gmail]/Wichtig=view",
        "[Gmail]/Entwürfe=own",
        "[Gmail]/Gesendet=own",
    ];
    assert_eq!(sorted(&folders, &nothing(), &nothing()), expected);
}

#[test]
fn xlist_names_the_inbox_and_junk_in_the_owners_language() {
    let folders = [
        folder("Входящие", Some('|'), &["\\inbox"]),
        folder("Нечто", Some('|'), &["\\spam"]),
        folder("Всё", Some('|'), &["\\allmail"]),
        folder("Избранное", Some('|'), &["\\starred"]),
    ];
    assert_eq!(
        sorted(&folders, &nothing(), &nothing()),
        ["Входящие=inbox", "Нечто=spam", "Всё=view", "Избранное=view"]
    );
}

#[test]
fn provider_names_count_where_the_server_does_not_tell() {
    let qq = [
        folder("INBOX", Some('/'), &[]),
        folder("Junk", Some('/'), &[]),
        folder("其他文件夹", Some('/'), &["\\noselect"]),
        folder("其他文件夹/订阅", Some('/'), &[]),
    ];
    let provider = names(None, &["Junk"], &["其他文件夹/订阅"]);
    assert_eq!(sorted(&qq, &nothing(), &provider), ["INBOX=inbox", "其他文件夹/订阅=category:订阅", "Junk=spam"]);
    // The server tells which is junk: a folder of the owner's with the profile's name is an ordinary one.
    let told =
        [folder("INBOX", Some('/'), &[]), folder("Bulk", Some('/'), &["\\junk"]), folder("Junk", Some('/'), &[])];
    assert_eq!(sorted(&told, &nothing(), &provider), ["INBOX=inbox", "Bulk=spam", "Junk=other"]);
}

#[test]
fn common_names_count_where_nobody_tells() {
    for name in
        ["垃圾邮件", "迷惑メール", "Спам", "Junk E-Mail", "SPAM", "Courrier indésirable", "INBOX.Spam", "inbox.Junk"]
    {
        let folders = [folder("INBOX", Some('.'), &[]), folder(name, Some('.'), &[])];
        assert_eq!(sorted(&folders, &nothing(), &nothing())[1], format!("{name}=spam"));
    }
    let folders = [folder("Work.Spam", Some('.'), &[]), folder("Spam", Some('.'), &[]), folder("Sent", Some('.'), &[])];
    assert_eq!(
        sorted(&folders, &nothing(), &names(None, &["Spam"], &[])),
        ["Spam=spam", "Work.Spam=other", "Sent=own"]
    );
}

#[test]
fn the_configuration_wins() {
    let folders = [
        folder("INBOX", Some('.'), &[]),
        folder("INBOX.Eingang", Some('.'), &[]),
        folder("INBOX.Werbung", Some('.'), &["\\junk"]),
        folder("INBOX.Quarantäne", Some('.'), &["\\archive"]),
        folder("INBOX.Tabs", Some('.'), &["\\noselect"]),
        folder("INBOX.Tabs.Promotions", Some('.'), &[]),
        folder("INBOX.Tabs.Social.Deep", Some('.'), &[]),
        folder("INBOX.Tabsoid", Some('.'), &[]),
    ];
    let configured = names(Some("INBOX/Eingang"), &["Quarantäne"], &["INBOX/Tabs/*", "inbox.werbung"]);
    let expected = [
        "INBOX.Eingang=inbox",
        "INBOX.Werbung=category:Werbung",
        "INBOX.Tabs.Promotions=category:Promotions",
        "INBOX.Tabs.Social.Deep=category:Deep",
        "INBOX.Quarantäne=spam",
        "INBOX=other",
        "INBOX.Tabsoid=other",
    ];
    assert_eq!(sorted(&folders, &configured, &nothing()), expected);
    // A configured inbox that does not exist does not leave the mailbox without one.
    assert_eq!(sorted(&folders[..1], &names(Some("Posteingang"), &[], &[]), &nothing()), ["INBOX=inbox"]);
}

#[test]
fn delimiters_of_every_kind() {
    for delimiter in ['/', '.', '\\', '^', '|', '&', '台'] {
        let name = format!("Tabs{delimiter}Social");
        let folders = [folder("inbox", Some(delimiter), &[]), folder(&name, Some(delimiter), &[])];
        for pattern in ["Tabs/*".to_owned(), format!("tabs{delimiter}*"), "Tabs/Social".to_owned(), name.clone()] {
            let sorted = sorted(&folders, &names(None, &[], &[&pattern]), &nothing());
            assert_eq!(sorted, ["inbox=inbox".to_owned(), format!("{name}=category:Social")], "{pattern}");
        }
    }
    // Without levels a slash is a character like any other.
    let flat = [folder("INBOX", None, &[]), folder("Tabs/Social", None, &[]), folder("INBOX.Spam", None, &[])];
    let configured = names(None, &[], &["Tabs/Social"]);
    assert_eq!(
        sorted(&flat, &configured, &nothing()),
        ["INBOX=inbox", "Tabs/Social=category:Tabs/Social", "INBOX.Spam=other"]
    );
}

#[test]
fn nothing_in_nothing_out_and_only_what_can_be_opened() {
    assert_eq!(classify(&[], &nothing(), &nothing()), []);
    let parent = [folder("Spam", Some('/'), &["\\noselect", "\\junk"])];
    assert_eq!(classify(&parent, &nothing(), &nothing()), []);
    let one = classify(&[folder("InBoX", None, &[])], &nothing(), &nothing());
    assert_eq!(one[0].kind, FolderKind::Inbox);
}
