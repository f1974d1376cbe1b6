# `make help` lists what there is to do.

# Test binaries that need nothing else: each file in tests/, and each directory there with a main.rs, but not `real` and `crosscheck`.
INTEGRATION := $(sort $(filter-out real crosscheck,$(patsubst tests/%.rs,%,$(wildcard tests/*.rs)) $(patsubst tests/%/main.rs,%,$(wildcard tests/*/main.rs))))
# The real servers need root, building does not: only the test binary runs under sudo.
ROOT := $(if $(filter 0,$(shell id -u)),,--config "target.'cfg(unix)'.runner='sudo -E'")

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | while read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: ## install what the tests need (Debian packages; uses sudo when not root)
	@tests/setup.sh

.PHONY: build
build: ## build the optimised binary
	cargo build --release --locked

.PHONY: test
test: setup unit integration crosscheck real ## run all tests
	@echo "test: passed: unit, $(foreach name,$(INTEGRATION),$(name),) crosscheck, real"

.PHONY: unit
unit: ## run the unit tests and the examples in the documentation
	@echo "test: unit"
	cargo test --locked --lib --bins
	cargo test --locked --doc

.PHONY: integration
integration: $(addprefix integration-,$(INTEGRATION)) ## run the tests in tests/ that need no servers

.PHONY: $(addprefix integration-,$(INTEGRATION))
$(addprefix integration-,$(INTEGRATION)): integration-%:
	@echo "test: $*"
	cargo test --locked --test $*

.PHONY: list-integration
list-integration:
	@echo $(INTEGRATION)

.PHONY: real
real: setup ## run the tests against real mail servers (root, or sudo)
	@echo "test: real"
	cargo test --locked $(ROOT) --test real

CROSSCHECK := target/tools/venv-crosscheck
.PHONY: crosscheck
crosscheck: ## compare our DKIM verdicts with dkimpy's (Python; installed below target/ the first time)
	@[ -e $(CROSSCHECK)/ready ] || { python3 -m venv $(CROSSCHECK) && $(CROSSCHECK)/bin/pip install --quiet --disable-pip-version-check dkimpy==1.1.8 pynacl==1.6.2 authres==1.2.0 cryptography && touch $(CROSSCHECK)/ready; }
	@echo "test: crosscheck"
	cargo test --locked --test crosscheck -- --nocapture

.PHONY: demo
demo: setup ## watch the daemon work against real mail servers until Ctrl-C
	cargo build --locked --bin landfall
	cargo run --locked --quiet $(ROOT) --example demo

.PHONY: bench
bench: setup ## run the benchmarks; the last lines sum up (docs/performance.md)
	@benches/run.sh $(ROOT)

.PHONY: fmt
fmt: ## format the code
	cargo fmt

.PHONY: fmt-check
fmt-check:
	cargo fmt --check

.PHONY: clippy
clippy: ## run the linter; a warning is an error
	cargo clippy --locked --all-targets -- -D warnings

.PHONY: doc
doc: ## build the documentation; a warning is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

.PHONY: deny
deny: ## check the dependencies' licences, duplicates, sources and advisories
	.ci/cargo-deny

.PHONY: generated
generated: ## write the files that the code itself generates
	.ci/generated

.PHONY: generated-check
generated-check:
	.ci/generated --check

.PHONY: ci
ci: ## run everything that must hold before a change is taken
	.ci/run
