# make help lists what there is. Everything is installed into .venv at the versions of requirements.lock.
SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c  # a failed installation is not hidden by the filter behind it
PYTHON  ?= python3.11
PROFILE ?= laptop
EVIDENCE := $(if $(filter laptop,$(PROFILE)),reference,$(PROFILE))
PORT    ?= 8000
BIN     := .venv/bin
# What a reader may choose: make book PROFILE=smoke SEEDS=0,1,2 VEHICLEID=dir VERI=dir ANNOTATIONS=file PHOTOGRAPHS=dir OUTPUT=dir BASELINES=no WEIGHTS=file RESUME=yes
CHOICES := --profile '$(PROFILE)' $(if $(OUTPUT),--output '$(OUTPUT)') $(if $(VEHICLEID),--vehicleid '$(VEHICLEID)') \
           $(if $(VERI),--veri '$(VERI)') $(if $(ANNOTATIONS),--annotations '$(ANNOTATIONS)') \
           $(if $(PHOTOGRAPHS),--photographs '$(PHOTOGRAPHS)') $(if $(SEEDS),--seeds '$(SEEDS)') \
           $(if $(filter no,$(BASELINES)),--no-baselines) $(if $(CORES),--cores $(CORES))
# In a variable, for its commas would part the arguments of $(if) below.
RESTORE := {"profile": "$(EVIDENCE)", "output": "$(OUTPUT)", "overrides": {"evidence": {"weights": "$(WEIGHTS)"}}}
SITE    := $(or $(OUTPUT),build/$(notdir $(basename $(PROFILE))))/site/_build/html

.PHONY: help book test lint lab serve settings reference photographs bench clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 18
	@echo "  with PROFILE=smoke|laptop|paper, SEEDS=0,1,2, VEHICLEID=dir, VERI=dir, ANNOTATIONS=file, PHOTOGRAPHS=dir, OUTPUT=dir, CORES=n, BASELINES=no, WEIGHTS=file, RESUME=yes"

.venv/.installed: requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or say make PYTHON=path." >&2; exit 1; }
	@echo "Installing into .venv (6 GB, a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock 2>&1 | { grep -v '^WARNING: Location' || true; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>&1 | { grep -iE '^error' || true; }
	@$(BIN)/python -m pip check
	@touch $@

book: .venv/.installed  ## render the benchmark, run every notebook, publish the book
	@$(BIN)/python -m partreg.workflow.driver $(CHOICES)

test: .venv/.installed  ## lint, unit and property tests, the whole chain on smoke, the book in a browser
	@bash tests/run

lint: .venv/.installed  ## style of code and notebooks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/nbstripout --verify --keep-id --extra-keys "metadata.papermill cell.metadata.papermill" notebooks/*.ipynb

lab: .venv/.installed  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --ip=127.0.0.1 notebooks

serve: .venv/.installed  ## show the built book at http://127.0.0.1:8000
	@test -f '$(SITE)/index.html' || { echo "No book at $(SITE): run make book PROFILE=$(PROFILE) first." >&2; exit 1; }
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory '$(SITE)'

settings: .venv/.installed  ## try settings on validation identities; writes reference/settings*.csv
	@$(BIN)/python -m partreg.workflow.driver --target settings $(CHOICES)
	@$(BIN)/python -m partreg.workflow.driver --target settings_others $(CHOICES)

reference: .venv/.installed  ## repeat the results under reference/: the evidence for the claims, then the dial; takes hours
	$(if $(filter yes,$(RESUME)),@$(BIN)/python -m partreg.workflow.evidence '$(RESTORE)' restore)
	@$(BIN)/python -m partreg.workflow.driver --target evidence $(CHOICES:'$(PROFILE)'='$(EVIDENCE)') $(if $(WEIGHTS),--weights '$(WEIGHTS)')
	@$(BIN)/python -m partreg.workflow.driver --target reference $(CHOICES)

photographs: .venv/.installed  ## every row that real photographs allow, by FILE=mine.yaml; writes reference/photographs.csv
	@$(BIN)/python -m partreg.workflow.photographs $(if $(FILE),'$(FILE)')

bench: .venv/.installed  ## time a whole book, a second one, and the evaluator
	@$(BIN)/python -m partreg.workflow.bench $(CHOICES)

clean:  ## remove everything that was made (build/), not the installation
	@rm -rf build
