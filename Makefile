# `make help` lists what there is. Everything happens in $(VENV); nothing else is touched.
# The names used here hold no spaces, so that the folder of the checkout may.

PYTHON ?= python3
VENV ?= .venv
# Most tests wait for a server or for another process, so there are more workers than cores.
WORKERS ?= 4
ARGS ?=

BIN := $(VENV)/bin
RUN := $(BIN)/python -m
PIP := $(RUN) pip --quiet --quiet --disable-pip-version-check
TEST := $(RUN) pytest --numprocesses=$(WORKERS) --dist=worksteal
# What test-fast runs, but for tests marked chaos or slow: mostly without a PostgreSQL.
FAST := tests/config tests/services tests/observers \
  tests/schedules/check tests/schedules/test_cron.py tests/schedules/test_shorthand.py \
  tests/engines/test_guards.py tests/engines/test_scripts.py tests/engines/test_sweep.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check lint types imports sizes workflows docs bench chaos write-docs requirements clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s%s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Another Python: make test PYTHON=python3.13 VENV=.venv-3.13   Some tests: make test ARGS="-k sweep"'

demo: $(VENV)/.demo ## install, and take a tour on a PostgreSQL of its own
	@$(BIN)/maint demo

test: $(VENV)/.dev ## run all tests, on a PostgreSQL of their own
	@$(TEST) $(ARGS)

test-fast: $(VENV)/.dev ## run some tests of each kind, in under a minute
	@$(TEST) --maxprocesses=2 -m 'not chaos and not slow' $(FAST) $(ARGS)

check: lint types imports sizes workflows docs ## check style, types, layers, workflows and documentation

lint: $(VENV)/.dev
	@$(RUN) ruff check --quiet
	@$(RUN) ruff format --quiet --check

types: $(VENV)/.dev
	@$(RUN) mypy --no-error-summary
	@$(BIN)/basedpyright

imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-logo

sizes: $(VENV)/.dev
	@$(BIN)/python tools/layout.py

workflows: $(VENV)/.dev
	@$(BIN)/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml
	@$(BIN)/zizmor --offline --no-progress --quiet --persona=pedantic .github/workflows action.yml

docs: $(VENV)/.dev
	@$(BIN)/python tools/docs.py --check

bench: $(VENV)/.dev ## measure against the named peers, into docs/performance.md (long)
	@env -u PYTHONDONTWRITEBYTECODE $(RUN) bench $(ARGS)

chaos: $(VENV)/.dev ## kill, signal, cut and freeze in full counts, into docs/guarantees.md (long)
	@mkdir -p build && rm -f build/chaos.jsonl
	@MAINT_CHAOS=full MAINT_CHAOS_RESULTS="$$PWD/build/chaos.jsonl" $(TEST) --timeout=0 -m chaos $(ARGS)
	@$(BIN)/python tools/chaos.py build/chaos.jsonl

write-docs: $(VENV)/.dev ## write the generated parts of the documentation
	@$(BIN)/python tools/docs.py

COMPILE := build/uv/bin/uv pip compile pyproject.toml --quiet --upgrade --extra embedded \
  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

requirements: | $(BIN)/python ## choose the newest versions of all packages anew
	@$(RUN) venv build/uv && build/uv/bin/python -m pip install -qq --disable-pip-version-check uv
	@$(COMPILE) --group dev --output-file requirements/dev.txt
	@$(COMPILE) --group build --constraint requirements/dev.txt --output-file requirements/demo.txt
	@$(subst --extra embedded,--extra mail --extra storage,$(COMPILE)) --group build --constraint requirements/dev.txt --output-file requirements/run.txt

clean: ## remove what these commands made
	@if [ -e "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo '1 of 2: the packages of requirements/$*.txt, into $(VENV); some minutes, the first time'
	@$(RUN) pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements/$*.txt
	@echo '2 of 2: maint, into $(VENV)'
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

complain = { echo '$(1); name another Python: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || $(call complain,There is no $(PYTHON). Install Python 3.11 or newer)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || $(call complain,$(PYTHON) is older than Python 3.11)
	@"$(PYTHON)" -m venv --clear "$(VENV)" || { rm -rf "$(VENV)"; exit 1; }
