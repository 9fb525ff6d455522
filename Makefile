# Two commands for newcomers: make demo, make test. Both need only python3 (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Lints and formats the script of the report's page; settings in biome.json.
BIOME := npx --yes @biomejs/biome@2.6.8

# A real server to test against, with what it needs, which is none of ours.
LABEL_STUDIO := build/label-studio

.PHONY: help demo native sanitize wheels test test-label-studio thorough busy coverage faults check docs format clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("peerannot needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed ## Build the demo data set, aggregate, train, and look at the result
	$(BIN)/peerannot demo demo

native: $(VENV)/.installed ## Compile what changed of the loops in C++, in place
	@$(BIN)/python native/backend.py

sanitize: $(VENV)/.installed ## Test the loops under AddressSanitizer and UBSan
	@$(BIN)/python native/sanitize.py tests/native

wheels: ## Build the source distribution and wheels into dist, for old systems too
	$(PYTHON) native/wheels.py

test: native ## Run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

$(LABEL_STUDIO)/.installed:
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/python -m pip install --quiet 'label-studio>=1.23,<1.24'
	touch $@

test-label-studio: native $(LABEL_STUDIO)/.installed ## Test against a real Label Studio server
	PEERANNOT_LABEL_STUDIO=$(CURDIR)/$(LABEL_STUDIO)/bin/python \
		$(BIN)/python -m pytest tests/label_studio

thorough: native ## The same with all examples of property tests, of which the suite tries a part
	PEERANNOT_TEST_THOROUGH=1 $(BIN)/python -m pytest -n 2 --dist worksteal

busy: native ## The same beside four busy loops, as on a machine that others use
	@loops=; for i in 1 2 3 4; do (while :; do :; done) & loops="$$loops $$!"; done; \
	trap "kill $$loops" EXIT; trap 'exit 130' INT TERM; $(BIN)/python -m pytest -n 2 --dist worksteal

coverage: native ## The same with coverage, which takes twice the time
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term

faults: native ## Kill every command that writes, everywhere, and look at what is left
	PEERANNOT_TEST_THOROUGH=1 $(BIN)/python -m pytest -n 2 --dist worksteal tests/faults

check: $(VENV)/.installed ## Lint, types and import direction, and lint of the page's script
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if $(BIOME) --version >/dev/null 2>&1; then $(BIOME) check; \
	else echo "The page's script is not linted: Biome needs npm and, the first time, a network"; fi

docs: $(VENV)/.installed ## Build the site of the docs into docs/_build
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build

format: $(VENV)/.installed ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if $(BIOME) --version >/dev/null 2>&1; then $(BIOME) check --write; fi

clean: ## Remove what these commands made
	rm -rf $(VENV) src/peerannot/_native.*.so demo docs/_build build dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
