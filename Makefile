# Everything here starts from a bare checkout on Debian with Python >= 3.11.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.ONESHELL:

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What `make test` runs for real; etcdscope.lab.programs says where each comes from.
PROGRAMS := etcd@3.4 etcd@3.5 etcd@3.5.1 etcdctl@3.4 etcdctl@3.5 prometheus@3.5 promtool@3.5 alertmanager@0.33 kubectl@1.36
# Lanes; a file stays in one. Tests on real clusters mostly wait, so that three share two cores. What a
# busy machine spoils there is tried once more, and the summary says so (R).
LANES := -n 2 --dist loadfile
LIVE_LANES := -n 3 --dist loadfile --reruns 1
# Arguments of `make bench-faults`; docs/benchmarks.md tells of them.
BENCH ?=

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: $(VENV)/runtime ## a real local cluster, real faults and a tour, with its page
	$(BIN)/etcdscope demo

.PHONY: setup
setup: $(VENV)/dev ## everything that check and test need, in .venv

.PHONY: check
check: $(VENV)/dev ## format, lint, types, rooms, unit tests: two minutes, no network
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not etcd and not browser" $(LANES)

.PHONY: test
test: check browser ## check, then the tests that break a real etcd or look at the page
	$(BIN)/python -m etcdscope.lab.programs $(PROGRAMS)
	$(BIN)/python -m pytest -q -m "etcd or browser" $(LIVE_LANES)

.PHONY: browser
browser: ## Debian's Chromium, in which the page is tested
	@if command -v chromium >/dev/null; then exit 0; fi
	if ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then
	  echo "the page is tested in Chromium: install it as 'chromium' (Debian: apt-get install chromium) and run make again." >&2
	  exit 1
	fi
	echo "installing Debian's chromium, in which the page is tested" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null

.PHONY: format
format: $(VENV)/dev ## let ruff write the code's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/dev ## docs/detectors.md and the README's table, made from the detectors
	$(BIN)/python tools/detectors_page.py

.PHONY: bench-detect
bench-detect: $(VENV)/dev ## seconds from fault to incident, median of five; etcdscope alone
	$(BIN)/python -m bench.faults --only faults works healthy --repeats 5 --soak 10 $(BENCH)

.PHONY: bench-faults
bench-faults: $(VENV)/dev ## faults named, beside Prometheus: BENCH="--peer-rules FILE"
	$(BIN)/python -m bench.faults $(BENCH)

.PHONY: tour-picture
tour-picture: $(VENV)/dev build/picture-tools ## docs/tour.webp: the page during a real tour (as root)
	$(BIN)/python tools/tour_frames.py kill slow quorum
	build/picture-tools/bin/python tools/tour_picture.py build/tour docs/tour.webp

build/picture-tools: requirements-picture.txt
	rm -rf $@
	$(BIN)/python -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<

.PHONY: clean
clean: ## forget .venv and all that tools left behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# ---- set-up: installs only what is pinned by hash, again only when the pins change

$(VENV)/runtime: requirements-build.txt requirements.txt pyproject.toml | $(VENV)/made-with
	@echo "setting up $(VENV) to run etcdscope" >&2
	$(PIP) --require-hashes -r requirements-build.txt -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/dev: requirements-dev.txt pyproject.toml | $(VENV)/made-with
	@echo "setting up $(VENV) to work on etcdscope" >&2
	$(PIP) --require-hashes -r requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/made-with:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
	    if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
	      echo "$$python has no venv module: install it (Debian: apt-get install python3-venv) and run make again." >&2
	      exit 1
	    fi
	    "$$python" -m venv --clear $(VENV)
	    echo "$$python" > $@
	    exit 0
	  fi
	done
	echo "etcdscope needs Python 3.11 to 3.14: install one, or name it with make PYTHON=/path/to/python3." >&2
	exit 1

# ---- pins: one resolution (dev), of which the others are parts

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
UPGRADE ?=

.PHONY: pins
pins: $(VENV)/dev ## compile pyproject.toml into requirements*.txt (UPGRADE=--upgrade takes newer ones)
	$(PIP) uv
	$(COMPILE) $(UPGRADE) pyproject.toml --group dev --output-file requirements-dev.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --constraint requirements-dev.txt --output-file requirements.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra kubernetes --constraint requirements-dev.txt --output-file requirements-agent.txt
	$(COMPILE) $(UPGRADE) --group build --constraint requirements-dev.txt --output-file requirements-build.txt
