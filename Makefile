# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
PY := .venv/bin/python
CODE := libs services scripts tests bench conftest.py

# With AGAIN=1 tests that failed (exit code 1, nothing else) run once more and have to pass then.
again = $(if $(AGAIN),|| { [ $$? -eq 1 ] && echo "== these failed and run once more" && $(1) -m pytest --last-failed; })

.DEFAULT_GOAL := help
.PHONY: help setup lock demo dev test compiled unit e2e check lint types contracts generated generate manifests \
	members images compose rules detection fuzz bench clean

help: ## List the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: ## Create .venv with locked requirements and all members
	@scripts/setup.sh

demo: setup ## Run the main job end to end on examples/shop; ends by itself
	@$(PY) scripts/demo.py

dev: setup ## Run the chain on examples/shop until Ctrl-C
	@.venv/bin/microgateway dev examples/shop

test: setup ## Run every test (as root also those with network namespaces and containers)
	@scripts/system-packages.sh --or-skip nftables iproute2 containernetworking-plugins openssl curl redis-server \
		docker.io docker-compose debootstrap prometheus chromium nodejs \
		nginx haproxy nghttp2-client wrk util-linux $$(command -v kubectl >/dev/null || echo kubernetes-client) \
		gcc libc6-dev binutils golang-go golang-github-appc-cni-dev
	@scripts/kustomize.sh >/dev/null || echo "tests of the manifests are skipped"
	@scripts/kube-apiserver.sh >/dev/null || echo "tests with a real kube-apiserver are skipped"
	@$(PY) -m pytest $(call again,$(PY))

compiled: ## Run the tests of what is compiled in images on the compiled modules
	@scripts/setup.sh build/compiled compiled
	@build/compiled/bin/python -m pytest -q -m "not interpreted" libs/inspection/tests services/engine/tests \
		$(call again,build/compiled/bin/python)

unit: setup ## Run the tests that need neither root, containers nor an API server
	@$(PY) -m pytest -m "not root and not docker and not kubernetes"

check: setup lint types contracts generated ## Lint, types, import contracts, generated files (under a minute)

lint: setup ## ruff: rules and format
	@.venv/bin/ruff check --quiet $(CODE) && .venv/bin/ruff format --quiet --check $(CODE) && echo "lint: clean"

types: setup ## mypy, strict
	@.venv/bin/mypy $(CODE)

contracts: setup ## import-linter: who may import whom
	@.venv/bin/lint-imports --no-logo

generated: setup ## Generated files are what their sources make
	@$(PY) scripts/generate_crds.py --check
	@$(PY) scripts/generate_reference.py --check
	@$(PY) scripts/generate_headers.py --check
	@$(PY) -m scripts.generate_dashboards --check

generate: setup ## Write what is generated: CRDs, field reference, header lists, dashboards
	@$(PY) scripts/generate_crds.py
	@$(PY) scripts/generate_reference.py
	@$(PY) scripts/generate_headers.py
	@$(PY) -m scripts.generate_dashboards

manifests: setup ## Build and check everything that kustomize installs
	@$(PY) -m pytest -q tests/deploy

members: setup ## Install each member alone and import all of it
	@$(PY) scripts/members_alone.py

images: setup ## Build the container images (base images with debootstrap where no registry answers)
	@scripts/system-packages.sh docker.io docker-compose debootstrap
	@scripts/images.sh

compose: images ## Run the loop in containers until Ctrl-C
	@if docker compose version >/dev/null 2>&1; then docker compose up; else docker-compose up; fi

rules: setup ## Check every deny rule and what the levels catch and refuse by mistake
	@$(PY) scripts/rules.py

detection: setup ## The same beside nginx + ModSecurity + CRS; writes docs/detection.md
	@scripts/system-packages.sh nginx libnginx-mod-http-modsecurity modsecurity-crs
	@$(PY) scripts/rules.py --detection

fuzz: setup ## Fuzz parsers and decoders (SECONDS_EACH=20); a crash says how to repeat it
	@$(PY) scripts/fuzz.py --seconds $(or $(SECONDS_EACH),20)

e2e: setup ## A real single-node cluster: install, protect, attack, repair, remove (root)
	@$(PY) -m pytest -m e2e tests/e2e

# With the interpreter of the images, Debian's: one built without its optimisations is a third slower.
bench: ## Measure beside nginx, haproxy and nginx + ModSecurity + CRS (under 30 minutes)
	@scripts/system-packages.sh nginx libnginx-mod-http-modsecurity modsecurity-crs haproxy nghttp2-client \
		openssl wrk python3-venv
	@PYTHON=/usr/bin/python3 scripts/setup.sh build/bench compiled
	@build/bench/bin/python -m bench

lock: setup ## Renew requirements/*.txt (UPGRADE=1 takes newer versions)
	@$(PY) scripts/lock.py $(if $(UPGRADE),--upgrade)

clean: ## Remove what setup and tests made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
