# make help lists what there is. Everything is installed into .venv at the versions of requirements.lock.
SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c  # a failed installation is not hidden by the filter behind it
PYTHON  ?= python3.11
PROFILE ?= laptop
PORT    ?= 8000
BIN     := .venv/bin
# What a reader may choose, by the target that reads it; PROFILE may be a file of these choices, and FILE is another name
# for it. PYTHON is for all. The other targets read none: they are about the code, whatever the profile.
RUN       := PROFILE FILE OUTPUT DATA VEHICLEID VERI ANNOTATIONS PHOTOGRAPHS NAMES SEEDS CORES BASELINES
READS_book        := $(RUN)
READS_settings    := $(RUN)
READS_photographs := $(RUN)
READS_bench       := $(filter-out OUTPUT,$(RUN))
READS_reference   := $(RUN) WEIGHTS PIXELS RESUME
READS_keep        := PROFILE FILE OUTPUT WHAT
READS_serve       := PROFILE FILE OUTPUT PORT
READS_faults      := KILLS
READS_fuzz        := SECONDS
READS_gpu         := OUTPUT WHEELS SIZE STUDY
CHOSEN    := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach goal,$(or $(MAKECMDGOALS),help),$(foreach name,$(filter-out $(READS_$(goal)) PYTHON MAKEFLAGS,$(CHOSEN)),\
  $(error make $(goal) does not read $(name); expected $(or $(READS_$(goal)),no choice besides PYTHON))))
$(foreach name,BASELINES RESUME,$(if $(filter-out yes no,$($(name))),$(error $(name) is "$($(name))"; expected yes or no)))
$(if $(filter-out regime,$(STUDY)),$(error STUDY is "$(STUDY)"; expected regime, or none))
$(if $(STUDY),$(if $(filter-out small,$(SIZE)),$(error with STUDY, SIZE is "$(SIZE)"; expected small, or none)))
$(if $(FILE),$(if $(filter command,$(origin PROFILE)),$(error PROFILE and FILE name the same choice; give one of them)))
START     := $(or $(FILE),$(PROFILE))
EVIDENCE  := $(if $(filter laptop,$(START)),reference,$(START))
REGIME    := $(filter regime,$(notdir $(basename $(START))))
# Every word goes through `quoted`, which quotes it for the shell whatever is in it.
quoted   = '$(subst ','\'',$(1))'
option   = $(if $($(1)),--$(2) $(call quoted,$($(1))))
CHOICES := --profile $(call quoted,$(START)) $(call option,OUTPUT,output) $(call option,DATA,data) $(call option,VEHICLEID,vehicleid) \
           $(call option,VERI,veri) $(call option,ANNOTATIONS,annotations) $(call option,PHOTOGRAPHS,photographs) \
           $(call option,NAMES,names) $(call option,SEEDS,seeds) $(call option,CORES,cores) $(if $(filter no,$(BASELINES)),--no-baselines)
SITE    := $(or $(OUTPUT),build/$(notdir $(basename $(START))))/site/_build/html

.PHONY: help install book test lint lab serve settings reference start restamp photographs keep bench fuzz faults machines real annotating gpu audit clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 20
	@echo "  with PROFILE=smoke|laptop|paper, SEEDS=0,1,2, DATA=dir, VEHICLEID=dir, VERI=dir, ANNOTATIONS=file, PHOTOGRAPHS=dir, NAMES='{word: class}', OUTPUT=dir, CORES=n, BASELINES=no, WEIGHTS=file, PIXELS=rgb, RESUME=yes"
	@echo "  PROFILE=mine.yaml takes a file of such choices, in small letters: see the page How do I use my own pictures, or the real data?"

install: .venv/.installed  ## the tools, into .venv; every other target does so where it has to

.venv/.installed: requirements.lock package-lock.json
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or say make PYTHON=path." >&2; exit 1; }
	@echo "Installing into .venv (6 GB, a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock 2>&1 | { grep -v '^WARNING: Location' || true; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>&1 | { grep -iE '^error' || true; }
	@$(BIN)/python -m pip check
	@$(BIN)/python book/packages.py
	@touch $@

book: .venv/.installed  ## render the benchmark, run every notebook, publish the book
	@$(BIN)/python book/driver.py $(CHOICES)

test: .venv/.installed  ## lint, unit and property tests, the whole chain on smoke, the book in a browser
	@bash tests/run

