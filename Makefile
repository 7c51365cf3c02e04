# make demo: sets everything up and runs the main job on sample_docs/.  make test: sets everything up and tests.
# Needs Python 3.11+, make and the package index; both can be run again at any time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_PROCESSES ?= 2
# How long each bundled model trains, and on what: cpu or accelerator.
MINUTES ?= 60
PRESET ?= cpu
# The demo keeps its own home, so that it never mixes with a firm's documents.
DEMO_HOME := .demo

# No command of this file may ask a model hub or report usage.
export HF_HUB_OFFLINE := 1
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: demo test lint samples train-models constraints clean

demo: $(STAMP)
	@mkdir -p $(DEMO_HOME)/prefect
	@MUNIMENT_HOME=$(DEMO_HOME) PREFECT_HOME=$(CURDIR)/$(DEMO_HOME)/prefect PREFECT_LOGGING_LEVEL=WARNING \
		$(BIN)/python -m flows.demo

# By file, so that what a module's tests share is made once, and the long ones first (tests/conftest.py), where xdist
# by itself takes those of the most tests. Each process loads torch: 2.5 GiB.
test: $(STAMP)
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

samples: $(STAMP)
	$(BIN)/python -m sample_docs.generate

# Trains the bundled page models anew from the seed, goes on from what .train/ holds, and puts them on the shelf.
train-models: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]'
	$(BIN)/python -m infra.train.triage --out .train/triage --preset $(PRESET) --minutes $(MINUTES) --export .train/muniment-triage
	$(BIN)/python -m infra.train.retriever --out .train/page --preset $(PRESET) --minutes $(MINUTES)
	$(BIN)/python -m infra.train.retriever --out .train/page --preset $(PRESET) --export .train/muniment-page
	$(BIN)/python -m infra.train.ship .train/muniment-triage muniment-triage
	$(BIN)/python -m infra.train.ship .train/muniment-page muniment-page

# Pins every package anew; the only target that needs uv.
constraints:
	uv pip compile --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV) $(DEMO_HOME)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Muniment needs Python 3.11 or newer; say which with make PYTHON=…")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
