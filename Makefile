# qdeck's tasks. `make` lists them.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/qdeck/target

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

test: ## everything: what the README names and CI runs
	cargo test --no-default-features

.PHONY: help test
