# The targets' help is the text behind ##; the default target prints it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup vectors check prove claims report adapters test coverage bench lock

help: ## say what the targets do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the virtual environment .venv with the pinned packages

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c requirements.lock -e '.[dev]'
	@touch $@

vectors: $(STAMP) ## emit all vectors to vectors/ and check them
	$(BIN)/owamp-vectors generate

check: $(STAMP) ## recompute vectors/, and run the linters and the type checker
	$(BIN)/owamp-vectors verify vectors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

prove: $(STAMP) ## prove what has no current verdict (needs tamarin-prover)
	$(BIN)/owamp-vectors prove

claims: $(STAMP) ## show the claims about the models beside their verdicts
	$(BIN)/owamp-vectors claims

report: $(STAMP) ## write claims, attacks and vectors as pages for a browser, to build/report
	$(BIN)/owamp-vectors report

adapters: ## build the adapters whose tools are installed, to build/adapters
	@mkdir -p build/adapters
	@if echo '#include <openssl/evp.h>' | cc -E - >/dev/null 2>&1; then \
		cc -std=c11 -Wall -Wextra -O2 -o build/adapters/c adapters/c/*.c -lcrypto; \
		else echo "no cc, or no headers of OpenSSL: adapters/c is left out"; fi
	@if command -v go >/dev/null; then cd adapters/go && go build -o ../../build/adapters/go .; \
		else echo "no go: adapters/go is left out"; fi
	@if command -v javac >/dev/null; then javac -d build/adapters/java adapters/java/*.java; \
		else echo "no javac: adapters/java is left out"; fi

test: $(STAMP) ## run the tests
	$(BIN)/pytest

coverage: $(STAMP) ## run the tests and report the lines and branches that they reach
	$(BIN)/pytest --cov --cov-report=term
	$(BIN)/coverage report --include='reference/*' --fail-under=99

bench: $(STAMP) ## measure regeneration against the bare cryptographic operations
	$(BIN)/python -m owamp_vectors.bench

lock: ## resolve the pinned packages anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --extra dev --no-annotate \
		--custom-compile-command 'make lock' -o requirements.lock pyproject.toml
