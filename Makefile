# Everything a user or a build server runs is a target here; `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go

# Go and the tools cache need a home. Where HOME is unset or cannot be written, one
# below .run serves; make clean removes it.
ifneq ($(shell test -n "$${HOME:-}" && mkdir -p "$$HOME" 2>/dev/null && test -w "$$HOME" && echo usable),usable)
export HOME := $(CURDIR)/.run/home
$(shell mkdir -p "$(HOME)")
endif

# Tools live outside the tree and are shared by every clone that wants the same versions.
TOOLS_HASH := $(shell sha256sum testsuite/tools/versions.txt | cut -c1-12)
export HOLDFAST_TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/holdfast/tools/$(TOOLS_HASH)
# PostgreSQL's other majors: as root where the servers' user can reach them.
export HOLDFAST_MAJORS ?= $(if $(filter 0,$(shell id -u)),/var/cache,$(or $(XDG_CACHE_HOME),$(HOME)/.cache))/holdfast/majors
MAJORS ?=
ONLY ?=
# -mod=readonly: a build never edits go.mod. Nothing of the caller's own flags gets in.
export GOFLAGS := -mod=readonly -buildvcs=false
# Without credentials the AWS client asks the machine's metadata service: never from here.
export AWS_EC2_METADATA_DISABLED := true
WITH_TOOLS := PATH="$(HOLDFAST_TOOLS):$$PATH"

# Real servers share the machine: two packages at a time keep their timings honest.
TEST_PARALLEL ?= 2
TEST_TIMEOUT ?= 25m
TEST_FLAGS ?=
# Pure packages: no servers, so the race detector's slowness costs seconds.
RACE_PACKAGES := ./internal/failure/... ./internal/plan/... ./internal/recovery/... ./internal/runbook/... ./internal/wal/... ./internal/config/...
FUZZ_TIME ?= 20s
BENCH_TIME ?= 2s
BENCH_FLAGS ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/terragonlabs/holdfast/internal/obs.version=$(VERSION)

##@ Use
.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: tools-run build ## back up, corrupt, recover, report, on real servers (APPROVE=me: you sign; KEEP=1: leave it running)
	$(GO) run ./testsuite/demo

.PHONY: build
build: ## build bin/worker, bin/starter and bin/wal
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./worker ./starter ./worker/wal

.PHONY: tools
tools: ## install what the demo and the tests need and the machine lacks
	$(GO) run ./testsuite/tools -for all

.PHONY: tools-run tools-check tools-bench
tools-run:
	@$(GO) run ./testsuite/tools -for run
tools-bench:
	@$(GO) run ./testsuite/tools -for bench
tools-check:
	@$(GO) run ./testsuite/tools -for check

##@ Check
.PHONY: test
test: tools build vet lint workflowcheck race ## everything, on real servers; what .ci/run calls
	@printf '== go test ./... (%s packages at a time, real servers)\n' "$(TEST_PARALLEL)"
	$(GO) test -p $(TEST_PARALLEL) -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) ./...
	@echo '== make test passed: build, vet, lint, workflowcheck, race, go test ./...'

.PHONY: test-short
test-short: ## only the tests that start no server
	$(GO) test -timeout 2m $(RACE_PACKAGES)

.PHONY: vet
vet:
	@echo '== go vet'
	$(GO) vet -tags chaos ./...

.PHONY: lint
lint: tools-check ## golangci-lint with the rules and reasons of .golangci.yml
	@echo '== golangci-lint'
	$(WITH_TOOLS) golangci-lint run --timeout 10m ./...

.PHONY: workflowcheck
workflowcheck: tools-check ## workflow code must be deterministic
	@echo '== workflowcheck'
	$(WITH_TOOLS) workflowcheck -config internal/runbook/workflowcheck.yaml ./workflows/... ./internal/runbook/...

.PHONY: race
race: ## the pure packages under the race detector (needs a C compiler)
	@echo '== go test -race, pure packages'
	@if command -v "$$($(GO) env CC)" >/dev/null; then \
		CGO_ENABLED=1 $(GO) test -race -timeout 6m $(RACE_PACKAGES); \
	else echo 'no C compiler here: the race detector cannot be built, not run'; fi

.PHONY: cover
cover: ## coverage of every package, as .run/cover.html
	mkdir -p .run
	$(GO) test -p $(TEST_PARALLEL) -timeout $(TEST_TIMEOUT) -coverprofile .run/cover.out ./...
	$(GO) tool cover -html .run/cover.out -o .run/cover.html
	$(GO) tool cover -func .run/cover.out | tail -1

.PHONY: majors
majors: tools-run ## the tests that touch PostgreSQL, on 13 to 18 (MAJORS=13,17: only those; installs them, changes no system)
	$(GO) run ./testsuite/tools -for majors -majors "$(MAJORS)"
	$(GO) run ./testsuite/matrix -majors "$(MAJORS)" -only "$(ONLY)"

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ_TIME (20s)
	@$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | while read -r package dir; do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go | cut -c6-); do \
			echo "== $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ_TIME) -fuzzminimizetime 10x "$$package" || exit 1; \
		done; \
	done

.PHONY: bench
bench: tools-bench ## measure against pgBackRest and others; writes docs/benchmarks.md (BENCH_FLAGS="-only REGEXP -size 200MB")
	$(GO) run ./testsuite/bench $(BENCH_FLAGS)

# Every fault by itself, and the campaign; each leaves rows for the table. make test plays the quick ones.
SEED ?= 1
FAULTS ?= 100
.PHONY: chaos
chaos: tools-run ## break everything on a real stack: each fault, then FAULTS (100) at random from SEED (1); writes docs/faults.md
	mkdir -p .run/chaos && rm -f .run/chaos/rows.jsonl
	HOLDFAST_CHAOS_ROWS=$(CURDIR)/.run/chaos/rows.jsonl HOLDFAST_CHAOS_SEED=$(SEED) HOLDFAST_CHAOS_FAULTS=$(FAULTS) HOLDFAST_CHAOS_SIGNALS=10000 \
		$(GO) test -tags chaos -count=1 -v -timeout 3h -skip '^TestTheDocumentNamesEveryFault$$' ./testsuite/chaos 2>&1 | tee .run/chaos/log.txt | grep -E --line-buffered '^(---|    ---|ok|FAIL|PASS|logs:|campaign:)|fault +[0-9]+/|_test.go:.* \| '
	$(GO) run ./testsuite/chaos/table .run/chaos/rows.jsonl docs/faults.md

.PHONY: microbench
microbench: ## Go benchmarks of every package
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCH_TIME) -p 1 ./...

##@ Maintain
.PHONY: schema
schema: ## write deploy/plans/plan.schema.json and docs/plan.md from the plan's types
	HOLDFAST_UPDATE=1 $(GO) test -count=1 ./internal/plan/schema

.PHONY: clean
clean: ## remove what was built here; the tools, shared by clones, stay in $(HOLDFAST_TOOLS)
	rm -rf bin
	@if test -d .run; then chmod -R u+w .run && rm -rf .run; fi
