# What a newcomer needs: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
TORCH ?= cpu
PORT ?= 8000
TORCH_INDEX_URL ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo stop venv test test-fast lint openapi format clean

help:
	@echo "make demo       generate a catalogue, train, serve on port $(PORT), ingest, recommend; leaves the service running"
	@echo "make stop       stop that service"
	@echo "make test       all tests that a fresh machine can run"
	@echo "make test-fast  only those that take no seconds"
	@echo "make lint       ruff and mypy --strict"
	@echo "make openapi    write openapi.json anew, after a change of the API"
	@echo "make venv       only install (TORCH=cuda for torch's CUDA build)"
	@echo "make clean      remove the virtual environment and the demo's files"

demo: .venv/installed
	$(BIN)/thaw demo --port $(PORT)

stop: .venv/installed
	$(BIN)/thaw demo --stop

venv: .venv/installed

test: .venv/installed-dev
	$(BIN)/python -m pytest

test-fast: .venv/installed-dev
	$(BIN)/python -m pytest -m "not slow"

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

openapi: .venv/installed
	$(BIN)/thaw openapi --out openapi.json

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	-[ -x $(BIN)/thaw ] && $(BIN)/thaw demo --stop
	rm -rf .venv demo build *.egg-info

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is missing: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Thaw needs Python 3.11 or later, and $(PYTHON) is older: set PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv

# A +cpu wheel that pip is offered already is taken; else it comes from PyTorch's own index.
.venv/torch-$(TORCH): .venv/bin/python
ifeq ($(TORCH),cpu)
	$(PIP) install -q -c constraints.txt "torch==2.13.0+cpu" 2>/dev/null || \
	$(PIP) install -q -c constraints.txt "torch==2.13.0+cpu" --extra-index-url $(TORCH_INDEX_URL)
else ifeq ($(TORCH),cuda)
	$(PIP) install -q -c constraints.txt "torch==2.13.0,!=2.13.0+cpu"
else
	@echo "TORCH is $(TORCH): it must be cpu or cuda"; exit 1
endif
	rm -f .venv/torch-*
	touch $@

.venv/installed: .venv/torch-$(TORCH) pyproject.toml constraints.txt
	@echo "installing Thaw and what it needs (about 1.7 GB on disk) ..."
	$(PIP) install -q -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/installed
	@command -v redis-server >/dev/null || echo "redis-server is missing, so the tests that need a real one will be skipped: apt install redis-server"
	$(PIP) install -q -c constraints.txt -e ".[dev]"
	touch $@
