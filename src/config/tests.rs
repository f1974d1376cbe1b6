//! What the parts of the configuration promise each other.

use std::path::Path;

use crate::config::catalog::Catalog;
use crate::config::parse;

#[test]
fn the_built_in_catalog_is_valid() {
    let catalog = Catalog::built_in().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(catalog.receivers.len(), 28);
}

#[test]
fn a_small_configuration_loads() {
    let text = "
identities: { shop: { from: 'Shop <no-reply@shop.example>' } }
routes: { direct: { identity: shop, mx: {} } }
mailboxes: { gmail-1: { address: seed@gmail.com, imap: { password_env: PATH } } }
probes: { receipts: { routes: all, mailboxes: all, every: 1h } }
";
    let loaded = parse(text, Path::new(""), "test.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.plan.lanes().count(), 1);
}
