# Everything here sets up what it needs on a machine with make, git and Python 3.11+ with its venv module.
# `make` alone lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Under `env -i` there is neither; a TMPDIR that is not there would stop pip.
export PATH := $(if $(PATH),$(PATH),/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
export HOME := $(if $(HOME),$(HOME),$(or $(shell getent passwd "$$(id -u)" | cut -d: -f6),/tmp))
export TMPDIR := $(if $(wildcard $(TMPDIR)/.),$(TMPDIR),/tmp)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# The newest Python that popbridge is tested with, else a newer one; or say which: `make test PYTHON=python3.12`.
USABLE := import sys, ensurepip, venv, ssl, sqlite3; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach v,3.13 3.12 3.11 3.15 3.14 3,$(shell \
	p=$$(command -v python$v) && "$$p" -c '$(USABLE)' 2>/dev/null && echo "$$p")))
PYTHON311 ?= $(shell p=$$(command -v python3.11) && "$$p" -c '$(USABLE)' 2>/dev/null && echo "$$p")

BIN := .venv/bin
ROUNDS ?= 200
N ?= 100000
ARGS ?=
EXTRAS := test,check

.PHONY: help install demo test check lint format check-typing advisories check-wheel crash fuzz load bench systemd packages container-packages authority check-beside clean

help:
	@echo 'make install             .venv with popbridge in it'
	@echo 'make demo [ARGS=--once]  an upstream with mail, the bridge, and a device to try it with, on this machine'
	@echo 'make test [ARGS=...]     the tests, with Dovecot and mail clients where they are installed'
	@echo 'make check               what CI runs: lint, types, tests with 100,000 fuzzed inputs a parser, the wheel, the unit'
	@echo 'make lint                ruff and mypy --strict (make format lets ruff write)'
	@echo 'make check-typing        the second lane of types: trio-typing and its mypy, on Python 3.11'
	@echo 'make check-wheel         tests against the installed wheel, with the source gone'
	@echo 'make advisories          what is known against the locked versions, where pip-audit is installed'
	@echo 'make fuzz N=1000000      more seeded junk for each parser'
	@echo 'make crash ROUNDS=200    SIGKILL at every instant, then a look at the state'
	@echo 'make load [ARGS=...]     1,000 idle sessions, 500 devices at once, slow ones, 200,000 messages, 500 accounts (ARGS="--seconds 600")'
	@echo 'make bench [ARGS=...]    how fast it is, beside Dovecot: writes docs/performance.md (ARGS=--quick; ARGS="--only retr --rtt 20")'
	@echo 'make systemd             the real unit in a container (root, debootstrap, systemd-nspawn)'
	@echo 'make clean               forget all that was set up'

# --- setting up

# $(call pip,VENV,ARGUMENTS): pip's progress, one line a package; its failure is ours.
define pip
	@rm -f $(1)/failed
	@{ $(1)/bin/python -m pip install --progress-bar off $(2) || touch $(1)/failed; } | sed -n 's/^Collecting /   /p'
	@test ! -e $(1)/failed || { echo "pip could not install $(2): see above." >&2; exit 1; }
endef

install: .venv/installed

.venv/bin/python:
	@test -n '$(PYTHON)' || { echo 'popbridge needs Python 3.11 or newer with its venv module' \
		'(on Debian: apt-get install python3-venv).' >&2; exit 1; }
	@echo '== making .venv with $(PYTHON)'
	@rm -rf .venv && '$(PYTHON)' -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	@echo '== installing popbridge into .venv'
	$(call pip,.venv,-e .)
	@touch $@

.venv/tested: pyproject.toml | .venv/bin/python
	@echo '== installing popbridge and what its tests need into .venv'
	$(call pip,.venv,-e '.[$(EXTRAS)]')
	@touch $@ .venv/installed

authority:
	@sh .ci/test-authority.sh tests/oauth/server .cache/authority

packages:
	@sh .ci/debian-packages.sh dovecot-imapd dovecot-pop3d curl fetchmail mpop getmail6 openssl haproxy nginx libnginx-mod-stream

# --- running

demo: .venv/installed
	@$(BIN)/popbridge demo $(ARGS)

test: .venv/tested packages authority
	$(BIN)/python -m pytest $(ARGS)

# --- what CI runs

# The tests take most of the time and one core; the rest goes on beside them. Packages come first, because apt-get lets
# nobody in beside itself.
check: lint packages container-packages authority
	@$(MAKE) --no-print-directory -j2 test check-beside

check-beside:
	@$(MAKE) --no-print-directory advisories
	@$(MAKE) --no-print-directory check-typing
	@$(MAKE) --no-print-directory check-wheel
	@$(MAKE) --no-print-directory systemd

# What is known against the versions in deploy/requirements.txt, where pip-audit is there (EXTRAS=test,check,audit).
advisories: .venv/tested
	@$(BIN)/python -m tests.lock.advisories

lint: .venv/tested
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/tested
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check-typing:
	@if test -n '$(PYTHON311)'; then $(MAKE) --no-print-directory .venv-typing/installed && \
		echo '== mypy 1.10.1 with trio_typing.plugin' && \
		.venv-typing/bin/mypy --config-file mypy-trio-typing.ini; \
	else echo '== skipped: the trio-typing lane needs python3.11' >&2; fi

.venv-typing/installed: pyproject.toml
	@echo '== installing the trio-typing lane into .venv-typing'
	@rm -rf .venv-typing && '$(PYTHON311)' -m venv .venv-typing
	$(call pip,.venv-typing,-e '.[typing]')
	@touch $@

# With atheris (EXTRAS=test,check,fuzz), its guided search as well.
fuzz: .venv/tested
	POPBRIDGE_FUZZ=$(N) $(BIN)/python -m pytest tests/fuzz --timeout 0

crash: .venv/tested packages
	POPBRIDGE_CRASH_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/crash --timeout 0

# About five minutes; ARGS=--seconds N lets 1,000 idle sessions wait so long.
load: .venv/tested packages
	$(BIN)/python -m tests.load $(ARGS)

# About 20 minutes, on a machine that does nothing else meanwhile.
bench: .venv/tested packages
	$(BIN)/python -m tests.bench $(ARGS)

# What is installed is what is tested: from a directory without the source, in an environment of its own.
check-wheel: .venv-wheel/installed
	@rm -rf build/wheel-tests && mkdir -p build/wheel-tests && cp -r tests docs deploy pyproject.toml build/wheel-tests/
	cd build/wheel-tests && ../../.venv-wheel/bin/python -m pytest tests/pop3 tests/imap tests/store tests/config tests/demo

.venv-wheel/installed: .venv/tested $(shell find bridge -name '*.py' 2>/dev/null) pyproject.toml
	@echo '== building the wheel and installing it into .venv-wheel'
	@rm -rf .venv-wheel dist && '$(PYTHON)' -m venv .venv-wheel
	$(call pip,.venv-wheel,build)
	@.venv-wheel/bin/python -m build --wheel --outdir dist . > /dev/null
	$(call pip,.venv-wheel,"$$(ls dist/*.whl)[test]")
	@touch $@

# Root on Debian only; elsewhere the test says what is missing, and is skipped.
systemd: .venv/tested container-packages
	$(BIN)/python -m pytest tests/systemd --systemd

container-packages:
	@sh .ci/debian-packages.sh debootstrap systemd-container bsdutils

clean:
	rm -rf .venv .venv-typing .venv-wheel build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
