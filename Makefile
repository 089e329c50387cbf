# The words of this project. `make` alone lists them; continuous integration runs the same ones.
# PYTHON chooses the interpreter, VENV the place of the environment: make demo PYTHON=python3.12

SHELL  := /bin/bash
PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
BIN    := $(VENV)/bin
RUN    := $(BIN)/python
STAMP   = $(VENV)/.installed-$(shell cat requirements.lock requirements-installer.lock | cksum | cut -d' ' -f1)

export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help install demo up test check lint format types contracts deploy-check bench faults soak lock clean

help: ## list the words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

install: $(STAMP) ## make the virtual environment and install what requirements.lock pins

$(STAMP): requirements.lock requirements-installer.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Millrace needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -1)."; \
	  echo "Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@printf 'Installing Millrace into %s: %s packages, once … ' "$(VENV)" "$$(grep -c '==' requirements.lock)"
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@begun=$$SECONDS; bash deploy/install.sh $(BIN) && echo "done in $$((SECONDS - begun)) s"
	@rm -f $(VENV)/.installed-*; touch $@

demo: $(STAMP) ## one real document from upload to result, then the running site (ARGS=--once ends after it)
	@$(RUN) manage.py demo $(ARGS)

up: $(STAMP) ## migrate, then web and workers, supervised, until Ctrl-C (HOST, PORT, DATA_DIR, POOLS)
	@exec $(RUN) manage.py up $(ARGS)

test: $(STAMP) ## the tests; those that need Redis or PostgreSQL skip with a reason where none answers
	@$(RUN) -m pytest $(ARGS)

check: lint types contracts deploy-check test ## everything a change must pass

lint: $(STAMP) ## ruff
	@$(BIN)/ruff check .

format: $(STAMP) ## lay the code out
	@$(BIN)/ruff format $(ARGS) .

types: $(STAMP) ## mypy with django-stubs
	@$(BIN)/mypy .

contracts: $(STAMP) ## import-linter: which module may know which
	@$(BIN)/lint-imports

deploy-check: $(STAMP) ## Django's and Millrace's own checks as in production; migrations that are missing
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	  env -u DATABASE_URL -u REDIS_URL DATA_DIR=$$dir PUBLIC_URL=https://jobs.example.org ALLOWED_HOSTS=jobs.example.org \
	  SECRET_KEY=$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  JWT_SECRET=$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  $(RUN) manage.py check --deploy --fail-level WARNING && \
	  env -u DATABASE_URL -u REDIS_URL DATA_DIR=$$dir $(RUN) manage.py makemigrations --check --dry-run

bench: $(STAMP) ## the benchmarks; prints what it measures
	@$(RUN) -m tests.benchmarks $(ARGS)

faults: $(STAMP) ## kills, restarts and cuts: the promise of the README under fire
	@$(RUN) -m tests.faults $(ARGS)

soak: $(STAMP) ## the same for a long time (ARGS="--minutes 60")
	@$(RUN) -m tests.faults.soak $(ARGS)

lock: $(STAMP) ## pin the dependencies of pyproject.toml again, with hashes
	@$(BIN)/uv pip compile pyproject.toml --group dev --all-extras --python-version 3.11 \
	  --generate-hashes --no-header --quiet $(ARGS) -o requirements.lock
	@$(BIN)/uv pip compile --group pyproject.toml:ci --python-version 3.11 -c requirements.lock \
	  --generate-hashes --no-header --quiet $(ARGS) -o requirements-ci.lock

clean: ## remove the environment and the caches; var/ (your data) stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
