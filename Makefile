.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup check real test demo proof traps kills faults campaigns bench bench-parts audit \
  docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

setup: $(READY) ## make the virtual environment from the lock file

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -m venv --help >/dev/null 2>&1 && $(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

check: $(READY) ## ruff, mypy strict, the fast tests: about a minute, needs nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check
	$(BIN)/pytest -q -n 2 --hypothesis-profile=ci -m "not real and not programs"

real: $(READY) ## the tests with real programs, and on two real machines (root; builds what isn't there)
	$(BIN)/pytest -q -n 2 --hypothesis-profile=ci -m "programs and not real"
	$(BIN)/python -m lab prepare
	$(BIN)/pytest -q -n 2 --dist loadfile -m "real and not campaign"

test: check real ## everything

demo: $(READY) ## watch a live server move from Debian 11 to Debian 13
	$(BIN)/python -m lab prepare
	$(BIN)/python -m lab.demo

traps: $(READY) ## walk into every known trap by the documented procedure, and past it by transhume
	$(BIN)/python -m lab prepare
	$(BIN)/python -m lab.traps

proof: $(READY) ## damage a moved server in many ways: verify names each, and nothing else
	$(BIN)/python -m lab prepare
	$(BIN)/python -m lab.proof

kills: $(READY) ## kill the tool at every change of the plan, then go on, and then go back instead
	$(BIN)/python -m lab prepare
	$(BIN)/python -m lab.kills

faults: $(READY) ## break a move in every phase, in every way: make faults SAMPLE=20 SEED=7, MINUTES=30 PAIRS=2
	$(BIN)/python -m lab prepare
	$(BIN)/python -m lab.faults $(if $(SAMPLE),--sample $(SAMPLE),--record) \
	  $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(PAIRS),--pairs $(PAIRS))

campaigns: kills ## the long ones: kills and power cuts at every change, all that befalls what follows
	$(BIN)/pytest -q -m campaign

bench: $(READY) ## the documented way and transhume's: make bench SIZE=S (M, L) ROUNDS=3 KEEP=1 STOCK=1
	$(BIN)/python -m lab prepare
	$(BIN)/python -m lab.bench $(or $(SIZE),S) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	  $(if $(KEEP),--keep) $(if $(STOCK),--keep-stock)

bench-parts: $(READY) ## first copy, databases, tracking, the way back, against what else is used: SIZE=S ROUNDS=3 KEEP=1
	$(BIN)/python -m lab prepare
	for part in copy database tracking back; do \
	  $(BIN)/python -m lab.bench.$$part $(or $(SIZE),S) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	    $(if $(KEEP),--keep) || exit; \
	done

audit: ## look for known holes in the locked dependencies (asks the network)
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

docs: $(READY) ## write the generated parts of docs/ anew
	$(BIN)/python docs/generate.py

clean: ## take down the machines and remove everything the other targets left
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m lab clean --cache; fi
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
