# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup lock

help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## Create .venv with locked requirements and all members
	@scripts/setup.sh

lock: setup ## Renew requirements/*.txt (UPGRADE=1 takes newer versions)
	@$(PY) scripts/lock.py $(if $(UPGRADE),--upgrade)
