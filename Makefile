# Berdaya. `make help` lists the targets. Everything is installed into .venv from lock files with hashes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE :=

VAR ?=
PORT ?= 8000
ONCE ?=
FULL ?=
SCALE ?= 1
WORKERS ?= 1
TO ?=
FROM ?=
ROLE ?= province_officer
SUB ?= pembaca
DISTRICT ?=
CODE ?=
ROTATE ?=
REVOKE ?=
SERVICE ?= reporting
ARGS ?=
# Where the state lies: in VAR, else of whatever was started last (demo: var/demo, run: var/local, stack: var).
STATE = $(if $(VAR),$(VAR),$(or $(shell cat var/current 2>/dev/null),var/demo))
# What a district is let into: the containers or the stack, whichever was started last.
RUNNING = $(or $(VAR),$(filter var/compose,$(shell cat var/current 2>/dev/null)),var)
started = $(if $(VAR),,@mkdir -p var && echo $(1) > var/current)

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# --- environment: runtime for the commands an office uses, everything for test and check -------------------------

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] < (3, 13) else f"Berdaya needs Python 3.11 or 3.12; {sys.executable} is {v.major}.{v.minor}. Name another: make PYTHON=python3.11 …")'
	@$(PYTHON) -m venv $(VENV) || { echo "cannot make $(VENV): the disk may be full, or the Debian package python3-venv is missing"; rm -rf $(VENV); exit 1; }

$(VENV)/runtime: requirements.lock | $(VENV)/bin/python
	@echo "installing what Berdaya runs on (once)"
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock || { echo "installation failed: is the package registry in reach, and the disk not full?"; exit 1; }
	@touch $@

$(VENV)/dev: requirements-dev.lock | $(VENV)/bin/python
	@echo "installing what tests and checks need (once)"
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock || { echo "installation failed: is the package registry in reach, and the disk not full?"; exit 1; }
	@touch $@ $(VENV)/runtime

