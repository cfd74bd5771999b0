# Everything a newcomer needs: `make demo` to see the main job, `make serve` to use it, `make test` to check it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export REGISTRY_DATA_DIR ?= var/demo
export HOST ?= 127.0.0.1
export PORT ?= 8000

.PHONY: help install demo serve test check fuzz torture bench lock contract format clean

help:
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

install: $(BIN)/.service  ## set up the service without running anything

demo: install  ## play the main job over HTTP, from agreement to scorecard
	@REGISTRY_DEMO=1 $(BIN)/registry demo

serve: install  ## keep a server with the demonstration's data, and print ready tokens
	@REGISTRY_DEMO=1 $(BIN)/registry serve --with-demo

test: $(BIN)/.tools check  ## set up and pass everything
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term:skip-covered -q

check: $(BIN)/.tools  ## style, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(BIN)/.tools  ## the contract under fire, with the large budget
	REGISTRY_TEST_FUZZ=large $(BIN)/python -m pytest tests/contract -q -k fuzz

torture: $(BIN)/.tools  ## booking histories and kills, at full length
	REGISTRY_TEST_TORTURE=1 $(BIN)/python -m pytest tests/torture tests/loans -q

bench: $(BIN)/.tools  ## ratios to what a user would pick instead
	$(BIN)/python -m benchmarks.run --registry benchmarks.service:prepare --json benchmarks/last-run.json
	$(BIN)/python -m benchmarks.agreements --json benchmarks/last-agreements.json

contract: $(BIN)/.service  ## write the OpenAPI document anew
	REGISTRY_DEMO=1 $(BIN)/registry openapi --write openapi/registry.json

format: $(BIN)/.tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The service gets the very versions that the tests ran with.
lock: $(BIN)/.tools  ## pin every dependency with hashes
	$(BIN)/python -m pip install --quiet uv
	for name in requirements-dev requirements; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  $$([ $$name = requirements ] && echo --constraint requirements-dev.lock) $$name.in --output-file $$name.lock; done

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed (PYTHON=… names another).")'
	$(PYTHON) -m venv $(VENV)

# The locks name every dependency, so nothing is left to resolve: some versions of pip otherwise look past the pin of a
# requirement with extras and refuse the newer release that they find.
$(BIN)/.service: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(BIN)/.tools: requirements-dev.lock $(BIN)/.service
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	@touch $@
