# Two commands: `make demo` shows Postino at work on this computer, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints.txt
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test check pytest browser bench clean catalog

help:
	@echo "make demo         start a local Slack and Mailchimp with Postino, and show the main job"
	@echo "make demo ONCE=1  the same, and stop after the tour"
	@echo "make test         run every check and test"
	@echo "make bench        measure speed and size, and write docs/benchmarks.md (half an hour; QUICK=1: 100,000 contacts; CASE=name: one)"

demo: $(VENV)/demo.stamp
	@$(BIN)/postino demo $(if $(ONCE),--once)

test: check pytest

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One process per processor: most tests wait for servers and browsers. File by file, the walks of one building on each other.
pytest: $(VENV)/dev.stamp browser
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick,--rivals) $(if $(CASE),--case $(CASE))

# The browser tests want a Chromium: the system's, else Debian's package, else Playwright's own.
browser: $(VENV)/dev.stamp
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "Installing Chromium for the browser tests …"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else $(BIN)/playwright install chromium || echo "No Chromium can be had: the browser tests will be left out."; fi

$(VENV)/bin/python:
	@echo "Postino: making a Python environment in $(VENV) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Postino needs Python 3.11 or newer. Name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv is missing. Install it with: sudo apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	@echo "Postino: installing what it needs (pinned in $(CONSTRAINTS)) …"
	@$(BIN)/python -m pip install --disable-pip-version-check -c $(CONSTRAINTS) -e '.[sandbox]' \
		| sed -un 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing collected.*/  unpacking …/p'
	@$(BIN)/python -c 'import nicegui, bot.cli' && touch $@

$(VENV)/dev.stamp: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	@echo "Postino: installing what it and its tests need (pinned in $(CONSTRAINTS)) …"
	@$(BIN)/python -m pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[dev]'
	@touch $@ $(VENV)/demo.stamp

# Bring every language's catalog up to date and list what is to be translated. LANGUAGE=de begins a new one.
catalog: $(VENV)/dev.stamp
	@$(BIN)/python -m bot.collecting $(LANGUAGE)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
