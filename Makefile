# trovectl: every task has a target, and CI calls the same ones.
SHELL    := /bin/bash
GO       ?= go
BIN      := bin
DEMO     ?= .demo
TOOLS    := .tools
VERSION  ?= 0.1.0
LDFLAGS  := -s -w -X github.com/trovectl/trovectl/cmd/internal/command.Version=$(VERSION) -X main.version=$(VERSION)
GOLANGCI := v2.15.0
FUZZTIME ?= 60s
VARS     ?= cmd/trovectl/testdata/emulator.trovevars.hcl
CRASHFLAGS ?= # -seed=N repeats the random part of a run
BENCH_N  ?= 100,1000
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build deps demo demo-down test acceptance lint generate verify fuzz crash bench bench-cloud

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed 's/:.*## /\t/' | expand -t 14

build: ## build bin/trovectl and bin/trove-guestagent
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/trovectl ./cmd/trove-guestagent

deps: ## install what demo and test need from the distribution (a database server, whose own daemon is not started, and the OpenStack client)
	@.ci/deps test

demo: build ## a database on an embedded OpenStack, from HCL to SQL
	@.ci/deps demo && .ci/demo up $(DEMO)

demo-down: ## end the demo and remove everything it made
	@.ci/demo down $(DEMO)

test: deps ## run every test; where TROVE_TESTCLOUD names the scripts of an OpenStack, first on that one
	@[ -z "$(TROVE_TESTCLOUD)" ] || .ci/cloud
	CGO_ENABLED=1 $(GO) test -race -vet=off -shuffle=on -timeout 40m ./... # verify vets

acceptance: build ## run the scripts on the cloud that OS_CLOUD names (VARS=FILE describes it)
	@[ -n "$(OS_CLOUD)" ] || { echo "OS_CLOUD names no entry of clouds.yaml: make acceptance OS_CLOUD=mycloud VARS=mycloud.trovevars.hcl" >&2; exit 1; }
	TROVE_ACCEPTANCE_CLOUD="$(OS_CLOUD)" TROVE_ACCEPTANCE_VARS="$(abspath $(VARS))" \
	  $(GO) test -C cmd/trovectl -count=1 -timeout 2h -parallel 1 -run 'TestScripts$$'

lint: $(TOOLS)/golangci-lint ## find what a careful reader would
	$(TOOLS)/golangci-lint run ./...

$(TOOLS)/golangci-lint:
	GOBIN=$(CURDIR)/$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)

generate: deps ## make what is generated from the code and from the engines
	$(GO) generate ./...

verify: generate ## fail when something generated, a module file or the format is not up to date
	$(GO) mod tidy -diff
	$(GO) vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	@git diff --exit-code --stat && test -z "$$(git status --porcelain --untracked-files=all)" || { git status --short; exit 1; }

fuzz: ## run every fuzz target for FUZZTIME each
	@set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | sed 's/func //'); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
	  done; done

crash: deps ## die at every journal point and at every point of the recovery; kill the real trovectl, fail its every request
	@set -o pipefail; { \
	  $(GO) test -count=1 -timeout 30m -run Crash -v ./executor -full $(CRASHFLAGS) && \
	  $(GO) test -count=1 -timeout 30m -run Crash -v ./cmd/trovectl -full $(CRASHFLAGS); \
	} | grep --line-buffered -Ev '^ *(=== |--- PASS|testing: warning|PASS$$)'

bench: build deps ## measure what it costs and how that grows (BENCH_N=10000 for a larger fleet)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 3x ./config ./planner/... ./state/... ./executor/... ./providers/emulator
	$(GO) run ./cmd/internal/bench/run -bin $(BIN)/trovectl -n $(BENCH_N)

bench-cloud: build ## count the requests of every command on the cloud that OS_CLOUD names (VARS=FILE describes it); what is made is destroyed
	$(GO) run ./cmd/internal/bench/run -bin $(BIN)/trovectl -cloud $(OS_CLOUD) -vars $(VARS) -n 1,10
