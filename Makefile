# Every target says what it is for in one line: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
KIND_NAME ?= eventonight
KUBECONFIG ?= $(CURDIR)/.cache/kind/$(KIND_NAME).kubeconfig
E2E_CONTEXT ?= kind-$(KIND_NAME)
BIN := $(VENV)/bin
COMPILE := .cache/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

up: venv ## start everything on this machine and fill in a demo (first time about 5 minutes)
	@$(BIN)/python -m local up $(if $(NOSEED),--no-seed)

down: venv ## stop everything
	@$(BIN)/python -m local down

reset: venv ## stop everything and forget what was stored
	@$(BIN)/python -m local reset

status: venv ## show every part: state, port, memory
	@$(BIN)/python -m local status

logs: venv ## show what parts say: make logs [part=users]
	@$(BIN)/python -m local logs $(part)

diff: venv ## show what differs from manifests/local.yaml; writes nothing
	@$(BIN)/python -m local diff

reconcile: venv ## repair what differs from manifests/local.yaml
	@$(BIN)/python -m local reconcile

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 16

$(VENV)/.stamp: requirements-dev.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	@echo "installing the Python packages of requirements-dev.lock into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements-uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(VENV)/.stamp ## install the Python environment from the hashed lock

lock: ## resolve the newest versions anew into the hashed locks
	@$(PYTHON) -m venv .cache/lock && .cache/lock/bin/pip install --quiet uv
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) pyproject.toml --group dev --output-file requirements-dev.lock
	@$(COMPILE) --group mutants --output-file requirements-mutants.lock
	@echo uv | $(COMPILE) - --output-file requirements-uv.lock
	@echo hatchling | $(COMPILE) - --output-file requirements-build.lock

lint: venv ## check style, types, import contracts and generated files
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@mkdir -p .cache
	@$(BIN)/lint-imports --no-cache --config pyproject.toml > .cache/imports.log 2>&1 || { cat .cache/imports.log; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(MAKE) --no-print-directory generated GENERATED=.cache/generated
	@scripts/compare-generated .cache/generated

format: venv ## bring the code into the one format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

generated: venv ## write docs/api, the CRD and the messaging part of the resources anew
	@scripts/generate $(or $(GENERATED),.)

test: lint ## run every check and test, with real servers and coverage (about 10 minutes)
	@$(BIN)/python -m local fetch
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

test-apiserver: venv ## check CRD, operator, plugin and charts with a real API server (KUBEBUILDER_ASSETS names its folder; helm; LONG=1: 10 minutes at rest, too)
	@$(BIN)/pytest -m "apiserver$(if $(LONG),, and not long)" tests/operator tests/charts

test-charts: venv ## check the charts as Helm renders them (helm and kubeconform on the PATH; a minute)
	@$(BIN)/pytest -m charts tests/charts

images: ## build the image of the services, the operator and the landing page
	@scripts/kind images

kind-up: ## make a kind cluster with the whole product in it; again after a change to bring it in
	@scripts/kind up

kind-down: ## delete that cluster
	@scripts/kind down

e2e: venv ## test what runs on a cluster: KUBECONFIG and E2E_CONTEXT name it, by default kind-up's; LONG=1: all of it
	@KUBECONFIG=$(KUBECONFIG) $(BIN)/pytest -m "$(if $(LONG),,not long)" e2e --context $(E2E_CONTEXT)

test-hostile: venv ## attack the running product (8 minutes; SHORT=1, 5, leaves most of the waiting out)
	@$(BIN)/python -m local fetch
	@SHORT=$(SHORT) $(BIN)/pytest -m "hostile$(if $(SHORT), and not long)" tests/hostile

test-faults: venv ## kill, hang and fill parts under load (25 minutes; SHORT=1: 6; FAULT_SEED=n repeats one)
	@$(BIN)/python -m local fetch
	@SHORT=$(SHORT) FAULT_SEED=$(FAULT_SEED) $(BIN)/pytest -m faults tests/faults

bench: venv ## compare what the product costs with the least it could; fails under a bar (about 10 minutes)
	@$(BIN)/python -m local fetch
	@$(BIN)/python -m benchmarks $(name)

.cache/mutmut/.stamp: requirements-mutants.lock
	@$(PYTHON) -m venv --clear .cache/mutmut
	@.cache/mutmut/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	@touch $@

mutants: .cache/mutmut/.stamp ## tell how many small changes of the domain modules their tests notice (at most 15 minutes on 2 cores)
	@nice -n 10 scripts/mutants .cache/mutants .cache/mutmut/bin/python

.PHONY: test-charts images kind-up kind-down e2e mutants up down reset status logs diff reconcile help venv lock lint format generated test test-apiserver test-hostile test-faults bench
