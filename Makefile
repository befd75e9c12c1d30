# `make up` sets the machine up and applies its stack; `make test` passes the tests. The rest is for developers.
SHELL := /bin/bash
STACK ?=
ENV := . .codeopen/env; $(if $(STACK),export CODEOPEN_STACK=$(STACK);)

.PHONY: up setup preview status down test test-unit test-kill test-service cluster images oracle lint docs bench bench-compose bench-projects lock refresh-mirror

up: setup
	@$(ENV) codeopen up $(if $(DRY_RUN),--dry-run)

setup:
	@python3 tools/setup/set_up.py $(if $(DRY_RUN),--dry-run)

preview:
	@$(ENV) codeopen up --dry-run

status:
	@$(ENV) codeopen status

down:
	@$(ENV) codeopen down

test:
	@python3 tools/setup/set_up.py --also cluster
	@$(ENV) bash tests/run.sh

# No Docker, no network.
test-unit:
	@$(ENV) pytest -q -n 2 tests/unit tests/components tests/docs

lint:
	@$(ENV) ruff check . && ruff format --check . && mypy && hadolint $$(git ls-files '*Dockerfile')

test-kill:
	@$(ENV) pytest -q -m heavy tests/engine

# The service under load while its database is killed, a whole table migrated, the document tested at length.
test-service:
	@$(ENV) pytest -q -m heavy tests/service

# The platform on Kubernetes with Karpenter, and on a real node. The first time compiles for some minutes.
cluster:
	@python3 tools/setup/set_up.py --also cluster-full
	@$(ENV) pytest -q -m heavy tests/cluster

# The heavy tests find the images of the first command in the registry that it keeps, and remove it.
images:
	@python3 tools/setup/set_up.py --also images
	@$(ENV) status=0; codeopen part test --keep || status=$$?; pytest -q -m heavy tests/images || status=$$?; \
	  exit $$status

# On the parts that `codeopen part test --keep` leaves in its registry.
oracle:
	@$(ENV) pytest -q -n 2 --dist loadgroup -m heavy tests/oracle

# The reference pages from code and data, and the site in .codeopen/site.
docs:
	@$(ENV) python tools/docs/write_reference.py && NO_MKDOCS_2_WARNING=1 mkdocs build

# Planning, the command line and a preview; combinations, where the parts for bench-compose are kept; and a sample of
# bench-projects. JSON=figures.json keeps the figures, those of the last two beside it in figures.composing.json and
# figures.projects.json.
bench:
	@$(ENV) status=0; \
	  python -m bench.run $(if $(JSON),--json $(JSON)) || status=$$?; \
	  python -m bench.composing --if-kept $(if $(JSON),--json $(basename $(JSON)).composing.json) || status=$$?; \
	  PYTHONPATH=tools/setup:tools/fallback python -m bench.projects --sizes $(or $(SIZES),3 6) \
	    $(if $(JSON),--json $(basename $(JSON)).projects.json) || status=$$?; \
	  exit $$status

# 50 to 500 projects' stacks on a control plane of its own; SIZES="3 6" for a sample.
bench-projects:
	@$(ENV) PYTHONPATH=tools/setup:tools/fallback python -m bench.projects $(if $(SIZES),--sizes $(SIZES)) $(if $(JSON),--json $(JSON))

# On the parts that `codeopen part test --keep` leaves in its registry.
bench-compose:
	@$(ENV) python -m bench.composing $(if $(JSON),--json $(JSON))

# All pins and lock files; NAME="opencode dockerfiles/base/npm" for some of them.
lock:
	@$(ENV) codeopen upstream update $(NAME)

refresh-mirror:
	rm -rf $(HOME)/.cache/codeopen/mirror $(HOME)/.cache/codeopen/mirror-arm64
	@$(MAKE) setup
