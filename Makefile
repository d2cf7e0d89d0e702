# Thin: each target is one or two commands. `make help` lists them.
ARCHITECTURE ?= x86_64
REGISTRY ?=
NAMES ?=
SECONDS ?= 60
REVISION := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help demo weights build lambda-zips test lint fuzz bench sweep reference docker-build docker-push clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## install what is needed, build, and run the pipeline on sample files
	scripts/setup build
	scripts/demo

weights: ## fetch the networks that recognise and other operations need into target/weights: make weights [NAMES=…]
	scripts/setup test
	scripts/weights $(NAMES)

build: ## build every program, optimised
	scripts/setup build
	cargo build --release

test: ## install what is needed and run every test
	scripts/setup test
	scripts/test

lint: ## formatting, clippy, unused dependencies, licences of everything that ships
	scripts/setup lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p pipeline --no-default-features --locked -- -D warnings
	cargo machete
	cargo deny --locked check bans licenses sources

fuzz: ## run the fuzz targets of the project's own parsers: make fuzz [SECONDS=60]
	scripts/setup build
	scripts/fuzz $(SECONDS)

bench: ## measure against the peers; prints tables of ratios
	scripts/setup bench
	scripts/bench

sweep: ## try every operation on every file of a folder, with a peer beside it: make sweep DIR=…
	@[ -d "$(DIR)" ] || { echo "usage: make sweep DIR=folder" >&2; exit 64; }
	scripts/setup bench
	cargo build --release --locked -p image-job -p video-job -p model-job -p document-job
	scripts/sweep "$(DIR)"

reference: ## write docs/operations.md, terraform/modules/pipeline/profiles.json and the JSON Schemas from the code
	REFERENCE=write cargo test -q -p catalog -p contract -p model-job -p semantics -p classification -p speech --test reference

lambda-zips: ## build the Lambdas' zips into target/lambda: make lambda-zips [ARCHITECTURE=arm64]
	scripts/lambda-zips $(ARCHITECTURE)

docker-build: ## build the container images
	docker/build $(REVISION)

docker-push: ## build, tag by revision, push and print digests: make docker-push REGISTRY=…
	docker/push "$(REGISTRY)" $(REVISION)

clean: ## remove what was built
	cargo clean
