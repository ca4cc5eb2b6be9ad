# `make` lists the targets. Nothing but Python 3.11+ and make is needed; everything lands in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed
UPSTREAM = $(CURDIR)/.venv-upstream
CUEGUI  = $(CURDIR)/.venv-cuegui
SEEDS  ?= 50
JOBS   ?= 4
FIRST  ?= 1

.DEFAULT_GOAL := help
.PHONY: help venv upstream cuegui demo up dev unit test sample proof cover check fmt hooks bench sim release docs wheels proto stubs clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## make .venv with all three distributions, the demo and the test tools

SUPERVISOR = packages/agent/hatch_build.py $(wildcard packages/agent/src/rqd/supervisor/program/*)

$(STAMP): requirements-dev.txt constraints.txt packages/client/pyproject.toml packages/agent/pyproject.toml packages/server/pyproject.toml $(SUPERVISOR)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cuefarm needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (two or three minutes the first time; about 900 MB, nearly half of it the demo's renderer and movie encoder)"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -c constraints.txt -e packages/client -e packages/agent -e 'packages/server[demo,plot,postgres]' -r requirements-dev.txt
	@touch $@
	@echo "installed. Start a farm: $(BIN)/cuefarm up   (or render a movie: make demo). For the commands: export PATH=\"$(abspath $(BIN)):\$$PATH\""

demo: venv ## start a farm, render a real animation on it, print where the movie is
	@$(BIN)/cuefarm demo

up: venv ## start a farm on this machine and stay (Ctrl-C stops it)
	@$(BIN)/cuefarm up

dev: venv ## a server and an agent that start anew when their code changes; the farm lives in build/dev-farm
	@$(BIN)/python -m tools.dev

unit: venv ## run what needs no process and no second, in half a minute: model, rules, scheduler, specs, parts of client and agent
	$(BIN)/python -m pytest -m "not slow and not proof" -n 2 -q $(UNIT)

UNIT = $(addprefix packages/server/tests/,domain decide scheduling queries spec values) packages/client/tests/filesequence \
	packages/client/tests/outline $(addprefix packages/agent/tests/,test_log.py test_options.py runner link/test_messages.py)

cover: venv upstream ## run `make test` and say which lines and branches nothing runs; pages in build/coverage
	CUEFARM_UPSTREAM=$(UPSTREAM) $(BIN)/python -m pytest -m "not proof" -n $(JOBS) --dist loadfile --cov --cov-report=term --cov-report=html:build/coverage

test: venv upstream ## run every test that does not take minutes, four files at a time, as most of it waits (ten minutes in all)
	CUEFARM_UPSTREAM=$(UPSTREAM) $(BIN)/python -m pytest -m "not proof" -n $(JOBS) --dist loadfile

proof: venv upstream cuegui ## run what takes longer: the tests that take minutes, and 300 simulated farms with faults
	CUEFARM_UPSTREAM=$(UPSTREAM) CUEFARM_CUEGUI=$(CUEGUI) $(BIN)/python -m pytest -m proof
	$(BIN)/cuefarm sim --seeds 300 --first 1
	$(BIN)/python tests/interop/compatibility_page.py $(UPSTREAM)/bin | tee docs/reference/compatibility.md | head -14

sample: venv upstream ## run a few minutes of proof: killed servers, time-outs, an agent in another's place, 60 more simulated farms
	CUEFARM_UPSTREAM=$(UPSTREAM) $(BIN)/python -m pytest -m proof $(SAMPLE)
	$(BIN)/cuefarm sim --seeds 60 --first 41

SAMPLE = $(addprefix tests/e2e/,test_survival.py test_timeouts.py test_limits_kept.py test_one_name.py test_up.py)

upstream: $(UPSTREAM)/.installed ## install OpenCue's published clients and agent into .venv-upstream, as peers for tests

$(UPSTREAM)/.installed: requirements-upstream.txt
	@test -x $(UPSTREAM)/bin/python || $(PYTHON) -m venv $(UPSTREAM)
	$(UPSTREAM)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-upstream.txt
	@touch $@

cuegui: $(CUEGUI)/.installed ## install OpenCue's published graphical clients into .venv-cuegui (600 MB), as peers for proof

$(CUEGUI)/.installed: requirements-cuegui.txt
	@test -x $(CUEGUI)/bin/python || $(PYTHON) -m venv $(CUEGUI)
	$(CUEGUI)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-cuegui.txt
	@touch $@

check: venv ## lint, types, layer contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.circles

fmt: venv ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks: venv ## have git run lint, format and types before each commit (.pre-commit-config.yaml)
	$(BIN)/pre-commit install

bench: venv ## measure what speed is claimed; prints a table and writes build/bench.json
	$(BIN)/python -m benchmarks

sim: venv ## simulate farms with faults: make sim SEEDS=50 FIRST=1
	$(BIN)/cuefarm sim --seeds $(SEEDS) --first $(FIRST)

release: venv ## write a version everywhere: make release VERSION=1.2.3
	@$(BIN)/python -m tools.release $(VERSION)

docs: build/docs-venv/.installed ## build the documentation site into build/site, without a warning
	NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs build --strict

build/docs-venv/.installed: requirements-docs.txt
	$(PYTHON) -m venv build/docs-venv
	build/docs-venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@

wheels: build/wheels-venv/.installed ## build the wheels into dist: the agent's for each platform, with its supervisor compiled
	for platform in any linux-x86_64 linux-aarch64; do RQD_WHEEL_PLATFORM=$$platform $(WHEEL) packages/agent || exit 1; done
	$(WHEEL) packages/client packages/server

WHEEL = build/wheels-venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist

build/wheels-venv/.installed: Makefile
	$(PYTHON) -m venv build/wheels-venv
	build/wheels-venv/bin/python -m pip install --quiet --disable-pip-version-check 'hatchling>=1.27' 'ziglang>=0.17,<0.18'
	touch $@

stubs: venv ## write what the type checker knows of messages: stubs/ and beside our own messages
	$(BIN)/python -m tools.stubs

proto: ## generate the cuefarm.v1 messages again (an old compiler, so that old protobuf runtimes can load them)
	$(PYTHON) -m venv build/proto-venv
	build/proto-venv/bin/python -m pip install --quiet 'grpcio-tools==1.59.5' 'setuptools<70'
	cd packages/client/src && ../../../build/proto-venv/bin/python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. cuefarm_proto/farm.proto cuefarm_proto/agent.proto

clean: ## remove build output (keeps .venv)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
