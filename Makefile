# Each target sets up what it needs in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Python compiles what is imported; to compile all packages would take a minute and a half.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile --constraint constraints.txt
# Where it is set, each of the tests' many processes would compile torch and its like anew, for 7 seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all check docs bench house clean
.DELETE_ON_ERROR:

demo: .venv/.installed
	$(BIN)/multitide demo

# Neighbours run in one process, which builds what they share once; who is done early takes over.
test: .venv/.installed-dev
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow" $(ARGS)

test-all: .venv/.installed-all
	$(BIN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2

# The site, in docs/_build/html. A warning, a dead internal link or an example that fails ends the build.
docs: .venv/.installed-docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d docs/_build/doctrees docs docs/_build/html

# The timings, an hour or more on an idle machine; they are written to docs/results/performance.md, and an interrupted
# run continues. `make bench BENCH=benchmarks/beijing.py` runs another one.
BENCH ?= benchmarks/performance.py
bench: .venv/.installed-bench
	set -e; for script in $(BENCH); do echo "== $$script"; $(BIN)/python "$$script"; done

# How readable the package is, side by side with packages that are known for it.
house: .venv/.installed-house
	$(BIN)/python tools/house.py

clean:
	rm -rf .venv build dist docs/_build docs/reference docs/tutorials .mypy_cache .ruff_cache .pytest_cache

# torch first and by itself: on Linux the newest torch is gigabytes of CUDA, and the pin finds a CPU build where one is at hand.
.venv/.torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	touch $@

# With the extra that lets the demo end with an exported model.
.venv/.installed: .venv/.torch pyproject.toml
	$(PIP) --editable ".[onnx]"
	touch $@

.venv/.installed-dev: .venv/.torch pyproject.toml
	$(PIP) --editable ".[balancing,tune,onnx,serve,tensorboard,mlflow,dev]"
	touch $@

.venv/.installed-docs: .venv/.installed-dev
	$(PIP) --editable ".[docs]"
	touch $@

# Ray is 240 MB, and only slow tests need it.
.venv/.installed-all: .venv/.installed-dev
	$(PIP) --editable ".[ray]"
	touch $@

.venv/.installed-bench: .venv/.installed
	$(PIP) --editable ".[bench]"
	touch $@

.venv/.installed-house: .venv/.installed-dev tools/anchors.txt
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --upgrade --target .venv/anchors --requirement tools/anchors.txt
	touch $@
