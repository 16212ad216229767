# Needs Python 3.11 or newer and make. The rest is installed into .venv and node_modules.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first Python that is new enough; 3.11 to 3.13 come before newer ones, whose wheels may be missing.
NEW_ENOUGH = -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= tuple(map(int, sys.argv[1:])))'
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	  $$p $(NEW_ENOUGH) 3 13 >/dev/null 2>&1 && { echo $$p; exit; }; done; \
	python3 $(NEW_ENOUGH) 3 99 >/dev/null 2>&1 && echo python3)
BIN := .venv/bin
APPS := portal partners accounts messaging

.PHONY: help
help: ## Show what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed: install it, or name one with make PYTHON=...' >&2; exit 1; }

.PHONY: setup
setup: python ## Install everything that is missing or has changed
	@$(PYTHON) -m portal.local.setup

.PHONY: run
run: setup ## Run everything here, until Ctrl-C
	@exec $(BIN)/python -m portal.local run

.PHONY: stop
stop: ## Stop what runs
	@if test -x $(BIN)/python; then exec $(BIN)/python -m portal.local stop; fi

.PHONY: test
test: python ## Run all tests
	@$(PYTHON) -m portal.local.setup --tests
	@$(BIN)/python -m portal.local.checks test

.PHONY: quick
quick: setup ## Run the tests that need neither a database nor a browser
	@exec $(BIN)/python -m pytest -n auto -q -m 'not django_db and not browser and not slow'

.PHONY: main-job
main-job: setup ## Play card rows through whole banks and judge from outside: CSV= ROWS= RATE= KILL= FAULTS= SEED= DIALECT= HANG=
	@exec $(BIN)/python -m benchmarks.main_job

.PHONY: bench
bench: setup ## Measure commit to screen, and what a socket costs, as ratios to a floor and to plain Channels
	@$(BIN)/python -m benchmarks.screen
	@$(BIN)/python -m benchmarks.sockets

.PHONY: bench-consent
bench-consent: setup ## Measure what the gate and the record cost a page of 100 transactions, against the read alone
	@exec $(BIN)/python -m benchmarks.consent

.PHONY: bench-ingest
bench-ingest: setup ## Measure rows a second into ledgers of 1, 5 and 10 million rows, against COPY and the ORM's ways
	@exec $(BIN)/python -m benchmarks.ingest

.PHONY: corpus
corpus: setup ## Read a folder of statement files against its MANIFEST.tsv: SAMPLES=path
	@$(BIN)/python -m benchmarks.corpus "$${SAMPLES:?is the folder: make corpus SAMPLES=path}"

.PHONY: attack
attack: python ## Attack every operation of the API with made-up requests, as three kinds of caller: MINUTES= SEED=
	@$(PYTHON) -m portal.local.setup --dev
	@exec $(BIN)/python -m tests.attacks

.PHONY: lint
lint: python ## Run all checkers
	@$(PYTHON) -m portal.local.setup --dev
	@$(BIN)/python -m portal.local.checks lint

.PHONY: format
format: python ## Lay out the code
	@$(PYTHON) -m portal.local.setup --dev
	@$(BIN)/ruff check --quiet --fix-only . ; exec $(BIN)/ruff format .

.PHONY: lock
lock: setup ## Pin what the *.in files ask for
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@for name in requirements requirements-dev requirements-node; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    $$name.in --output-file $$name.txt || exit 1; done

.PHONY: clean
clean: ## Stop everything and delete all that was made here, the databases too
	@if test -x $(BIN)/python; then $(BIN)/python -m portal.local reset; fi
	rm -rf .portal .venv node_modules messaging/widget/static/widget/build \
	  portal/design/static/design/build staticfiles test-results \
	  .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
