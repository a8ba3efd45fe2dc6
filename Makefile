# The ways into AOI: each target works on a machine that has only Python >= 3.11 and make.
.DEFAULT_GOAL := help
BIN := .venv/bin
FLOORS := agents streams learner deploy
PYTEST ?= -q
PLANS ?= 10000
LEGITIMATE ?= 200
SEED ?= 1

.PHONY: help setup demo test check format lock clean bench-skill bench-lab bench-expert bench-policy fuzz-policy mutate record-policy egress record-kubectl chaos-executor adversary

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## make .venv with everything that AOI needs on a CPU machine
	@:

.venv/.ready: constraints/cpu.txt pyproject.toml .ci/setup
	@sh .ci/setup

demo: setup ## a storm of alerts repaired, its failures learned from, a second storm
	@$(BIN)/aoi demo

test: setup ## all tests (PYTEST="-k name" for some)
	@sh .ci/test $(PYTEST)

check: setup ## style, types, floors and the public contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(FLOORS)
	$(BIN)/lint-imports
	$(BIN)/aoi contract check

format: setup ## let ruff put the code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: export PATH := $(CURDIR)/.cache/boot/venv/bin:$(CURDIR)/.cache/boot/target/bin:$(PATH)
lock: setup ## resolve constraints/*.txt anew from pyproject.toml
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra learner --extra test \
	  -c constraints/cpu.in -o constraints/cpu.txt --generate-hashes --no-emit-index-url --no-header -q
	uv pip compile pyproject.toml --python-platform x86_64-manylinux_2_31 --python-version 3.12 \
	  --extra vllm --extra test -c constraints/gpu.in -o constraints/gpu.txt \
	  --generate-hashes --no-emit-index-url --no-header -q

bench-skill: setup ## does learning teach? 20 updates, and a control (an hour on two cores)
	$(BIN)/python -m tests.bench.bench_skill --groups 4 --processes 2 --threads 1 --out .cache/skill
	$(BIN)/python -m tests.bench.bench_skill --groups 4 --processes 2 --threads 1 --out .cache/skill-shuffled --shuffled

bench-lab: setup ## how fast the lab is, and where its time goes (docs/results/lab.md)
	@$(BIN)/python -m tests.bench.bench_lab

bench-expert: setup ## can a diagnosis be reached by reading? 12,000 episodes (ten minutes)
	@$(BIN)/python -m tests.bench.bench_expert --seeds 200 --processes 2

egress: setup ## does a packet leave loopback while the demo runs? (root; docs/results/egress.md)
	@$(BIN)/python -m tests.chaos.egress --out docs/results/egress.md

bench-policy: setup ## what parsing and policy add to a step, in microseconds and ratios
	@$(BIN)/python -m tests.bench.bench_policy

fuzz-policy: setup .cache/fuzz ## ten minutes of inputs against the parser (docs/results/fuzz.md)
	@PYTHONPATH=$(CURDIR)/.cache/fuzz $(BIN)/python -m tests.safety.fuzz_parser --seconds 600

.PHONY: .cache/fuzz
.cache/fuzz: export PATH := $(CURDIR)/.cache/boot/venv/bin:$(CURDIR)/.cache/boot/target/bin:$(PATH)
.cache/fuzz: setup
	@test -e $@/atheris || uv pip install --python $(BIN)/python --target $@ --no-deps --group fuzz -q || \
	  echo "no atheris for this Python or without a network: inputs are drawn at random, without coverage" >&2

mutate: setup .cache/mutate/.ready ## do the fast tests notice changed code? (docs/results/mutation.md)
	rm -rf mutants
	PYTHONPATH=$(CURDIR)/.cache/mutate $(BIN)/python tests/safety/mutate.py run
	PYTHONPATH=$(CURDIR)/.cache/mutate $(BIN)/python tests/safety/mutate.py table

.cache/mutate/.ready: export PATH := $(CURDIR)/.cache/boot/venv/bin:$(CURDIR)/.cache/boot/target/bin:$(PATH)
.cache/mutate/.ready: pyproject.toml .venv/.ready
	uv pip install --python $(BIN)/python --target .cache/mutate --no-deps --upgrade --group mutate -q
	touch $@

record-policy: setup ## record anew how a real kubectl reads what we run (AOI_KUBELITE, as below)
	@$(BIN)/python -m tests.safety.record

record-kubectl: setup ## record anew what a real kubectl says (AOI_KUBELITE: a control plane's binary)
	@$(BIN)/python -m tests.parity.record

chaos-executor: setup ## kill, freeze and cut off real Executors at every step (half an hour)
	@$(BIN)/python -m tests.chaos.executor_matrix

adversary: setup ## a hostile model and stolen logins; is anything written? (PLANS, LEGITIMATE, SEED)
	@$(BIN)/python -m tests.chaos.adversary --plans $(PLANS) --legitimate $(LEGITIMATE) --seed $(SEED)

clean: ## remove .venv and every cache (the state of a local AOI in .aoi stays)
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache mutants build dist
	find $(FLOORS) tests -name __pycache__ -type d -prune -exec rm -rf {} +