.PHONY: lock
lock: $(VENV)/dev ## Pin all dependencies again, with hashes (after a change in pyproject.toml)
	@$(VENV)/bin/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe -o requirements.lock pyproject.toml
	@$(VENV)/bin/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --extra stack --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	@$(VENV)/bin/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --extra image -c requirements-dev.lock -o requirements-image.lock pyproject.toml
	@for peer in benchmarks/peers/*/requirements.in; do (cd $$(dirname $$peer) && $(CURDIR)/$(VENV)/bin/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe -o requirements.lock requirements.in) || exit 1; done

# --- run ---------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(if $(FULL),$(VENV)/dev,$(VENV)/runtime) ## The story of a province; ONCE=1 to check and end, FULL=1 through Kafka
	$(call started,$(if $(FULL),var,var/demo))
	@$(PY) -m deploy.local demo --port $(PORT) --scale $(SCALE) --var $(if $(VAR),$(VAR),$(if $(FULL),var,var/demo)) $(if $(ONCE),--once) $(if $(FULL),--full)

.PHONY: run
run: $(VENV)/runtime ## The embedded run for real use; VAR=dir and PORT=n
	$(call started,var/local)
	@$(PY) -m deploy.local run --port $(PORT) --var $(if $(VAR),$(VAR),var/local)

.PHONY: stack
stack: $(VENV)/dev ## Kafka, PostgreSQL, Redis, the services and the gateway as plain processes
	$(call started,var)
	@BERDAYA_GATEWAY_PORT=$(PORT) $(if $(VAR),BERDAYA_VAR=$(VAR)) $(PY) -m deploy.stack up

.PHONY: stack-down
stack-down: $(VENV)/dev ## Stop the stack; its state stays
	@$(if $(VAR),BERDAYA_VAR=$(VAR)) $(PY) -m deploy.stack down

# --- containers: where they run, this environment only steers them ------------------------------------------------

containers = $(if $(VAR),BERDAYA_VAR=$(VAR)) $(PY) -m deploy.containers

.PHONY: images
images: $(VENV)/dev ## A container engine and all images, pulled or made here; a second run takes seconds
	@$(containers) images

.PHONY: secrets
secrets: $(VENV)/dev ## Passwords and keys of the containers, one file each: [VAR=…]
	@$(containers) secrets

.PHONY: up
up: $(VENV)/dev ## Everything in containers, by docker-compose: [WORKERS=n] [PORT=n] [VAR=…]
	$(call started,var/compose)
	@BERDAYA_GATEWAY_PORT=$(PORT) $(containers) up --workers $(WORKERS)

.PHONY: down
down: $(VENV)/dev ## Stop and remove the containers; volumes and secrets stay
	@$(containers) down

.PHONY: status
status: $(VENV)/dev ## Each container, and whether it answers
	@$(containers) status

.PHONY: backup
backup: $(VENV)/dev ## Log, databases, secrets and keys of the containers into a new folder: TO=dir
	@$(if $(TO),,echo "into which new folder? e.g. make backup TO=/srv/berdaya-1"; exit 1)
	@$(containers) backup $(TO)

.PHONY: restore
restore: $(VENV)/dev ## A backup in place of nothing: FROM=dir
	@$(if $(FROM),,echo "from which folder? e.g. make restore FROM=/srv/berdaya-1"; exit 1)
	@$(containers) restore $(FROM)

.PHONY: compose
compose: $(VENV)/dev ## Any other command of docker-compose: ARGS="logs --tail 20 registry"
	@$(containers) compose $(ARGS)

# --- districts, readers, operation -------------------------------------------------------------------------------

.PHONY: district
district: $(VENV)/dev ## A district's own door on stack or containers: CODE=3522 [ROTATE=1 | REVOKE=1] [VAR=…]
	@$(if $(CODE),,echo "which district? e.g. make district CODE=3522"; exit 1)
	@BERDAYA_VAR=$(RUNNING) $(PY) -m deploy.stack district $(CODE) $(if $(ROTATE),--rotate) $(if $(REVOKE),--revoke)

.PHONY: token
token: $(VENV)/runtime ## A token alone: ROLE=… SUB=… [DISTRICT=…] [VAR=…]
	@$(PY) -m deploy.local token --role $(ROLE) --sub $(SUB) $(if $(DISTRICT),--district $(DISTRICT)) --var $(STATE)

.PHONY: sign-in
sign-in: $(VENV)/runtime ## A link that signs a reader in, once: [ROLE=…] [DISTRICT=…] [VAR=…] [PORT=…]
	@$(PY) -m deploy.local sign-in --role $(ROLE) --sub $(SUB) $(if $(DISTRICT),--district $(DISTRICT)) --var $(STATE) --port $(PORT)

.PHONY: reconcile
reconcile: $(VENV)/runtime ## Prove every total from stored facts: [VAR=…]
	@$(PY) -m deploy.local operate --var $(STATE) reporting reconcile
	@$(PY) -m deploy.local operate --var $(STATE) grants reconcile

.PHONY: rebuild
rebuild: $(VENV)/runtime ## Views from stored facts, in place of the present ones: [VAR=…]
	@$(PY) -m deploy.local operate --var $(STATE) reporting rebuild

.PHONY: what-if
what-if: $(VENV)/runtime ## What another growth rule would change: RULE=n or CANDIDATE=file.toml [VAR=…]
	@$(PY) -m deploy.local operate --var $(STATE) reporting what-if $(if $(RULE),--rule $(RULE)) $(if $(CANDIDATE),--candidate $(CANDIDATE))

.PHONY: redrive
redrive: $(VENV)/runtime ## Apply quarantined records again: [VAR=…]
	@for service in registry grants reporting; do echo "$$service:"; $(PY) -m deploy.local operate --var $(STATE) $$service redrive || left=1; done; exit $${left:-0}

# --- quality -----------------------------------------------------------------------------------------------------

.PHONY: check
check: $(VENV)/dev ## Format, lint, types, architecture, generated documents, both languages complete
	@$(VENV)/bin/ruff format --check -q . || { echo "run: make format"; exit 1; }
	@$(VENV)/bin/ruff check -q .
	@$(VENV)/bin/mypy --no-error-summary .
	@$(VENV)/bin/lint-imports --no-cache > .import-linter.out 2>&1 || { cat .import-linter.out; rm -f .import-linter.out; exit 1; }; rm -f .import-linter.out
	@$(PY) -m shared.events.asyncapi --check
	@$(PY) -m pytest -q -p no:cacheprovider tests/unit/test_wording.py > .wording.out 2>&1 || { cat .wording.out; rm -f .wording.out; exit 1; }; rm -f .wording.out
	@echo "check: all fine"

.PHONY: format
format: $(VENV)/dev ## Format and mend what can be mended
	@$(VENV)/bin/ruff format -q . && $(VENV)/bin/ruff check -q --fix .

.PHONY: test
test: $(VENV)/dev ## Everything, on real Kafka, PostgreSQL, Redis and Chromium; installs what is missing
	@$(PY) -m pytest --ignore tests/containers

# Those that speak to the components and do not kill them: what a container could change.
CONTAINED = $(addprefix tests/integration/test_,log.py consumer.py inbox.py outbox.py database.py live.py migrations.py)

.PHONY: test-containers
test-containers: $(VENV)/dev ## docker-compose whole, then the tests of log, consumer, inbox, outbox and databases on containers
	@REQUIRE=engine $(PY) -m pytest tests/containers
	@REQUIRE=engine,kafka,postgres,redis BERDAYA_TEST_BY=containers $(PY) -m pytest $(CONTAINED)

.PHONY: bench
bench: $(VENV)/dev ## Speed, as ratios in one run; ARGS="--quick", ARGS="--only reads", ARGS=--help
	@$(PY) -m benchmarks $(ARGS)

.PHONY: clean
clean: ## Remove state, environment and caches
	rm -rf var $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
