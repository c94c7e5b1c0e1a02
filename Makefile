# SPDX-License-Identifier: Apache-2.0
# Takes   Python 3.11 or later, git, make, and a package index
# Makes   .venv with the locked packages, then whatever the target says
# Choice  No target and no prerequisite is an absolute path: the folder's name may hold a space.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
TORCH := $(shell sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.in)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# uv reads neither pip's variables nor its configuration: hand over what the user set for pip.
comma := ,
empty :=
ifneq ($(PIP_FIND_LINKS),)
export UV_FIND_LINKS ?= $(subst $(empty) $(empty),$(comma),$(strip $(PIP_FIND_LINKS)))
endif
ifneq ($(PIP_INDEX_URL),)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help
help: ## List the targets
	@pattern='^([a-z-]+):.*## (.*)$$'; while IFS= read -r line; do if [[ $$line =~ $$pattern ]]; then \
		printf '  make %-14s %s\n' "$${BASH_REMATCH[1]}" "$${BASH_REMATCH[2]}"; fi; done < Makefile
	@echo "With the environment active (source .venv/bin/activate), 'snakemake' alone does what"
	@echo "'make reproduce' does; 'snakemake data', prepare, rl, evaluate, cost, verdicts, report are its parts."

.PHONY: reproduce
reproduce: setup ## Set up and run the miniature reproduction to its report (results/report.html)
	@python -m snakemake

FULL_SEEDS = $(shell sed -n 's/^seeds: \[\(.*\)\]/\1/p' config/full.yaml | tr -d ,)
FIRST_SEED = $(firstword $(FULL_SEEDS))

# Further seeds lie in folders of their own; each call continues where the last one stopped. The
# second command of a seed enters what the controls used into its ledger and its bill.
.PHONY: reproduce-full
reproduce-full: setup ## The same with controls and eight seeds, for every mechanism claim
	@[ -n "$(FULL_SEEDS)" ] || { echo "error: config/full.yaml needs a line like" \
		"'seeds: [1, 2, 3]'; put it back" >&2; exit 1; }
	@set -e; for seed in $(FULL_SEEDS); do \
		results=results/seeds/$$seed; logs=logs/seeds/$$seed; \
		if [ $$seed = $(FIRST_SEED) ]; then results=results; logs=logs; fi; \
		echo "seed $$seed: $$results"; \
		python -m snakemake full --config seed=$$seed \
			"pathvars={results: $$results, logs: $$logs}"; \
		python -m snakemake cost --forcerun seal --config seed=$$seed \
			"pathvars={results: $$results, logs: $$logs}"; \
	done; \
	python -m snakemake --configfile config/full.yaml

.PHONY: test
test: setup-tests ## Set up and run every test and every style check
	@python -m pytest

.PHONY: test-conda
test-conda: setup ## Run the smoke scale in a conda environment for each kind of rule (a test front end)
	@python -m pytest -n 0 -m conda tests/conda

.PHONY: test-chaos
test-chaos: setup ## Kill the chain a hundred times at smoke scale; the end must be the same
	@python -m pytest -n 0 -m chaos -s tests/workflow/test_chaos.py

# Builds munge, MariaDB, slurmdbd, slurmctld and five nodes here, and leaves none of it. Needs root;
# Debian packages that are missing are installed. Where that cannot be, the tests say why and skip.
.PHONY: test-slurm
test-slurm: setup-slurm ## Run the smoke scale and its faults on a real Slurm (as root)
	@python -m pytest -n 0 -m slurm tests/slurm tests/workflow/test_documents.py

# Whether .venv was made with another Python than the one that PYTHON=... names.
version := import sys; print(sys.version)
another = [ -n "$(PYTHON)" ] && [ "$$("$(PYTHON)" -c '$(version)')" != \
	"$$(.venv/bin/python -c '$(version)' 2>/dev/null || true)" ]

.PHONY: setup
setup: ## Make .venv and install the locked packages (instant when nothing changed)
	@if [ -n "$(PYTHON)" ] && \
		! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		echo "error: PYTHON=$(PYTHON) is no Python 3.11 or later; name one that is" >&2; exit 1; fi
	@if ! [ -w . ]; then echo "error: this folder cannot be written; give this user write" \
		"permission or clone the repository to another folder" >&2; exit 1; fi
	@set -e; wanted="$$(cat requirements.lock requirements.in Makefile | cksum)"; \
	if $(another); then :; \
	elif [ "$$(cat .venv/installed 2>/dev/null || true)" = "$$wanted" ]; then exit 0; fi; \
	$(MAKE) install; \
	echo "$$wanted" > .venv/installed

.PHONY: setup-slurm
setup-slurm: setup ## Add what profiles/slurm needs to .venv
	@python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r envs/slurm.lock

