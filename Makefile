# Every target says what it is for in one line: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := .cache/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 16

$(VENV)/.stamp: requirements-dev.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	@echo "installing the Python packages of requirements-dev.lock into $(VENV) (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements-uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(VENV)/.stamp ## install the Python environment from the hashed lock

lock: ## resolve the newest versions anew into the two hashed locks
	@$(PYTHON) -m venv .cache/lock && .cache/lock/bin/pip install --quiet uv
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) pyproject.toml --group dev --output-file requirements-dev.lock
	@echo uv | $(COMPILE) - --output-file requirements-uv.lock

lint: venv ## check style, types, import contracts and generated files
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache --config pyproject.toml > .cache/imports.log 2>&1 || { cat .cache/imports.log; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(MAKE) --no-print-directory generated GENERATED=.cache/generated
	@scripts/compare-generated .cache/generated

format: venv ## bring the code into the one format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

generated: venv ## write docs/api, the CRD and the messaging part of the resources anew
	@scripts/generate $(or $(GENERATED),.)

test: lint ## run every check and test, with real servers and coverage (about 10 minutes)
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

.PHONY: help venv lock lint format generated test
