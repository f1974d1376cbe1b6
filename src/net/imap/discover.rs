//! Which folder is what: inbox, a tab, junk, or none of them.
//!
//! Every receiver names its junk folder differently, and in its own language. In this order somebody knows: the configuration;
//! the name INBOX, which is special by itself (RFC 3501 §5.1); the server, by SPECIAL-USE attributes (RFC 6154: `\Junk`) or the
//! older XLIST (`\Spam`); the provider's profile; and where none of them knows any junk folder, a list of names that are
//! common.

use crate::model::{FolderKind, FolderNames};
use crate::net::imap::Folder;

/// A folder that can be opened, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedFolder {
    /// The folder.
    pub folder: Folder,
    /// What it is to its receiver.
    pub kind: FolderKind,
    /// The tab's name, where it is one.
    pub category: Option<String>,
}

/// Names of junk folders where nobody says which it is, in lower case.
const JUNK: [&str; 46] = [
    "spam",
    "junk",
    "junk e-mail",
    "junk email",
    "junk mail",
    "junk-e-mail",
    "bulk",
    "bulk mail",
    "spam mail",
    "spamverdacht",
    "unerwünscht",
    "unerwünschte werbung",
    "[gmail]/spam",
    "[google mail]/spam",
    "垃圾邮件",
    "垃圾箱",
    "垃圾郵件",
    "垃圾信件",
    "垃圾信件箱",
    "迷惑メール",
    "スパム",
    "스팸",
    "스팸메일함",
    "스팸편지함",
    "정크메일",
    "정크 메일",
    "спам",
    "нежелательная почта",
    "небажана пошта",
    "correo no deseado",
    "courrier indésirable",
    "indésirables",
    "pourriel",
    "posta indesiderata",
    "lixo eletrônico",
    "lixo eletrónico",
    "lixo electrónico",
    "ongewenste e-mail",
    "ongewenst",
    "skräppost",
    "søppelpost",
    "uønsket e-post",
    "uønsket mail",
    "roskaposti",
    "niechciane",
    "istenmeyen",
];

/// Names of the owner's own folders where no attribute says so, in lower case.
const OWN: [&str; 14] = [
    "sent",
    "sent items",
    "sent mail",
    "sent messages",
    "drafts",
    "draft",
    "outbox",
    "已发送",
    "草稿箱",
    "gesendet",
    "entwürfe",
    "отправленные",
    "черновики",
    "送信済み",
];

/// Sorts the folders that can be opened: the inbox first, then tabs, junk, and the others.
#[must_use]
pub fn classify(folders: &[Folder], configured: &FolderNames, provider: &FolderNames) -> Vec<WatchedFolder> {
    let selectable: Vec<&Folder> = folders.iter().filter(|folder| folder.selectable).collect();
    let any = |test: &dyn Fn(&Folder) -> bool| selectable.iter().any(|folder| test(folder));
    // The name that makes a folder the inbox: the configured one if there is such a folder, else INBOX or `\Inbox`, else the
    // provider's.
    let configured_inbox = configured.inbox.as_deref().filter(|name| any(&|folder| named(folder, name)));
    let known_inbox = any(&is_inbox);
    let inbox = |folder: &Folder| match configured_inbox {
        Some(name) => named(folder, name),
        None if known_inbox => is_inbox(folder),
        None => provider.inbox.as_deref().is_some_and(|name| named(folder, name)),
    };
    let told_junk = any(&is_junk);
    let provider_junk = |folder: &Folder| !told_junk && listed(folder, &provider.spam);
    let known_junk = told_junk || any(&|folder| listed(folder, &configured.spam) || provider_junk(folder));
    let kind = |folder: &Folder| -> (FolderKind, Option<String>) {
        let tab = |names: &[String]| names.iter().find_map(|name| tab(folder, name));
        let plain = |kind| (kind, None);
        let category = |label| (FolderKind::Category, Some(label));
        if inbox(folder) {
            plain(FolderKind::Inbox)
        } else if listed(folder, &configured.spam) {
            plain(FolderKind::Spam)
        } else if let Some(label) = tab(&configured.categories) {
            category(label)
        } else if let Some(kind) = told(folder) {
            plain(kind)
        } else if provider_junk(folder) {
            plain(FolderKind::Spam)
        } else if let Some(label) = tab(&provider.categories) {
            category(label)
        } else if !known_junk && JUNK.iter().any(|name| named(folder, name)) {
            plain(FolderKind::Spam)
        } else if OWN.iter().any(|name| named(folder, name)) {
            plain(FolderKind::Own)
        } else {
            plain(FolderKind::Other)
        }
    };
    let mut watched: Vec<_> = selectable
        .iter()
        .map(|folder| {
            let (kind, category) = kind(folder);
            WatchedFolder { folder: (*folder).clone(), kind, category }
        })
        .collect();
    watched.sort_by_key(|watched| watched.kind);
    watched
}

