# make demo   the whole pipeline on simulated nuclei: tables, figures and a report
# make test   all tests but those that take minutes (those: make test-slow)
# make test-slow   tests of made environments, of whole pipelines that are killed, and of thousands of spoiled files
# make lint   format and lint checks
# make docs   the parts of the documentation that are drawn from the code
# make clean  removes what the demo made (make distclean: the environment, too)
#
# PYTHON    the Python that makes the environment, 3.11 or newer
# PIP_ARGS  more arguments for pip, for a smaller torch without CUDA for example (README.md)
# ARGS      more arguments for snakemake (make report) or pytest (make test)
PYTHON ?= python3
PIP_ARGS ?=
ARGS ?=
WORKERS ?= auto

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo report test test-slow lint format docs clean distclean pipeline-env dev-env

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS)
DEMO := --configfile config/demo.yaml

demo: pipeline-env
	@$(BIN)/snakemake $(DEMO)
	@$(MAKE) --no-print-directory report DATASET=demo ARGS='$(DEMO)'
	@printf '\nThe demo (simulated nuclei) is in results/demo/:\n'
	@printf '  %s\n' 'table1.md       the table, beside the paper'"'"'s numbers' \
	  'figures/        every figure as PNG and SVG' 'report.html     all of it on one page: open it in a browser'

# --report is no rule, so this is where it is made: only if a result or a caption is newer than the report. What
# other targets than `all` make is not in it
ASIDE := logs analysis tuning from_nuclei

report: pipeline-env
	@test -n '$(DATASET)' || { echo 'Error: make report needs DATASET=<name of the folder in results/>' >&2; exit 1; }
	@report='results/$(DATASET)/report.html'; \
	newer=missing; \
	if [ -e "$$report" ]; then \
	  newer=$$(find 'results/$(DATASET)' workflow/report -type f -newer "$$report" $(ASIDE:%=-not -path '*/%/*') | head -n 1 || true); \
	fi; \
	if [ -n "$$newer" ]; then \
	  rm -f 'results/$(DATASET)/.partial-report.html'; \
	  $(BIN)/snakemake $(ARGS) --report 'results/$(DATASET)/.partial-report.html' || { \
	    rm -f 'results/$(DATASET)/.partial-report.html'; \
	    echo "Error: $$report could not be made: see above (an older one is as it was); $$(df -h --output=avail 'results/$(DATASET)' | tail -n 1 | tr -d ' ') free in results/$(DATASET)" >&2; exit 1; }; \
	  mv 'results/$(DATASET)/.partial-report.html' "$$report"; \
	else \
	  echo "$$report is up to date."; \
	fi

test: dev-env
	@OMP_NUM_THREADS=1 STANDIN_PIP_ARGS='$(PIP_ARGS)' $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" $(ARGS)

test-slow: dev-env
	@FUZZ=$${FUZZ:-600} $(MAKE) --no-print-directory test ARGS='-m slow $(ARGS)'

lint: dev-env
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/ruff check .
	$(BIN)/snakemake --lint

format: dev-env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow

docs: dev-env
	$(BIN)/python workflow/scripts/config_table.py
	$(BIN)/python workflow/scripts/results_table.py
	$(BIN)/python workflow/scripts/speed_table.py
	$(BIN)/python workflow/scripts/scale_table.py
	$(BIN)/snakemake --rulegraph mermaid-js | $(BIN)/python workflow/scripts/rule_graph.py

clean:
	rm -rf results/demo

distclean: clean
	rm -rf .venv

# The stamps are written last: an environment that was not finished is made anew
pipeline-env: .venv/.library
dev-env: .venv/.dev

.venv/.pipeline: requirements/pipeline.txt requirements/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Error: $(PYTHON) is $$($(PYTHON) --version 2>&1 || true); Python 3.11 or newer is needed (make PYTHON=python3.12 …)" >&2; exit 1; }
	@echo 'Making the environment in .venv (once; torch is large) …'
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) -r requirements/pipeline.txt
	@touch $@

# The command `canonuclei`, from the code as it stands here: an edit needs no new installation
.venv/.library: .venv/.pipeline pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.library requirements/dev.txt
	@$(PIP) -r requirements/dev.txt
	@touch $@
