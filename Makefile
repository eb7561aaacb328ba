# Tailwatch needs Python 3.11 or newer, make and pip; everything else comes into .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo up test bench fmt check audit lock

help: ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with everything, pinned; quick when nothing changed
	@:

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and $(PYTHON) is not here: install it, or say which with make PYTHON=/path/to/python3.11."; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V)."; exit 2; }
	@echo 'Installing into .venv: about two minutes the first time.'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[platform,dev]'
	@touch $@

demo: install ## the whole platform with a simulated fleet, web on http://127.0.0.1:8000 (PORT=...)
	@$(BIN)/python -m observability.supervisor --demo $(ARGS)

up: install ## the same without the fleet
	@$(BIN)/python -m observability.supervisor $(ARGS)

test: install ## the whole suite (ARGS="-k name", WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

bench: install ## the benchmarks as a table (ARGS="NAME --json --full")
	@$(BIN)/python -m tests.benchmarks $(ARGS)

fmt: install ## format, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: install ## formatting, lint, types, import contracts, migrations, dependency audit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	DEBUG=1 $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@$(MAKE) --no-print-directory audit

audit: install ## known vulnerabilities in the pinned packages; says so when the service cannot be reached
	@.ci/audit

lock: install ## renew constraints.txt from what is installed
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | grep -viE '^tailwatch\b|@'; } >$(VENV)/constraints.new
	@mv $(VENV)/constraints.new constraints.txt
