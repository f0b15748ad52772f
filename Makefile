# Everything a newcomer needs. `make up` and `make test` work on a machine with Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
SERVICES := $(patsubst services/%/service.yaml,%,$(wildcard services/*/service.yaml))
PACKAGES := core $(SERVICES:%=services/%) cli
LOCKS := requirements.lock requirements-model.lock requirements-web.lock requirements-collections.lock scripts/image/requirements.lock
# Many tests wait more than they compute: two workers more than cores, and three for a quick run, which has no engine
# that works beside it. Compiled modules are kept, whatever the shell says: without them each of the thousand processes
# that the tests start compiles the whole mesh anew.
CORES := $(shell nproc 2>/dev/null || echo 2)
QUICK_WORKERS ?= $(shell echo $$(($(CORES) + 3)))
TEST_WORKERS ?= $(shell echo $$(($(CORES) + 2)))
unexport PYTHONDONTWRITEBYTECODE
# The dashboard is built when its sources changed; everything that starts an observer asks for it.
PAGE := services/observer/page
PAGE_STAMP := $(VENV)/.page-stamp
PAGE_FILES := $(shell find $(PAGE) -path $(PAGE)/node_modules -prune -o -type f -print)

.PHONY: help env page up up-docker down-docker up-p1 down down-p1 logs logs-p1 images demo quick test qualify soak coverage check \
  format lock tables chaos mutants partition bench clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

env: $(STAMP) $(PAGE_STAMP)  ## make .venv from the hashed lock

$(STAMP): $(LOCKS) $(foreach p,$(PACKAGES),$(p)/pyproject.toml) scripts/make_env.sh scripts/image/unpack_collections.py
	@PYTHON=$(PYTHON) VENV=$(VENV) sh scripts/make_env.sh $(PACKAGES)
	@touch $(STAMP)

page: $(STAMP)  ## build the dashboard (make env does it too, when its sources changed)
	@PAGE_MUST=1 VENV=$(VENV) sh scripts/make_page.sh

$(PAGE_STAMP): $(STAMP) $(PAGE_FILES) scripts/make_page.sh
	@VENV=$(VENV) sh scripts/make_page.sh
	@touch $(PAGE_STAMP)

up: $(STAMP) $(PAGE_STAMP)  ## start the whole mesh on this machine; Ctrl-C stops it
	@$(BIN)/mend up

images:  ## build the images of the services
	@for s in $(SERVICES); do \
	  docker build -q $(if $(BASE_IMAGE),--build-arg BASE=$(BASE_IMAGE)) $(BUILD_OPTIONS) -f services/$$s/Dockerfile \
	    -t $(or $(MENDMESH_REGISTRY),mendmesh)/$$s:$(or $(MENDMESH_VERSION),latest) . || exit 1; done

up-docker: images  ## the whole mesh in Docker; COMPOSE_PROFILES=local-llm,docker-proxy,... adds to it
	@sh scripts/deploy/docker_env.sh .env
	@docker compose up -d --wait

down-docker:  ## stop it; everything it knows stays in RUNTIME_PATH
	@docker compose --profile '*' down

up-p1:  ## the same with llama.cpp behind a LiteLLM gateway (MODELS_PATH/LLAMA_MODEL): http://localhost:8000/v1
	@COMPOSE_PROFILES=gateway LLAMACPP_URL=http://gateway:4000 $(MAKE) --no-print-directory up-docker

# As they were called before (docs/seeds.md).
down down-p1: down-docker

logs logs-p1:
	@docker compose logs -f

demo: $(STAMP) $(PAGE_STAMP)  ## the whole loop on a throwaway service: it breaks, you approve, it is repaired
	@$(BIN)/mend up --then-drill

quick: $(STAMP)  ## the tests that need no engine, browser, model or process of ours
	@$(BIN)/python -m pytest -q --quick -n $(QUICK_WORKERS)

test: $(STAMP) $(PAGE_STAMP)  ## every test that this machine can run, but what is only long; SOAK=1 with a short soak, as CI
	@$(if $(SOAK),MEND_SOAK_TIMES=1) $(BIN)/python -m pytest -q $(if $(SOAK),--soak-too) -n $(TEST_WORKERS)

qualify: $(STAMP)  ## live faults on a real engine and a systemd node, with a table: tests/qualify/scenarios.yml
	@$(BIN)/python -m pytest -q --qualify tests/qualify

soak: $(STAMP)  ## what is only long: chaos, a forgetful Redis, a partition; SHORT=1 for a short one
	@$(if $(SHORT),MEND_SOAK_TIMES=1) $(BIN)/python -m pytest -q --soak -n $(CORES) tests/system

coverage: $(STAMP)  ## how much of the pure rooms the quick tests reach; 95 % is the least
	@$(BIN)/python -m pytest -q --cov --cov-config=pyproject.toml core/tests services/planner-agent services/observer \
	  services/executor-agent/tests/test_admission.py services/executor-agent/tests/test_playbook_admission.py \
	  services/executor-agent/tests/test_undo_admission.py services/executor-agent/tests/test_stages.py \
	  services/executor-agent/tests/test_precondition.py services/executor-agent/tests/test_executor.py \
	  services/node-agent/tests/test_incidents.py services/node-agent/tests/test_evidence.py \
	  services/node-agent/tests/test_probe_config.py services/node-agent/tests/test_container_check.py \
	  services/node-agent/tests/test_container_history.py services/node-agent/tests/test_delivery.py \
	  cli/tests/test_showing.py cli/tests/test_deciding.py cli/tests/test_editing.py cli/tests/test_watch.py \
	  cli/tests/test_text.py

check: $(STAMP)  ## format, lint, types, imports: seconds
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(PACKAGES:%=%/src)
	@$(BIN)/lint-imports --no-logo
	@if [ -x $(PAGE)/node_modules/.bin/tsc ]; then $(BIN)/node $(PAGE)/node_modules/.bin/tsc --noEmit -p $(PAGE); \
	  else echo "the page's types are not checked: make page fetches what that takes"; fi

format: $(STAMP)  ## put the code in shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(STAMP)  ## write the hashed locks anew (no registry address in them)
	@for f in requirements requirements-model requirements-web requirements-collections; do \
	  deps=""; [ $$f = requirements ] || deps=--no-deps; \
	  $(BIN)/uv pip compile -q $$deps --python-version 3.11 --universal --generate-hashes \
	    --no-emit-index-url --no-header $$f.in -o $$f.lock; done
	@for s in services/*/ scripts/image/; do f=$${s}requirements.in; [ -f $$f ] || f=$${s}requirements.txt; \
	  $(BIN)/uv pip compile -q --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate -c requirements.lock $$f -o $${s}requirements.lock; done

tables: $(STAMP)  ## write what other files know of the services and their settings: after a change of either
	@$(BIN)/python scripts/tables.py

chaos: $(STAMP)  ## 10,000 events under every trouble, then judged; SEED=n repeats a run, LOSE_TAIL=1 makes Redis forgetful
	@$(BIN)/python tests/system/chaos --events 10000 --seconds 2400 --feeding 1200 --long --disk-mb 1000 \
	  --seed $(or $(SEED),1) --lose-tail $(or $(LOSE_TAIL),0)

mutants: $(STAMP)  ## the product is broken on purpose, once in each way; the judge of the chaos must see it (MUTANTS=names)
	@$(BIN)/python tests/system/chaos --mutants $(MUTANTS) --seed $(or $(SEED),11)

partition: $(STAMP)  ## a node is cut off the network for two minutes (root); SECONDS_OFF=n for another time
	@$(BIN)/python tests/system/partition.py --seconds $(or $(SECONDS_OFF),120)

bench: $(STAMP)  ## every benchmark, one table
	@$(BIN)/python benchmarks/run.py

clean:  ## remove the environment and the runtime folder
	rm -rf $(VENV) var $(PAGE)/node_modules services/observer/src/observer/web/dist
