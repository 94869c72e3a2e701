# The developer's interface. Each target works from a clean clone with Python 3.10 to 3.12 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c constraints.txt
WORKERS ?= logical

.PHONY: demo test lint bench clean

demo: $(VENV)/.demo
	$(BIN)/calcscore demo -o demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	printf '%s\n' linux darwin win32 | xargs -P 3 -I % $(BIN)/mypy --platform % --cache-dir .mypy_cache/%

bench: $(VENV)/.test
	$(BIN)/python -m Testing.bench

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[nnunet,cpu,report]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
