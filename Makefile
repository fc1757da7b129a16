# make run: set everything up and start it. make test: set everything up and test it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
unexport PYTHONDONTWRITEBYTECODE  # each worker and server of the tests would compile everything anew

.PHONY: run test lint fix bench bench-web bench-workers install install-dev quickstart

run: quickstart
	@PORT=$${PORT:-8000} exec honcho start

# One process more than the two cores that CI has: one always waits for a page, a file or a worker. Each
# imports everything first, which takes a core a quarter of a minute. Matrices are tiny: more threads would
# only wait for one another, and busily.
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1
test: lint
	pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: install-dev  ## what CI refuses
	ruff check .
	ruff format --check .
	djade --target-version 5.2 --check $$(git ls-files 'templates/*.html')
	lint-imports
	python manage.py makemigrations --check --dry-run
	mypy --num-workers 2 heretic_web studies manage.py
	@if command -v node >/dev/null; then for file in $$(git ls-files 'studies/static/studies/*.js' | grep -v /vendor/); \
	  do node --check $$file || exit 1; done; else echo "node is not installed: scripts are not checked"; fi

fix: install-dev
	ruff check --fix .
	ruff format .
	djade --target-version 5.2 $$(git ls-files 'templates/*.html')

bench: install-dev  ## trials per minute beside an arm that works like the reference tool
	python -m studies.engine.bench

bench-web: install-dev  ## pages, API and live events with 10,000 studies of 200 trials
	python -m studies.bench

bench-workers: install-dev  ## one study by one worker and by two
	python -m studies.bench.workers

quickstart: install
	@python manage.py quickstart

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and by itself: the other packages then keep the build that is there.
$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet $$(grep -o '^torch==[^ ]*' requirements.txt)
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'  # the first that knows --group
	$(BIN)/pip install --quiet --group dev
	touch $@