# With --require-hashes pip takes the index's torch over a local build, so the latter goes first.
# The second call of each kind adds what torch's CUDA build needs, and nothing to a CPU build.
.PHONY: install
install:
	@set -e; chosen=""; \
	for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then chosen="$$python"; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo "error: Python 3.11 or later is needed but python3 is" \
			"$$(python3 --version 2>&1 || true);" \
			"install it, or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	"$$chosen" -c 'import platform as p, sys; sys.exit(p.system() == "Darwin" \
		and (p.machine() != "arm64" or int(p.mac_ver()[0].split(".")[0]) < 14) \
		and "error: $(TORCH) needs a Mac with Apple silicon, macOS 14 or later and a Python for" \
		" arm64, but this Python is for " + p.platform())'; \
	if $(another) || \
		! .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then \
		echo "Making .venv with $$("$$chosen" --version)"; \
		if ! "$$chosen" -m venv --clear .venv; then \
			echo "error: $$chosen cannot make a virtual environment;" \
				"install its venv module (Debian, Ubuntu: python3-venv), then run again" >&2; \
			exit 1; \
		fi; \
	fi
	@echo "Installing the locked packages into .venv"
	@set -e; \
	if .venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); then \
		.venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
			--no-deps -r requirements.lock; \
		.venv/bin/python -m uv pip install --quiet --python .venv/bin/python "$(TORCH)"; \
	else \
		echo "uv $(UV_VERSION) cannot be installed here; using pip, which takes some minutes more"; \
		pip=".venv/bin/python -m pip install --quiet --disable-pip-version-check"; \
		if [ -n "$(PIP_FIND_LINKS)" ]; then $$pip --no-deps "$(TORCH)"; fi; \
		$$pip --no-deps --require-hashes -r requirements.lock; \
		$$pip "$(TORCH)"; \
	fi
	@echo "Compiling what the stages import"
	@env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -W ignore envs/warm.py

.PHONY: harness
harness: setup ## Add lm-evaluation-harness and math-verify, for benchmarks of others
	@set -e; wanted="$$(cat requirements-harness.lock Makefile | cksum)"; \
	if [ "$$(cat .venv/installed-harness 2>/dev/null || true)" = "$$wanted" ]; then exit 0; fi; \
	if .venv/bin/python -m uv --version >/dev/null 2>&1; then \
		.venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
			--no-deps -r requirements-harness.lock; \
	else \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check \
			--no-deps --require-hashes -r requirements-harness.lock; \
	fi; \
	env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -W ignore envs/warm.py lm_eval \
		trl.trainer.grpo_trainer; \
	echo "$$wanted" > .venv/installed-harness; \
	echo "Installed lm-evaluation-harness and math-verify into .venv"

# The environments of the outside validators lie in .venv-checkers. Where one cannot be made the
# reason is printed here, and again by the tests that are then skipped.
.PHONY: setup-tests
setup-tests: harness ## Add what `make test` needs beside .venv's locked packages
	@python envs/checkers/install.py || true

.PHONY: lint
lint: setup ## Check style: ruff, snakefmt, snakemake --lint
	@ruff check .
	@ruff format --check .
	@snakefmt --check Snakefile workflow
	@python -m snakemake --lint

.PHONY: format
format: setup ## Bring Python and Snakemake files into the style that lint asks for
	@ruff check --fix .
	@ruff format .
	@snakefmt Snakefile workflow

SEEDS := 1 2 3

.PHONY: measure
measure: setup ## Measure what README states: fresh clones, SEEDS="1 2 3", a second run, equal bytes
	@python tests/bench/measure.py --seeds $(SEEDS) --repeat

RECORD := results/published/benchmarks/speed.json

.PHONY: bench
bench: setup ## Measure speed beside peers, of large ledgers, what records cost (after make reproduce)
	@if ! [ -r /proc/stat ]; then echo "error: make bench measures by Linux's /proc and does" \
		"not run on this system" >&2; exit 1; fi
	@python tests/bench/speed.py --shape mini fixed fixed_qwen2 --record "$(RECORD)"
	@python tests/bench/ledger.py --record results/published/benchmarks/ledger.json
	@python tests/bench/overhead.py --record results/published/benchmarks/overhead.json
	@cd results/published/benchmarks && sha256sum *.json > SHA256SUMS

.PHONY: evidence
evidence: setup ## Copy the tables of the seeds to results/published/mini, with checksums
	@python tests/bench/publish.py results \
		$(patsubst %,results/seeds/%,$(filter-out $(FIRST_SEED),$(FULL_SEEDS))) \
		--to results/published/mini

.PHONY: lock
lock: setup ## Renew every lock, install requirements.lock, renew envs/
	@python envs/lock.py
	@$(MAKE) envs
	@python envs/lock_harness.py
	@python envs/checkers/install.py --lock

.PHONY: envs
envs: setup ## Renew envs/*.yaml from the lock and from what the rules import
	@python envs/environments.py

.PHONY: check-envs
check-envs: setup ## Say whether envs/*.yaml are what `make envs` would write
	@python envs/environments.py --check

.PHONY: dockerfile
dockerfile: setup ## Renew Dockerfile from envs/*.yaml
	@PATH="$$PATH:$(CURDIR)/tests/conda/front_end/bin" python envs/containerize.py

EXPORTS := results/exports

.PHONY: check-exports
check-exports: setup ## Check EXPORTS="results/exports" by ourselves and by outside validators
	@python envs/checkers/check.py "$(EXPORTS)"

.PHONY: manual
manual: setup ## Renew the tables of config/README.md from schema and configuration
	@python config/manual.py

.PHONY: picture
picture: setup ## Take the picture of the page for README from results/report.html (needs Chromium)
	@python tests/browser/picture.py results/report.html docs/page.png

.PHONY: set-aside
set-aside: ## Move results and logs to set-aside/<time>/ so that the next run starts from nothing
	@set -e; folder="set-aside/$$(date -u +%Y%m%dT%H%M%SZ)"; \
	mkdir -p "$$folder"; \
	for item in $$(ls -A results 2>/dev/null | grep -v -x -e README.md -e published || true); do \
		mkdir -p "$$folder/results"; mv "results/$$item" "$$folder/results/"; \
	done; \
	if [ -d logs ]; then mv logs "$$folder/logs"; fi; \
	echo "Nothing was deleted: results and logs are now in $$folder"

.PHONY: clean
clean: ## Remove caches of the tools; results, logs and .venv stay
	@rm -rf .pytest_cache .ruff_cache
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