/// INBOX in any case (RFC 3501 §5.1), or what XLIST calls so under a name in the owner's language.
fn is_inbox(folder: &Folder) -> bool {
    folder.wire.eq_ignore_ascii_case("INBOX") || folder.is("\\inbox")
}

fn is_junk(folder: &Folder) -> bool {
    folder.is("\\junk") || folder.is("\\spam")
}

/// What the server says it is, by RFC 6154 or XLIST.
fn told(folder: &Folder) -> Option<FolderKind> {
    let is = |names: &[&str]| names.iter().any(|name| folder.is(name));
    if is_junk(folder) {
        Some(FolderKind::Spam)
    } else if is(&["\\all", "\\allmail", "\\flagged", "\\starred", "\\important"]) {
        Some(FolderKind::View)
    } else if is(&["\\sent", "\\drafts"]) {
        Some(FolderKind::Own)
    } else if is(&["\\trash", "\\archive"]) {
        Some(FolderKind::Other)
    } else {
        None
    }
}

fn listed(folder: &Folder, names: &[String]) -> bool {
    names.iter().any(|name| named(folder, name))
}

/// Whether people would call the folder that: without regard to case, to how levels are written, and to whether everything lies
/// below INBOX (Courier, Dovecot with a prefix, some hosters).
fn named(folder: &Folder, name: &str) -> bool {
    let wanted = levels(name, folder.delimiter, true);
    below_inbox(folder).any(|levels| levels == wanted) || folder.name.to_lowercase() == name.to_lowercase()
}

/// The tab's name, where `name` means this folder: by itself, or as one of those below it (`Categories/*`).
fn tab(folder: &Folder, name: &str) -> Option<String> {
    let parent = name.strip_suffix('*').and_then(|name| {
        name.strip_suffix('/').or_else(|| folder.delimiter.and_then(|delimiter| name.strip_suffix(delimiter)))
    });
    let meant = match parent {
        Some(parent) => {
            let parent = levels(parent, folder.delimiter, true);
            below_inbox(folder).any(|levels| levels.len() > parent.len() && levels.starts_with(&parent))
        }
        None => named(folder, name),
    };
    let last = match folder.delimiter {
        Some(delimiter) => folder.name.rsplit(delimiter).next(),
        None => Some(folder.name.as_str()),
    };
    if meant { last.map(str::to_owned) } else { None }
}

/// The folder's levels, with and without a leading INBOX.
fn below_inbox(folder: &Folder) -> impl Iterator<Item = Vec<String>> {
    let all = levels(&folder.name, folder.delimiter, false);
    let below = match all.split_first() {
        Some((first, below)) if first == "inbox" && !below.is_empty() => Some(below.to_vec()),
        _ => None,
    };
    [Some(all), below].into_iter().flatten()
}

/// The levels of a name in lower case. A person may write `/` whatever the server's delimiter is; a server that has no levels
/// has no delimiter.
fn levels(name: &str, delimiter: Option<char>, by_people: bool) -> Vec<String> {
    let separates = |c: char| Some(c) == delimiter || (by_people && delimiter.is_some() && c == '/');
    name.to_lowercase().split(separates).map(str::to_owned).collect()
}
