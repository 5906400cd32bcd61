# The targets' help is the text behind ##; the default target prints it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup vectors render check prove claims draft report adapters conform strongswan debian test \
	coverage bench load lowest lock mutate mutate-reference package

help: ## say what the targets do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the virtual environment .venv with the pinned packages

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.lock
	$(BIN)/pip install -q --no-deps -e .
	@touch $@

vectors: $(STAMP) ## emit all vectors to vectors/ and check them
	$(BIN)/owamp-vectors generate

render: $(STAMP) ## render the vectors as C, Go, Python, Rust and text, to build/render
	for format in c go python rust text; do $(BIN)/owamp-vectors render $$format || exit; done

check: $(STAMP) ## run the linters, and compare vectors/ with what the generator makes
	.ci/check $(BIN)

prove: $(STAMP) ## prove what has no current verdict (needs Tamarin, ProVerif and CryptoVerif)
	$(BIN)/owamp-vectors prove

claims: $(STAMP) ## show the claims about the models beside their verdicts
	$(BIN)/owamp-vectors claims

draft: $(STAMP) ## make the Internet-Draft, to build/draft
	$(BIN)/owamp-vectors draft

report: $(STAMP) ## write claims, attacks and vectors as pages for a browser, to build/report
	$(BIN)/owamp-vectors report

package: ## build sdist and wheel, and try the wheel in a fresh environment (needs a package index)
	.ci/package $(PYTHON)

adapters: ## build the adapters whose tools are installed, to build/adapters
	@mkdir -p build/adapters
	@if echo '#include <openssl/evp.h>' | cc -E - >/dev/null 2>&1; then \
		cc -std=c11 -Wall -Wextra -O2 -o build/adapters/c adapters/c/*.c -lcrypto; \
		else echo "no cc, or no headers of OpenSSL: adapters/c is left out"; fi
	@if command -v go >/dev/null; then cd adapters/go && go build -o ../../build/adapters/go .; \
		else echo "no go: adapters/go is left out"; fi
	@if command -v javac >/dev/null; then javac -d build/adapters/java adapters/java/*.java; \
		else echo "no javac: adapters/java is left out"; fi

conform: $(STAMP) adapters ## ask each adapter every case, to build/conform, where report finds it
	@mkdir -p build/conform
	@if [ -x build/adapters/c ]; then $(BIN)/owamp-vectors conform -q --json build/conform/c.json -- build/adapters/c; fi
	@if [ -x build/adapters/go ]; then $(BIN)/owamp-vectors conform -q --json build/conform/go.json -- build/adapters/go; fi
	@if [ -d build/adapters/java ]; then $(BIN)/owamp-vectors conform -q --json build/conform/java.json -- java -cp build/adapters/java Adapter; fi
	@if command -v node >/dev/null; then \
		$(BIN)/owamp-vectors conform -q --json build/conform/javascript.json -- node adapters/javascript/adapter.js; fi

debian: ## install the Debian packages that some tests need (as root)
	.ci/debian

test: $(STAMP) ## run the tests
	$(BIN)/pytest

coverage: $(STAMP) ## run the tests and report the lines and branches that they reach
	$(BIN)/pytest --cov --cov-report=term
	$(BIN)/coverage report --include='reference/*' --fail-under=99

bench: $(STAMP) ## measure regeneration against the bare cryptographic operations
	$(BIN)/python -m owamp_vectors.bench

load: $(STAMP) ## put load on serve for a minute, on loopback, and say what it cost
	$(BIN)/python -m tests.live.load

lowest: ## install the lowest versions that are allowed, generate and test there (needs an index)
	.ci/lowest $(PYTHON)

STRYKER := 8.7.1
mutate: $(STAMP) ## count the mutants of adapters/javascript that the vectors kill (an hour; needs npm)
	npm install --silent --prefix build/mutate @stryker-mutator/core@$(STRYKER)
	$(BIN)/python -m tests.mutation.questions build/mutate/questions.jsonl
	nice $(BIN)/python -m tests.mutation.javascript

COSMIC_RAY := 8.7.0
mutate-reference: $(STAMP) ## count the mutants of reference/ that the vectors notice (an hour; needs an index)
	$(PYTHON) -m venv build/mutate/cosmic-ray
	build/mutate/cosmic-ray/bin/pip install -q cosmic-ray==$(COSMIC_RAY)
	nice $(BIN)/python -m tests.mutation.reference

strongswan: $(STAMP) ## record the known answers of strongSwan (needs strongSwan, and root)
	$(BIN)/python -m tests.strongswan.record

lock: ## resolve the pinned packages anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --extra dev --no-annotate \
		--no-strip-extras --generate-hashes --custom-compile-command 'make lock' -o requirements.lock pyproject.toml
