# The front of the repository: `make` lists what there is. Everything longer than three lines is in `.ci/tools` or `xtask`.
#
# All targets build the whole workspace with the same variables: another selection of packages would be another selection
# of features, and DataFusion would be built once more.

CARGO ?= cargo
PYTHON ?= python3
EVENTS ?= 10000000
RUNS ?= 5
LIVE_EVENTS ?= 1000000
SOAK_MINUTES ?= 30

# A target folder outside of the checkout is used where there is one, so that a fresh checkout does not begin cold.
OUTSIDE := $(HOME)/.cache/desireline/target
TARGET := $(or $(DESIRELINE_TARGET_DIR),$(CARGO_TARGET_DIR),$(if $(wildcard $(OUTSIDE)),$(OUTSIDE),$(CURDIR)/target))
override CARGO_TARGET_DIR := $(TARGET)

# rustup puts cargo here and asks for a new shell; this one is not new.
PATH := $(PATH):$(HOME)/.cargo/bin

# mold or lld, where the C compiler can use them.
ifeq ($(origin RUSTFLAGS), undefined)
LINKER := $(shell ./.ci/tools linker)
RUSTFLAGS := $(if $(LINKER),-C link-arg=-fuse-ld=$(LINKER))
endif

export CARGO_TARGET_DIR PATH RUSTFLAGS

.DEFAULT_GOAL := help
.PHONY: help demo build test soak check fmt tidy deny advisories clippy docs bench bench-live tools

help: ## list the targets
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

demo: build ## build, import the two example organisations, print findings, write their reports
	$(TARGET)/release/desireline demo

build: tools ## build the programs for use
	$(CARGO) build --release --workspace --bins

test: tools ## all tests, those in the documentation included
	@./.ci/tools tests
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then set -ex; $(CARGO) nextest run --workspace; $(CARGO) test --workspace --doc; \
	else set -ex; $(CARGO) test --workspace; fi

# There are eight of them, and on two cores two at a time.
SOAK := simulated:: killed:: shared:: backlog::
SOAKED := --workspace --test live --test deliver --test serving --test disk
soak: tools ## the long forms of the tests of what must never be lost or doubled (SOAK_MINUTES=30)
	@./.ci/tools tests
	@export SOAK_SECONDS=$$(($(SOAK_MINUTES) * 60 / 4)); if $(CARGO) nextest --version >/dev/null 2>&1; \
	then set -ex; $(CARGO) nextest run $(SOAKED) --no-fail-fast --success-output immediate $(SOAK); \
	else set -ex; $(CARGO) test $(SOAKED) --no-fail-fast -- --nocapture $(SOAK); fi

check: fmt tidy deny clippy docs ## everything but the tests, cheapest first

fmt: tools ## is everything formatted?
	$(CARGO) fmt --all --check

tidy: tools ## allowed edges between crates, sizes, error pages, links
	$(CARGO) run --quiet -p xtask -- tidy

deny: tools ## licences, sources and bans of dependencies (where cargo-deny is installed)
	@if $(CARGO) deny --version >/dev/null 2>&1; \
	then set -x; $(CARGO) deny --log-level error check --hide-inclusion-graph bans licenses sources; \
	else echo 'deny: skipped, cargo-deny is not installed (cargo install cargo-deny)'; fi

advisories: tools ## known holes of dependencies; needs cargo-deny and the network
	$(CARGO) deny check advisories

# The bans of the pure crates (clippy.toml) hold for what ships; their tests may read files and look at a clock.
clippy: tools ## lints, warnings count as errors
	$(CARGO) clippy --workspace --lib --bins -- -D warnings
	$(CARGO) clippy --workspace --all-targets -- -D warnings -A clippy::disallowed_methods -A clippy::disallowed_types

docs: tools ## the documentation of the sources, warnings count as errors
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps

bench: build ## measure against other tools (EVENTS=10000000 RUNS=5); needs Python, takes long
	@./.ci/tools python
	test -d bench/.venv || $(PYTHON) -m venv bench/.venv
	bench/.venv/bin/python -m pip install --quiet -r bench/requirements.txt
	bench/.venv/bin/python bench/run.py --desireline $(TARGET)/release/desireline --sim $(TARGET)/release/sim \
		--events $(EVENTS) --runs $(RUNS) --work $(TARGET)/bench

bench-live: tools ## measure the live side (LIVE_EVENTS=1000000 RUNS=5); needs Python
	$(CARGO) build --release --workspace --bins --examples
	$(PYTHON) bench/live.py --desireline $(TARGET)/release/desireline --load $(TARGET)/release/examples/load \
		--ceiling $(TARGET)/release/examples/ceiling --events $(LIVE_EVENTS) --runs $(RUNS) --work $(TARGET)/bench-live

tools: ## check what building needs, and say what is missing
	@./.ci/tools
