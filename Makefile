# What a person or CI can ask for. Recipes only call tools; what they do stands in pyproject.toml, deploy/ and .ci/.
#   make demo    the whole platform on this machine, no Docker
#   make test    everything that is checked, with all the set-up that it needs

PYTHON ?= python3
UV ?= uv
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
VENV := .venv
BIN := $(VENV)/bin
# Wheels only: no compiler is needed, and no build tool comes in past the hashes.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --require-virtualenv
LOCKED := $(PIP) --require-hashes --only-binary :all:
# The build tool is in the locks, so the project is built with it and without the network.
SELF := $(PIP) --no-deps --no-build-isolation --no-index --editable .
RESOLVE := $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" pyproject.toml requirements/build.in
# Machine code of the simulator, kept in the user's cache. Where it cannot be kept, each start compiles for itself.
COMPILE := $(BIN)/python -m simulator.precompile
PACKAGES := contract service simulator ingest historian analytics console

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint types unit format secrets up down lock clean

help: ## what can be made (this list)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.demo ## a virtual environment with what the demo needs
demo: install ## run the whole platform at http://127.0.0.1:8080 (Ctrl-C ends it)
	@$(BIN)/qilu demo

test: lint types unit ## lint, types and every test
lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy
unit: $(VENV)/.dev ## pytest (tests/live is skipped where Mosquitto or InfluxDB is absent)
	$(BIN)/pytest -n auto --dist loadfile --ignore tests/chaos
	$(BIN)/pytest -n auto tests/chaos
format: $(VENV)/.dev ## put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

secrets: ## random passwords for the containers, in ./secrets (never overwritten)
	@$(PYTHON) deploy/make_secrets.py secrets
up: secrets ## build and start the containers; Grafana at http://127.0.0.1:3000
	$(COMPOSE) up --build --detach
down: ## stop the containers; data and secrets stay
	$(COMPOSE) down

lock: ## resolve the locks anew, within pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock: needs uv: $(PYTHON) -m pip install uv" >&2; exit 2; }
	$(RESOLVE) --upgrade --extra embedded --extra influx --extra dev --output-file requirements/dev.lock
	$(RESOLVE) --constraint requirements/dev.lock --extra embedded --output-file requirements/demo.lock
	$(RESOLVE) --constraint requirements/dev.lock --extra influx --output-file requirements/image.lock

clean: ## remove the virtual environment and what tools cached (not data, not secrets)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(PACKAGES) tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The locks agree with each other (demo and image are cut from dev), so one environment can hold either or both.
$(VENV)/.demo: requirements/demo.lock pyproject.toml | $(VENV)/.python
	@echo "installing requirements/demo.lock into $(VENV)"
	@$(LOCKED) -r requirements/demo.lock
	@$(SELF)
	@echo "compiling the simulator, once (about a minute)"
	@$(COMPILE) || true
	@touch $@
$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/.python
	@echo "installing requirements/dev.lock into $(VENV)"
	@$(LOCKED) -r requirements/dev.lock
	@$(SELF)
	@echo "compiling the simulator, once (about a minute)"
	@$(COMPILE) || true
	@touch $@ $(VENV)/.demo

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is not Python 3.11 or newer;" \
		"install one and name it: make install PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
