# Everything a newcomer needs: `make demo` to see the main job, `make serve` to use it, `make test` to check it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export REGISTRY_DATA_DIR ?= var/demo
export HOST ?= 127.0.0.1
export PORT ?= 8000
# Where an environment forbids it (images often do), each worker and each server that a test starts would compile anew.
export PYTHONDONTWRITEBYTECODE :=
# With LC_ALL=C, Python 3.11 and 3.12 do not start where the name of this folder, which the environment holds, is not ASCII.
ifneq ($(filter C POSIX,$(LC_ALL)),)
export LC_ALL := C.UTF-8
endif
# Over two workers; what shares a group stays on one.
SPREAD := -n 2 --dist loadgroup

# An environment has the path of its own folder in its commands, and that of the code: in a copied or moved folder both lead
# to the old one. `pyvenv.cfg` remembers for which folder it was made; one that was made for another is built anew.
ELSEWHERE := $(shell case "$$(sed -n 's/^command = //p' $(VENV)/pyvenv.cfg 2> /dev/null)" in \
  ("" | *" $$(pwd -P)/$(VENV)") ;; (*) echo elsewhere ;; esac)

.PHONY: help install demo serve test check long coverage fuzz torture bench lock wheels sbom audit contract lint-contract format clean elsewhere

help:
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

install: $(BIN)/.service  ## set up the service without running anything

demo: install  ## play the main job over HTTP, from agreement to scorecard
	@REGISTRY_DEMO=1 $(BIN)/registry demo

serve: install  ## keep a server with the demonstration's data, and print ready tokens
	@REGISTRY_DEMO=1 $(BIN)/registry serve --with-demo

test: $(BIN)/.tools check  ## set up and pass everything that a change of code can break
	$(BIN)/python -m pytest $(SPREAD) -q

long: $(BIN)/.tools  ## what takes longer: the other database where one tells most, fuzzing and histories at medium length
	REGISTRY_TEST_LENGTH=medium $(BIN)/python -m pytest $(SPREAD) -q -m "long or grows or hypothesis"

coverage: $(BIN)/.tools  ## which lines and branches the tests reach; takes a third longer than the tests
	$(BIN)/python -m pytest $(SPREAD) -q --cov --cov-report=term:skip-covered

check: $(BIN)/.tools  ## style, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(BIN)/.tools  ## the contract under fire, with the large budget
	REGISTRY_TEST_LENGTH=full $(BIN)/python -m pytest $(SPREAD) -q -m grows tests/contract

torture: $(BIN)/.tools  ## histories, kills and drawn examples, at full length
	REGISTRY_TEST_LENGTH=full $(BIN)/python -m pytest -q -m "grows or hypothesis" --ignore tests/contract

bench: $(BIN)/.tools  ## ratios to what a user would pick instead
	$(BIN)/python -m benchmarks.run --registry benchmarks.service:prepare --json benchmarks/last-run.json
	$(BIN)/python -m benchmarks.agreements --json benchmarks/last-agreements.json

contract: $(BIN)/.tools  ## write the OpenAPI document anew, with examples of what is really answered
	$(BIN)/registry policy seal policies
	$(BIN)/python -m tests.contract.story
	REGISTRY_DEMO=1 $(BIN)/registry openapi --write openapi/registry.json

# The tools are node's, and come from its package registry when they are first asked for.
lint-contract:  ## Redocly and Spectral on the contract, where node is installed
	@if ! command -v npx > /dev/null; then echo "node is not installed: the contract is not linted"; else \
	  npx --yes @redocly/cli@2.77.0 lint openapi/registry.json --config openapi/redocly.yaml && \
	  npx --yes @stoplight/spectral-cli@6.16.3 lint openapi/registry.json --ruleset openapi/spectral.yaml --fail-severity=warn; fi

format: $(BIN)/.tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The service gets the very versions that the tests ran with.
lock: $(BIN)/.tools  ## pin every dependency with hashes
	$(BIN)/python -m pip install --quiet uv
	for name in requirements-dev requirements requirements-print requirements-nats; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  $$([ $$name = requirements-dev ] || echo --constraint requirements-dev.lock) $$name.in --output-file $$name.lock; done

# What the locks pin has to come as a wheel there: nobody who installs it should need compilers. uv tells it for other
# platforms than this one, and asks the package index as pip and uv are set up to.
WHEELS_ON := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin
WHEELS_FOR := 3.11 3.12 3.13 3.14
wheels: $(BIN)/.tools  ## whether all dependencies come as wheels for each Python and platform that is named
	@$(BIN)/python -m pip install --quiet uv
	@set -e; target=$$(mktemp -d); trap 'rm -rf "$$target"' EXIT; \
	for python in $(WHEELS_FOR); do for platform in $(WHEELS_ON); do for name in requirements requirements-print requirements-nats; do \
	  $(BIN)/uv pip install --dry-run --quiet --python $(BIN)/python --python-version $$python --python-platform $$platform --only-binary :all: \
	  --no-deps --require-hashes --target "$$target" --requirement $$name.lock \
	  || { echo "Python $$python on $$platform: not all of $$name.lock" >&2; exit 1; }; \
	done; echo "Python $$python on $$platform: wheels for all"; done; done

SBOM ?= var/sbom.json
sbom: $(BIN)/.tools  ## list what the service is made of, as CycloneDX
	@mkdir -p "$$(dirname "$(SBOM)")"
	@PYTHONWARNINGS=ignore::UserWarning $(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --output-format JSON --output-file "$(SBOM)"
	@echo "$(SBOM)"

# Strict: a package that the database does not know, or a database that does not answer, must not look like no finding.
audit: $(BIN)/.tools  ## known vulnerabilities of the pinned dependencies, as a public database has them
	@for name in requirements requirements-print requirements-nats; do \
	  $(BIN)/pip-audit --strict --progress-spinner off --require-hashes --disable-pip --requirement $$name.lock || { \
	  echo "$$name.lock: not audited, or with findings (above). The audit needs the package index's own service for vulnerabilities, which mirrors often lack." >&2; exit 1; }; done

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis

elsewhere:
	@echo "The environment in $(VENV) was made for another folder, and is built anew for this one."

# Debian and its kin ship Python without what environments are made of. An environment in which pip does not run is what
# a failed or killed attempt left: it is built anew, and nothing takes it for a whole one.
$(BIN)/.python: $(ELSEWHERE)
	@command -v $(PYTHON) > /dev/null || { \
	  echo "$(PYTHON) is missing. Install Python 3.11 or newer, on Debian or Ubuntu: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed (make PYTHON=python3.12 names another).")'
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	  version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "This Python has no venv module. On Debian or Ubuntu: apt install python3-venv (or python$$version-venv)" >&2; exit 1; }
	@[ -z "$(ELSEWHERE)" ] && $(BIN)/python -m pip --version > /dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@touch $@

# The locks name every dependency, so nothing is left to resolve: some versions of pip otherwise look past the pin of a
# requirement with extras and refuse the newer release that they find.
$(BIN)/.service: requirements.lock pyproject.toml $(ELSEWHERE) | $(BIN)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(BIN)/.tools: requirements-dev.lock $(BIN)/.service
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	@touch $@
