//! The judgement of Prometheus' own tool. Without it these tests fail: Debian has it in the package `prometheus`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use landfall::metrics::Format;

use crate::sample;

fn check(exposition: &str) -> Output {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed for this test: it is in Debian's package prometheus");
    promtool.stdin.take().unwrap().write_all(exposition.as_bytes()).unwrap();
    promtool.wait_with_output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn promtool_has_nothing_to_say_about_the_text_format() {
    let output = check(&sample::full().render(Format::Text).unwrap());
    assert!(output.status.success() && words(&output).is_empty(), "{}", words(&output));
}

#[test]
fn promtool_sees_what_is_wrong() {
    let text = sample::full().render(Format::Text).unwrap();
    let without_total = text.replace("landfall_handoffs_total", "landfall_handoffs");
    assert!(words(&check(&without_total)).contains("counter metrics should have \"_total\" suffix"));
    let twice = format!("{text}# TYPE landfall_store_writable gauge\nlandfall_store_writable 1\n");
    assert!(!check(&twice).status.success(), "a family that comes twice");
}

/// `promtool check metrics` reads the older format only. Its OpenMetrics reader, the scraper's own, is behind the import of old data, which
/// wants a time stamp on each sample.
#[test]
fn promtool_reads_the_open_metrics_format() {
    let text = sample::full().render(Format::OpenMetrics).unwrap();
    let stamped: String = text.lines().fold(String::new(), |mut out, line| {
        let stamp = if line.starts_with('#') { "" } else { " 1767225600" };
        writeln!(out, "{line}{stamp}").unwrap();
        out
    });
    let imported = import(&stamped);
    assert!(imported.status.success(), "{}", words(&imported));
    let cut_off = import(stamped.trim_end().strip_suffix("# EOF").unwrap());
    assert!(!cut_off.status.success(), "an exposition without its end");
}

fn import(text: &str) -> Output {
    let directory = std::env::temp_dir().join(format!("landfall-promtool-{}-{}", std::process::id(), text.len()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("exposition.txt");
    std::fs::write(&file, text).unwrap();
    let output = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &directory.join("blocks")])
        .output()
        .expect("promtool is needed for this test: it is in Debian's package prometheus");
    std::fs::remove_dir_all(&directory).unwrap();
    output
}