lint: .venv/.installed  ## style of code and notebooks, types of the core
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/nbstripout --verify --keep-id --extra-keys "metadata.papermill cell.metadata.papermill" notebooks/*.ipynb
	@$(BIN)/mypy

lab: .venv/.installed  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --ip=127.0.0.1 notebooks

serve: .venv/.installed  ## show the built book at http://127.0.0.1:8000
	@test -f $(call quoted,$(SITE)/index.html) || { echo "There is no book yet in "$(call quoted,$(SITE))": run make book with the same choices first, or say OUTPUT=folder as your file of choices does." >&2; exit 1; }
	@$(BIN)/python -m http.server $(call quoted,$(PORT)) --bind 127.0.0.1 --directory $(call quoted,$(SITE))

settings: .venv/.installed  ## try settings on validation identities; writes settings*.csv under build/<profile>/studies
	@$(BIN)/python book/driver.py --target settings $(CHOICES)

reference: .venv/.installed  ## make results like those under reference/ in build/: the evidence for the claims, then the dial, or with PROFILE=regime thousands of vehicles; takes hours
ifneq ($(REGIME),)
	@$(BIN)/python book/driver.py --target regime $(CHOICES)
else
	@$(BIN)/python book/driver.py --target evidence $(CHOICES) --profile $(call quoted,$(EVIDENCE)) $(call option,WEIGHTS,weights) $(call option,PIXELS,pixels) $(if $(filter yes,$(RESUME)),--restore)
	@$(BIN)/python book/driver.py --target dial $(CHOICES)
endif

start: .venv/.installed  ## train what the profile laptop starts from; writes build/start/start.pt and start.json; takes an hour
	@$(BIN)/python book/start.py

restamp: .venv/.installed  ## after a change that moves no number: train a sample of the kept trainings again, stamp those that agree
	@$(BIN)/python book/keep.py restamp

photographs: .venv/.installed  ## every method that photographs of your own allow; writes photographs.csv under build/<profile>/studies
	@$(BIN)/python book/driver.py --target photographs $(CHOICES)

keep: .venv/.installed  ## put results of your own in place of the committed ones in reference/: WHAT=evidence|regime|dial|settings|photographs|fuzz|faults|machines|real|annotating|start|gpu|tried
	@$(BIN)/python book/keep.py $(call quoted,$(WHAT)) $(call quoted,$(START)) $(call quoted,$(OUTPUT))

bench: .venv/.installed  ## time a whole book, a second one, the evaluator, and the check of a large folder
	@$(BIN)/python -m tests.bench $(CHOICES)

fuzz: .venv/.installed  ## a coverage-guided fuzzer on every reader of text, SECONDS=20 for each; writes build/fuzz/fuzz.csv
	@test -d .venv/fuzz/atheris || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/fuzz atheris==3.0.0 2>&1 | { grep -v '^WARNING: Location' || true; }
	@PYTHONPATH=.venv/fuzz:book $(BIN)/python -m tests.fuzz.guided $(call quoted,$(or $(SECONDS),20))

faults: .venv/.installed  ## kill the smoke chain at 50 random moments (KILLS=50), fill its disk; writes build/faults/faults.json; takes hours
	@$(BIN)/python -m tests.faults $(call quoted,$(or $(KILLS),50))

machines: .venv/.installed  ## compare smoke chains made by one and by several processes, and without AVX-512; writes build/machines/machine*.csv
	@$(BIN)/python -m tests.machines

real: .venv/.installed  ## what rendered vehicles are worth on real photographs: needs a book, and PARTREG_REAL=dir; writes build/real/real_*.csv; takes several hours
	@$(BIN)/python -m tests.real

annotating: .venv/.installed  ## count the actions that boxes take, drawn or corrected, in a browser: needs a book of the profile laptop; writes build/annotating/annotating.csv
	@$(BIN)/python -m tests.annotate.actions build/laptop build/annotating/annotating.csv

gpu:  ## on a machine with a GPU, in ten minutes: the CPU's numbers, speed, 4,000 vehicles; or STUDY=regime, in half an hour; WHEELS=dir for packages that it lacks
	@python=$(BIN)/python; test -x $$python || python=$(PYTHON); \
	 $(if $(WHEELS),$$python -m pip install --quiet --no-index --no-deps --upgrade --target build/gpu-packages $(call quoted,$(WHEELS))/*.whl &&) \
	 PYTHONPATH=build/gpu-packages:. TQDM_DISABLE=1 OMP_NUM_THREADS=1 PARTREG_COMMIT=$${PARTREG_COMMIT:-$$(git rev-parse --short=10 HEAD)} \
	 $$python -m tests.gpu$(if $(STUDY),_regime $(if $(SIZE),--small), --size $(call quoted,$(or $(SIZE),full))) --out $(call quoted,$(or $(OUTPUT),build/gpu))

audit: .venv/.installed  ## unsafe code, and known vulnerabilities of what is installed (asks the package index)
	@test -x .venv/audit/bin/pip-audit || { $(PYTHON) -m venv .venv/audit && .venv/audit/bin/python -m pip install --quiet --disable-pip-version-check bandit==1.9.4 pip-audit==2.10.1 2>&1 | { grep -v '^WARNING: Location' || true; }; }
	@.venv/audit/bin/bandit --quiet --recursive --severity-level medium partreg && echo "bandit: nothing of medium or high severity"
	@.venv/audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off --strict || { echo "pip-audit: see above; without a list of known vulnerabilities nothing is known of the packages." >&2; exit 1; }

clean:  ## remove everything that was made (build/), not the installation
	@rm -rf build
