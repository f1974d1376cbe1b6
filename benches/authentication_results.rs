//! How many Authentication-Results headers one core reads in a second, over the corpus of real ones: `cargo bench --bench authentication_results`.
//!
//! divan's "items/s" column is headers a second; the goal is 400,000.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use landfall::syntax::authentication_results::parse;
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    raw: String,
}

fn corpus() -> Vec<Line> {
    let text = include_str!("../tests/data/authentication-results.jsonl");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Every header of the corpus once.
#[divan::bench]
fn headers(bencher: Bencher<'_, '_>) {
    let lines = corpus();
    let bytes: usize = lines.iter().map(|line| line.raw.len()).sum();
    bencher.counter(ItemsCount::new(lines.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for line in &lines {
            black_box(parse(black_box(line.raw.as_bytes())));
        }
    });
}

/// The longest value that is looked at, of comments that never end.
#[divan::bench]
fn hostile_64_kib(bencher: Bencher<'_, '_>) {
    let value = b"mx.example; spf=pass (".repeat(3_000);
    bencher.counter(BytesCount::new(value.len())).bench_local(|| parse(black_box(&value)));
}

fn main() {
    divan::main();
}
