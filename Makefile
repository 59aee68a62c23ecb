PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
WORKERS ?= 2

.PHONY: app install test lint bench sample-index

app: install
	$(BIN)/python app.py $(ARGS)

install: .venv/installed

test: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: .venv/installed-dev node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	npx biome lint --error-on-warnings

bench: .venv/installed-dev
	for each in startup query indexing cutoff; do $(BIN)/python -m benchmarks.$$each || exit 1; done

# The index that ships with the drawn sample, so that a first start encodes nothing.
sample-index: .venv/installed
	$(BIN)/python -m training.prepare_sample_index

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --silent

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt requirements-scale.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
