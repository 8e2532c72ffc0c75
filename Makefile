# One command each, and each does its own set-up in .venv; `make` alone lists them.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help install demo demo-cvat app check lint test test-all bench docs

PYTHON ?= python3
TORCH ?=
PY := .venv/bin/python
PYTEST := $(PY) -m pytest -q -n auto --maxprocesses 8 --dist worksteal  # a session fixture is made in each process

# Set up again when what is to be installed changes, or when the folder moves (`-e .` remembers its place).
INPUTS := requirements.txt $(addprefix requirements/,dev.txt app.txt lab.txt opencv-python/pyproject.toml) pyproject.toml
SUM := $(firstword $(shell { pwd; cat $(INPUTS); } | cksum))
INSTALLED := .venv/installed-$(SUM)
INSTALLED_DEV := .venv/installed-dev-$(SUM)
INSTALLED_APP := .venv/installed-app-$(SUM)
INSTALLED_LAB := .venv/installed-lab-$(SUM)

CANDIDATES := $(if $(filter file,$(origin PYTHON)),python3 python3.11 python3.12 python3.13 python3.10,"$(PYTHON)")
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
INDEX := $(if $(filter cpu,$(TORCH)),--extra-index-url https://download.pytorch.org/whl/cpu)
WORK := work_dirs/config_experiment_1

help:  ## list the commands
	@echo "SegLoop. Each command sets up .venv by itself; after that nothing needs a network."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  make install TORCH=cpu          the CPU build of torch, where PyPI has the CUDA one"
	@echo "  make install PYTHON=python3.12  another interpreter, 3.10 to 3.13"

install: $(INSTALLED)  ## set up .venv and look it over
	@$(if $(filter file,$(origin PYTHON)),,$(same_python))
	@$(PY) tools/doctor.py

demo: $(INSTALLED)  ## demo data, training, test: the whole way (run again, it goes on where it was)
	$(PY) tools/train.py configs/config_experiment_1.py --resume
	$(PY) tools/test.py configs/config_experiment_1.py
	@echo
	@echo "Look at the results:"
	@echo "  scores        $$(ls -td $(WORK)/test/*/ | head -n 1)metrics.json"
	@echo "  predictions   $$(ls -td $(WORK)/test/*/ | head -n 1)predictions/"
	@echo "  curves        .venv/bin/tensorboard --logdir $(WORK)"

app: $(INSTALLED_APP)  ## look at models, results, data and labels in a browser, on this machine alone
	$(PY) -m streamlit run supplementary/app/app.py

demo-cvat: $(INSTALLED)  ## the way back to the labels: plant mistakes, find them, relabel, measure the gain
	$(PY) -m supplementary.cvat.demo

check: $(INSTALLED_DEV)  ## look over the installation (doctor) and the code (ruff, mypy)
	@$(PY) tools/doctor.py
	@$(MAKE) --no-print-directory lint

lint: $(INSTALLED_DEV)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

test: lint  ## ruff, mypy and the tests that take seconds, as CI does
	$(PYTEST) -m "not slow"

test-all: lint $(INSTALLED_LAB)  ## ruff, mypy and every test, those that take minutes too
	$(PYTEST)

docs: $(INSTALLED_LAB)  ## the documentation as a site in site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet
	@echo "Open site/index.html"

bench: $(INSTALLED_DEV)  ## the benchmarks that need nothing beyond .venv
	@set -e; for script in $$(grep -L '^Needs:' benchmarks/[a-z]*.py); do \
	  echo "== $$script"; $(PY) "$$script"; done

$(INSTALLED):
	@if ! $(PY) -c '$(SUPPORTED)' 2>/dev/null; then \
	  for python in $(CANDIDATES); do \
	    "$$python" -c 'import ensurepip, venv; $(SUPPORTED)' 2>/dev/null && break; \
	  done || { echo "SegLoop needs Python 3.10, 3.11, 3.12 or 3.13 with its venv module; found none among:" $(CANDIDATES) >&2; \
	    echo "Install one (Debian, Ubuntu: apt install python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }; \
	  "$$python" -m venv --clear .venv; \
	fi
	@echo "Setting up .venv; the first time takes a few minutes. All of pip's words: .venv/install.log"
	$(call pip_install,requirements.txt)
	@$(PY) tools/doctor.py --fix --only cv2 --quiet
	@rm -f .venv/installed-*; touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(call pip_install,requirements/dev.txt)
	@touch $@

$(INSTALLED_APP): $(INSTALLED)
	$(call pip_install,requirements/app.txt)
	@touch $@

$(INSTALLED_LAB): $(INSTALLED_DEV)
	$(call pip_install,requirements/lab.txt)
	@touch $@

# An environment that is there keeps its interpreter.
define same_python
	has=$$($(PY) -c '$(VERSION)'); wants=$$("$(PYTHON)" -c '$(VERSION)' 2>/dev/null) || wants=none; \
	[ "$$has" = "$$wants" ] || { echo "In .venv is Python $$has; $(PYTHON) is $$wants. To change: rm -r .venv, and once more." >&2; exit 2; }
endef

# One line for each requirement as pip comes to it; the end of its log if it fails.
define pip_install
@set -o pipefail; \
	$(PY) -m pip install --disable-pip-version-check --progress-bar off $(INDEX) -r $(1) 2>&1 | tee -a .venv/install.log \
	| awk '/^(Collecting|Processing) .*\(from -r/ { sub(/ \(from -r.*/, ""); sub(/^[^ ]+ (.*\/)?/, "  "); print; fflush() } \
	       /^Installing collected/ { print "  unpacking …"; fflush() }' \
	|| { tail -n 20 .venv/install.log >&2; echo "The installation failed; see .venv/install.log" >&2; exit 1; }
endef
