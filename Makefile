# `make run` and `make test` do all set-up themselves; `make help` lists the rest.

VENV     ?= .venv
SCENARIO ?= haixi-2020
ARGS     ?=
STAMP    := $(VENV)/.sme-analysis

# Windows keeps a venv's programs in Scripts.
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY  := $(BIN)/python

# The interpreter that makes the venv: the first of these that is Python 3.11 or newer, or `make PYTHON=...`.
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: help setup run test lint lab notebooks golden bench lock schema clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make the environment in .venv (the targets below do so when it is missing or out of date)

$(STAMP): requirements.lock pyproject.toml
	@if ! "$(PY)" -m pip --version >/dev/null 2>&1; then \
	    for candidate in $(CANDIDATES); do \
	        if "$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null; then python="$$candidate"; break; fi; \
	    done; \
	    if [ -z "$${python:-}" ]; then \
	        echo "sme-analysis needs Python 3.11 or newer; looked for: $(CANDIDATES)." >&2; \
	        echo "Name one by: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	        exit 1; \
	    fi; \
	    echo "Making $(VENV) with $$("$$python" --version) (once, a minute or two) ..."; \
	    "$$python" -m venv "$(VENV)" || exit 1; \
	fi
	@$(PY) -c '$(NEW_ENOUGH)' || { echo "$(VENV) holds $$($(PY) --version), sme-analysis needs 3.11 or newer: make clean, then again." >&2; exit 1; }
	@echo "Installing the pinned packages ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -qq -j 0 -x /tests/ src "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" || true
	@touch $@

run: $(STAMP) ## run the notebooks for SCENARIO (haixi-2020; ARGS="--set key=value") and print where the pages are
	$(BIN)/sme-analysis run $(SCENARIO) $(ARGS)

test: $(STAMP) ## run the tests, then the stored notebooks against their outputs
	@bash .ci/browser
	@status=0; \
	$(PY) -m pytest -n 2 tests || status=$$?; \
	$(PY) -m pytest --nbval -n 2 notebooks || status=$$?; \
	exit $$status

lint: $(STAMP) ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lab: $(STAMP) ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: $(STAMP) ## run every stored notebook on its defaults and keep the outputs
	$(PY) tools/store_notebooks.py

golden: $(STAMP) ## accept what the shipped scenarios give now as their golden results
	$(PY) tools/golden.py

bench: $(STAMP) ## measure kernel, package and evaluation (a few minutes)
	$(PY) benchmarks/kernel.py
	$(PY) benchmarks/package.py
	$(PY) benchmarks/uncertainty.py
	$(PY) benchmarks/evaluation.py

schema: $(STAMP) ## write parameters/scenario.schema.json from the catalogue
	$(PY) -c "from sme_analysis.scenario.schema import write_schema; print(write_schema())"

lock: ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes \
	    --no-header --no-annotate --upgrade --quiet --output-file requirements.lock

clean: ## remove the environment, caches and runs
	rm -rf $(VENV) runs build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
