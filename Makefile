SHELL := /bin/sh
PYTHON ?= python3
.PHONY: install test check
install: .venv/ready
.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q -e '.[test,check]'
	touch $@
test: install
	.venv/bin/python -m pytest
check: test
