//! `landfall spf` as a user calls it, against a name server on the loopback.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::dns::{Zone, serve};

fn zone() -> Zone {
    serde_json::from_value(json!({
        "shop.example": {"records": [["TXT", "v=spf1 include:_spf.relay.example exp=why.shop.example -all"], ["TXT", "spf2.0/pra -all"]]},
        "why.shop.example": {"records": [["TXT", "%{i} is no host of %{d}"]]},
        "_spf.relay.example": {"records": [["TXT", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"]]},
        "bounce.relay.example": {"records": [["TXT", "v=spf1 ip4:198.51.100.7 -all"]]},
        "two.example": {"records": [["TXT", "v=spf1 -all"], ["TXT", "v=spf1 +all"]]},
        "down.example": {"records": [], "silent": true},
    }))
    .unwrap()
}

fn landfall(arguments: &[&str]) -> Output {
    let server = format!("--dns-server={}", serve(&zone()));
    Command::new(env!("CARGO_BIN_EXE_landfall")).args(["spf", &server]).args(arguments).output().unwrap()
}

/// The document, which the schema must describe, and the exit status.
fn document(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = landfall(&[arguments, &["--format=json"]].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let schema: Value = serde_json::from_str(include_str!("../../docs/spf.schema.json")).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    if let Err(error) = jsonschema::draft202012::new(&schema).unwrap().validate(&document) {
        panic!("{error}: {document:#}");
    }
    (document, output.status.code())
}

#[test]
fn a_pass_in_full() {
    let (document, status) = document(&["--ip=192.0.2.9", "--mail-from=a@shop.example", "--helo=mail.relay.example"]);
    assert_eq!(
        document,
        json!({
            "result": "pass",
            "domain": "shop.example",
            "identity": "mailfrom",
            "mechanism": "include:_spf.relay.example > ip4:192.0.2.0/24",
            "lookups": 1,
            "void_lookups": 0,
            "explanation": null,
            "reason": "192.0.2.9 matches `include:_spf.relay.example` of shop.example",
        })
    );
    assert_eq!(status, Some(0));
}

#[test]
fn passes_at_most_receivers_and_not_at_those_that_check_the_header_from() {
    let arguments = [
        "--ip=198.51.100.7",
        "--mail-from=x@bounce.relay.example",
        "--helo=bounce.relay.example",
        "--from=Shop <no-reply@shop.example>",
    ];
    let (document, status) = document(&arguments);
    assert_eq!((&document["result"], status), (&json!("pass"), Some(1)));
    assert_eq!(
        document["pra"],
        json!({
            "header": "From",
            "mailbox": "no-reply@shop.example",
            "result": "fail",
            "domain": "shop.example",
            "identity": "pra",
            "mechanism": "-all",
            "lookups": 1,
            "void_lookups": 0,
            "explanation": "198.51.100.7 is no host of shop.example",
            "reason": "198.51.100.7 matches `-all` of shop.example",
            "sender_id": "spf2.0/pra -all",
        })
    );
    let text = String::from_utf8(landfall(&arguments).stdout).unwrap();
    assert_eq!(
        text,
        "\
pass: bounce.relay.example (MAIL FROM) from 198.51.100.7
  why          198.51.100.7 matches `ip4:198.51.100.7` of bounce.relay.example
  decided by   ip4:198.51.100.7
  lookups      0 of 10, 0 of 2 without an answer
  bounce.relay.example: v=spf1 ip4:198.51.100.7 -all
    pass      ip4:198.51.100.7

fail: shop.example (header From) from 198.51.100.7
  why          198.51.100.7 matches `-all` of shop.example
  decided by   -all
  lookups      1 of 10, 0 of 2 without an answer
  they say     198.51.100.7 is no host of shop.example
  shop.example: v=spf1 include:_spf.relay.example exp=why.shop.example -all
    no match  include:_spf.relay.example
    _spf.relay.example: v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all
      no match  ip4:192.0.2.0/24
      no match  ip6:2001:db8::/32
      softfail  ~all
    fail      -all
  not used     spf2.0/pra -all

Most receivers let this pass. docomo, au and SoftBank check the header From: name 198.51.100.7 in the SPF record of shop.example.
"
    );
}

#[test]
fn each_result_has_its_exit_status() {
    for (mail_from, result, status) in [
        ("a@shop.example", "fail", 1),
        ("a@_spf.relay.example", "softfail", 1),
        ("a@two.example", "permerror", 1),
        ("a@absent.example", "none", 1),
        ("a@down.example", "temperror", 3),
    ] {
        let (document, code) =
            document(&["--ip=203.0.113.1", "--dns-timeout=100ms", &format!("--mail-from={mail_from}")]);
        assert_eq!((document["result"].as_str(), code), (Some(result), Some(status)), "{mail_from}");
    }
    let (document, _) = document(&["--ip=2001:db8::1", "--mail-from=", "--helo=_spf.relay.example"]);
    assert_eq!((document["result"].as_str(), document["identity"].as_str()), (Some("pass"), Some("helo")));
}

#[test]
fn a_wrong_command_line_is_told() {
    for (arguments, said) in [
        (&["--ip=nowhere", "--helo=a.example"][..], "invalid value 'nowhere' for '--ip <ADDRESS>'"),
        (&["--ip=192.0.2.1"], "--mail-from <ADDRESS>"),
        (&["--ip=192.0.2.1", "--mail-from="], "an empty --mail-from needs --helo"),
        (&["--ip=192.0.2.1", "--helo=a.example", "--from=nobody"], "--from: \"nobody\" is not one address"),
        (&["--ip=192.0.2.1", "--helo=a.example", "--dns-timeout=0s"], "it is not to be zero"),
        (&["--ip=192.0.2.1", "--helo=a.example", "--dns-server=ns.example"], "such as 127.0.0.1:53"),
    ] {
        let output = landfall(arguments);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(complaint.contains(said), "{arguments:?}: {complaint}");
        assert!(output.stdout.is_empty());
    }
}
