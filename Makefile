# `make demo` and `make test` are where to start. Each target sets up all it needs on a machine with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# setuptools warns of every editable install; there is nothing to be done about it.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS ?=
# The tests of a file share its stack: they stay in one process. Files that wait and files that compute take turns
# (tests/support/file_order.py), so five files on two cores leave none of them idle; with Java and browsers, four do. One
# thread for each process.
# The tests start hundreds of processes: each of them, and the next run, reads the byte code that the first one has written.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest
FILES := --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo fmt lint test-fast test test-all bench install clean

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.demo  ## See it at work; ARGS="--once FILE" goes to `segue demo`; BROKER=apache for a real Kafka
	@$(BIN)/segue demo $(if $(BROKER),--broker $(BROKER)) $(ARGS)

fmt: $(VENV)/.dev  ## Format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

lint: $(VENV)/.dev  ## Check format, style, types (tests included), the direction of imports and the words
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest --quiet --no-header -p no:cacheprovider tests/unit/test_glossary.py

# Reading the real dataset would take seconds.
test-fast: $(VENV)/.dev  ## Run unit and property tests and doctests, in about a minute
	@SEGUE_TEST_DATASET=synthetic $(PYTEST) -n 2 $(FILES) tests/unit -m "not slow" --hypothesis-profile=fast $(ARGS)

test: $(VENV)/.dev  ## Run every test but those that need Java or a browser, or that cause faults
	@$(PYTEST) -n 5 $(FILES) -m "not kafka and not faults and not browser" $(ARGS)

test-all: $(VENV)/.dev  ## Run all tests: a real Kafka, browsers and faults included
	@$(PYTEST) -n 4 $(FILES) $(ARGS)

# Drawing the dashboard's pages needs what the tests need.
bench: $(VENV)/.dev  ## Compare Segue with other ways to do the same; ARGS="--quick" takes a minute or two
	@$(BIN)/python -m benchmarks.compare --history benchmarks/history.jsonl $(ARGS)

install: $(VENV)/.demo  ## Only set up the virtual environment

clean:  ## Remove the virtual environment (not the data in .segue)
	rm -rf $(VENV)

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Segue needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or two) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.venv pyproject.toml constraints.txt
	@$(PIP) -c constraints.txt -e '.[worker,dashboard,batch,local]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "Installing what the tests need ..." >&2
	@$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@
