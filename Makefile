# The help text of a target is its `##` comment.

PYTHON ?= python3
BIN := .venv/bin
# DVC runs the stages with the command `python`. No library sends usage statistics.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := true
export DVC_NO_ANALYTICS := true
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help setup repro data train evaluate register ui serve test test-slow test-all test-versions coverage mutation docs \
	lint format hooks spark bench bench-gpu bench-pages bench-serve bench-stages bench-seeds bench-engines lock clean

help: ## Show this help
	@echo "Usage: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

# DVC needs git unless it is told that there is none, as in an unpacked archive; a repository made later counts again.
NO_GIT := LC_ALL=C git rev-parse 2>&1 | grep -q 'not a git repository (or any'
DVC_WITHOUT_GIT := grep -qs 'no_scm = true' .dvc/config.local

setup: $(BIN)/.ready ## Make .venv and install the locked packages
	@if $(NO_GIT); then $(DVC_WITHOUT_GIT) || { dvc config --local core.no_scm true; \
		echo "this folder is in no git repository: the stages run without revisions; for them, 'git clone' the project"; }; \
	elif $(DVC_WITHOUT_GIT); then dvc config --local --unset core.no_scm; fi

# Updated only where requirements.txt or pyproject.toml has changed
$(BIN)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"error: Python 3.11 or later is needed, {sys.executable} is {v[0]}.{v[1]}; try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements.txt
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib || true  # on all cores, which pip does not; not every file compiles
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m digits.visualization.dvc_plots
	$(BIN)/dvc config --local plots.html_template plots.html
	@touch $@

# Apart from the other packages, since PySpark has 480 MB
$(BIN)/.spark: requirements-spark.txt $(BIN)/.ready
	$(BIN)/pip install --quiet --no-compile --no-build-isolation --require-hashes -r requirements-spark.txt
	@touch $@

spark: $(BIN)/.spark ## Install PySpark, for `engine: spark`; it needs Java 17 or later

repro: setup ## Run the whole pipeline: from the pictures to a registered model
	dvc repro
	@$(NO_GIT) || git diff --no-ext-diff --quiet HEAD -- dvc.lock metrics || echo "dvc.lock and metrics/ differ from the committed ones: expected on" \
		"another kind of CPU, which gives other bytes, and after a change; \`git checkout dvc.lock metrics\` restores them"

data: setup ## Run the stages up to the processed digits: ingest, validate, preprocess
	dvc repro preprocess

train: setup ## Run the stages up to the trained network
	dvc repro train

evaluate: setup ## Run the stages up to the test scores, and print them
	dvc repro evaluate
	dvc metrics show

register: setup ## Log and register the model in models/, for example after MLFLOW_TRACKING_URI changed
	digits sync

ui: setup ## Start MLflow's UI of runs and models on http://127.0.0.1:5000
	digits ui

serve: setup ## Serve the champion on http://127.0.0.1:5001: a page to draw on, and an API
	digits serve

test: lint ## Lint, and run the fast tests: the unit tests, and the default pipeline once
	pytest -n auto -m "not slow" --durations 10

test-slow: setup ## Run the slow tests: experiments, killed processes, servers, a remote, a browser
	pytest -n auto -m slow --durations 10

test-all: lint ## Lint, and run all tests, in one go
	pytest -n auto --durations 10

test-versions: setup ## Run the fast tests on each Python that is installed, with the locked and with the lowest versions
	tox run

coverage: spark ## Run all tests, and measure which lines and branches of digits/ and pipeline/ they run
	pytest -n auto --cov --cov-report=term --cov-report=html

mutation: setup ## Change the code that decides, a bit at a time: the tests notice at least 85 % of the changes
	mutmut run
	mutmut export-cicd-stats
	@python -c "import json; s = json.load(open('mutants/mutmut-cicd-stats.json')); \
		share = (s['killed'] + s['timeout']) / s['total']; print(f'{share:.1%} of {s[\"total\"]:,} changes are noticed'); \
		exit(share < 0.85)"

lint: setup ## Check the code's style, types, imports and dependencies, and that nothing is unused
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo
	deptry .
	vulture

hooks: setup ## Run the quick checks of `make lint` before each commit
	pre-commit install

format: setup ## Format the code
	ruff check --fix .
	ruff format .

docs: setup ## Build the documentation's site, which is read without a network
	sphinx-build --quiet --fail-on-warning --keep-going -d docs/_build/doctrees docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# What the benchmarks compare with; PyTorch alone is 5 GB. RapidOCR asks for opencv-python, whose files would replace those
# of opencv-python-headless: the lock is without it, and pip installs what the lock lists.
$(BIN)/.bench: benchmarks/requirements.txt $(BIN)/.ready
	$(BIN)/pip install --quiet --no-deps --require-hashes -r benchmarks/requirements.txt
	@touch $@

bench: $(BIN)/.bench ## Compare the network with known recipes, an hour or more; writes docs/reference/benchmarks/network.md
	python -m benchmarks.network

bench-gpu: $(BIN)/.bench ## Train it on an NVIDIA GPU, and compare it with the same network in plain PyTorch
	python -m benchmarks.gpu

bench-pages: $(BIN)/.bench ## Compare the reading of pages with tesseract and RapidOCR; writes docs/reference/benchmarks/pages.md
	python -m benchmarks.pages

# BentoML and MLflow need different versions of OpenTelemetry.
PEERS := benchmarks/serving_peers/requirements
.venv-peers/.ready: $(PEERS).txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --require-hashes -r $<
	@touch $@

bench-serve: setup .venv-peers/.ready ## Compare the service with MLflow's, BentoML and LitServe; writes docs/reference/benchmarks/serving.md
	python -m benchmarks.serving

bench-stages: setup ## Measure the pipeline's time and memory; writes docs/reference/benchmarks/stages.md
	python -m benchmarks.stages

bench-seeds: setup ## Train the default with three seeds on this kind of CPU; writes docs/reference/benchmarks/seeds.md
	python -m benchmarks.seeds

bench-engines: spark ## Compare the data stages on pandas and on Spark; writes docs/reference/benchmarks/engines.md
	python -m benchmarks.engines

lock: setup ## Resolve pyproject.toml into requirements.txt, and what the service alone needs into requirements-serve.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra train --extra dev --extra s3 --extra ssh --output-file requirements.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra traces --constraint requirements.txt --output-file requirements-serve.txt pyproject.toml
	grep -oE '"pyspark[^"]+"' pyproject.toml | tr -d '"' | uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --output-file requirements-spark.txt -
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra train --extra bench --constraint requirements.txt --no-emit-package opencv-python --output-file benchmarks/requirements.txt pyproject.toml
	grep -E '^(numpy|onnxruntime|opencv-python-headless)==' requirements.txt | tr -d '\\' | uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --constraint - --output-file $(PEERS).txt $(PEERS).in

clean: ## Remove what the stages wrote; DVC's cache and the tracking store stay
	rm -rf data/raw data/interim data/processed data/README.md models/README.md models/digits.* models/checkpoint.npz models/folds models/registered.json \
		reports/figures/*.png reports/plots/*.csv reports/*.html reports/data_docs \
		docs/_build docs/reference/python .coverage* htmlcov mutants .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .tox
