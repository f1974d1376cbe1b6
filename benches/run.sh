#!/usr/bin/env bash
# Runs every benchmark, and prints their figures once more in one place. Arguments are given to the cargo that runs what needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

record=target/bench.txt
mkdir -p target
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
cargo bench --locked --bench authentication_results --bench scrape --bench store --bench daemon | tee "$record"
cargo bench --locked "$@" --bench dovecot | tee -a "$record"

echo
echo "bench: $(nproc) cores, load before $load_before, after $(cut -d' ' -f1-3 /proc/loadavg)"
grep -E '─ |─ *[0-9]+|item/s|^(latency|start|memory|delivery)|^  [a-zA-Z0-9]' "$record" | grep -v '^Timer'
