# make demo: JupyterLab with the quickstart. make test: every check there is.
# Everything that is installed goes into .venv and js/node_modules.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More for JupyterLab's command line: make demo LAB_ARGS="--no-browser --port 8899"
LAB_ARGS ?=
# More for pytest: make unit PYTEST_ARGS="-k frames"
PYTEST_ARGS ?=
# Which benchmarks: make bench BENCH="roundtrip arrays"; none named: all.
BENCH ?=
# More for them: make bench BENCH_ARGS="--repetitions 15"
BENCH_ARGS ?=

# JupyterLab refuses to run as root (in a container, say) unless told so.
ROOT_ARGS := $(if $(filter 0,$(shell id -u)),--allow-root)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
JS_SOURCES := $(shell find js/src js/style js/schema -type f) \
	js/package.json js/build.mjs js/rspack.config.cjs js/worker-source.mjs js/worker-loader.cjs js/install.json kcomm/static/jupyter-server.json kcomm/__init__.py

export PATH := $(CURDIR)/$(BIN):$(PATH)

.NOTPARALLEL:
.PHONY: all demo test lint types js-test unit page soak wheel-test js build bench format clean

all: $(VENV)/test.stamp $(VENV)/js.stamp

demo: $(VENV)/demo.stamp $(VENV)/js.stamp
	$(BIN)/jupyter lab --ServerApp.root_dir=notebooks \
		--LabApp.default_url=/lab/tree/quickstart.ipynb $(ROOT_ARGS) $(LAB_ARGS)

# One run of pytest, last, so that its closing line tells about every Python test.
test: lint types js-test $(VENV)/test.stamp $(VENV)/js.stamp
	$(BIN)/python tests/page/browser.py
	$(BIN)/python -m pytest tests $(PYTEST_ARGS)

lint: $(VENV)/test.stamp js/node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	npm --prefix js run --silent check

types: $(VENV)/test.stamp js/node_modules/.package-lock.json
	$(BIN)/mypy
	npm --prefix js run --silent types

js-test: js/node_modules/.package-lock.json
	npm --prefix js run --silent test

unit: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests -m "not page and not wheel" $(PYTEST_ARGS)

page: $(VENV)/test.stamp $(VENV)/js.stamp
	$(BIN)/python tests/page/browser.py
	$(BIN)/python -m pytest tests -m page $(PYTEST_ARGS)

# Plays 10 000 frames of each kind, and looks at the memory of page and kernel: minutes.
soak: $(VENV)/test.stamp $(VENV)/js.stamp
	$(BIN)/python tests/page/browser.py
	KCOMM_SOAK_FRAMES=10000 $(BIN)/python -m pytest tests/page/test_memory.py $(PYTEST_ARGS)

wheel-test: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests -m wheel $(PYTEST_ARGS)

# The JavaScript half, built into .venv: reload the page to see it.
js: $(VENV)/js.stamp

build: $(VENV)/test.stamp
	$(BIN)/python -m build

# Figures for benchmarks/README.md: on a machine that does nothing else.
bench: $(VENV)/bench.stamp $(VENV)/js.stamp
	$(BIN)/python tests/page/browser.py
	$(BIN)/python -m benchmarks $(BENCH_ARGS) $(BENCH)

format: $(VENV)/test.stamp js/node_modules/.package-lock.json
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	npm --prefix js run --silent format

clean:
	rm -rf $(VENV) js/node_modules js/dist dist kcomm/static/kcomm.js tests/artefacts \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis

# -- what the targets stand on ------------------------------------------------------

$(VENV)/venv.stamp:
	$(PYTHON) -c 'import sys; sys.exit("kcomm needs Python 3.10 or newer: make PYTHON=...") if sys.version_info < (3, 10) else 0'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/node.stamp: $(VENV)/venv.stamp js/toolchain.py
	$(BIN)/python js/toolchain.py node
	touch $@

js/node_modules/.package-lock.json: js/package-lock.json | $(VENV)/node.stamp
	cd js && npm ci --no-progress
	touch $@

$(VENV)/demo.stamp: pyproject.toml js/hatch_build.py js/node_modules/.package-lock.json
	$(PIP) --editable '.[demo]'
	touch $@

$(VENV)/test.stamp: pyproject.toml js/hatch_build.py js/node_modules/.package-lock.json
	$(PIP) --editable '.[test]'
	touch $@ $(VENV)/demo.stamp

# With the libraries that the player is compared with, which nothing else needs.
$(VENV)/bench.stamp: $(VENV)/test.stamp
	$(PIP) --editable '.[bench]'
	touch $@

$(VENV)/js.stamp: $(JS_SOURCES) js/toolchain.py js/node_modules/.package-lock.json | $(VENV)/demo.stamp
	$(BIN)/python js/toolchain.py develop
	touch $@
