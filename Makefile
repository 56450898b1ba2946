# Each target works as the first command on a machine with Python and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= auto
WAITING ?= $(WORKERS)
SEEDS ?= 500
SEED ?=

# What is tried once more with its stores on PostgreSQL, which the tests bring along: how rows are
# kept, what a kill leaves of them, and what is done with them.
ON_POSTGRES = STORE=postgresql $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
STORE_TESTS := tests/unit/store $(addprefix tests/integration/test_crashes.py::test_,\
    run_killed_at_a_step resume_killed_at_a_step retry_killed_at_a_step prune_killed_at_a_step \
    two_processes_with_one_key_are_one_job four_processes_killed_in_turn)
ENGINE_TESTS := $(patsubst %,tests/unit/test_%.py,\
    adopt alert_deliveries alert_lease attendants events_shared fencing handing_over hub lane_owner \
    lane_races large_jobs large_prunes large_retries order pushes recovery retry_selection \
    rows_kept superseded wishes)

# What is tried without counting lines and branches, which takes as long as the tests: loads, laws,
# races and processes, which run again what other tests have counted.
UNCOUNTED := tests/unit/sync tests/unit/store/test_open_among_ended.py \
    $(patsubst %,tests/unit/test_%.py,\
    adapter_answers alerts asking back_pressure bench cli_harmless docs_pages download drive \
    embedded_postgres excel_laws fencing figures frames going_over handed_on health house \
    large_jobs left_open lessons_kept odd_vendors order poll_times polling_adaptive pushes \
    set_accounts store_copy_driven waiters workers)

.DEFAULT_GOAL := help
.PHONY: help demo test browser screenshots faults soak sim check format bench docs dist clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# Older versions of pip, such as those in new environments, know no dependency groups.
$(VENV)/.pip: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --group dev --editable .
# It declares Python 3.12 and runs on 3.11; tests/simulation/loop.py has what 3.11 lacks.
	$(BIN)/python -m pip install --quiet --ignore-requires-python --no-deps simloop==0.2.2
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --group docs --editable .
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --group bench --editable .
	@touch $@

demo: $(VENV)/.installed  ## run a batch against every installed vendor's sandbox
	$(BIN)/batchhub demo

test: $(VENV)/.installed-dev  ## run every test, and those of stores on PostgreSQL too
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	$(ON_POSTGRES) $(STORE_TESTS)

browser: $(VENV)/.installed-dev  ## try the page in Chromium (Debian's chromium and chromium-driver)
# What fails waits for minutes for what does not come.
	$(BIN)/python -m pytest --maxfail=3 tests/browser

screenshots: $(VENV)/.installed-dev  ## take the pictures of the page that the docs have
	mkdir -p docs/images
	PICTURES_INTO=docs/images $(BIN)/python -m pytest tests/browser/test_page_pictures.py

faults: $(VENV)/.installed-dev  ## run the command under every fault the stand-ins know
	EVERY_FAULT=1 $(BIN)/python -m pytest -n $(WORKERS) tests/integration/test_faults.py

soak: $(VENV)/.installed-dev  ## kill the command 500 times at random; let a worker live for 20 minutes; CLUSTER=1: trouble several workers and their database 100 times
ifdef CLUSTER
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python -m soak.cluster $(if $(SEED),--seed $(SEED))
else
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python -m soak
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python -m soak.worker --minutes 20
endif

sim: $(VENV)/.installed-dev  ## run the program in simulated worlds: SEEDS=5000 many, SEED=17 one
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python -m simulation $(SEED) --seeds $(SEEDS)

check: $(VENV)/.installed-dev  ## format, lint, types, every test, and branch coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report= tests/unit $(addprefix --ignore=,$(UNCOUNTED))
# First those that wait for processes most of the time, while others have the processors.
	SIM_SEEDS=25 $(BIN)/python -m pytest -n $(WAITING) --dist worksteal tests/cluster tests/integration $(UNCOUNTED) tests/property tests/simulation tests/conformance
	$(ON_POSTGRES) $(STORE_TESTS) $(ENGINE_TESTS)
	$(BIN)/python -m coverage report --fail-under=90

format: $(VENV)/.installed-dev  ## format, and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-bench  ## measure speed, memory and lag, as ratios
	$(BIN)/python -m bench all

docs: $(VENV)/.installed-docs  ## update the generated pages and build the site into site/
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --strict --clean

dist: $(VENV)/.installed-dev  ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove everything the targets created
	rm -rf $(VENV) build dist site .cache .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
