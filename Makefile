# qdeck's tasks. `make` lists them.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/qdeck/target
LEAN = --no-default-features

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

test: tools rig-install lint docs fast rig ## everything: what the README names and CI runs

tools: ## what a bare Debian machine lacks for building
	tests/tools

lint: ## format and clippy, with and without AWS
	cargo fmt --check
	cargo clippy $(LEAN) --all-targets -- -D warnings
	cargo clippy --all-targets -- -D warnings

docs: ## the documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

fast: ## all that needs no server, with and without AWS
	cargo test $(LEAN) --lib --bins --test runner --test it
	cargo test --lib --test it

rig-install: ## the servers that the rig runs, as root on Debian
	tests/rig/install

rig: ## the real sshd, Slurm, EC2 and CloudWatch servers on loopback, driven through the built program; its tests mostly wait
	tests/rig/run timeout -k 10 3000 cargo test --test rig

bench: ## a queue of 100,000 jobs and a log of 1,000,000 lines: read, filtered, searched, drawn
	cargo bench $(LEAN) --bench queue --bench logs

figures: ## what a running qdeck costs
	cargo build --release $(LEAN)
	benches/terminal.py --rows JOBID -- $(CARGO_TARGET_DIR)/release/qdeck demo
	benches/logs.py -- $(CARGO_TARGET_DIR)/release/qdeck
	benches/opening.py -- $(CARGO_TARGET_DIR)/release/qdeck
	benches/terminal.py --rows JOBID --type a -- $(CARGO_TARGET_DIR)/release/qdeck demo --jobs 100000 --nodes 1000

fuzz: ## every reader of what others write, 20 s each (needs cargo-fuzz): tests/fuzz/run 600 slurm runs one for longer
	tests/fuzz/run

deny: ## licences, sources and advisories of dependencies (needs cargo-deny)
	cargo deny check

.PHONY: help test tools lint docs fast rig-install rig bench figures fuzz deny
