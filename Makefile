# make help lists the targets; make test is what decides.

GO     ?= go
BIN    := bin
# The test build: assertions are on and GOHAP_DISABLE=class:name takes a word away.
TESTTAGS := invariants

.DEFAULT_GOAL := help
.PHONY: help build testbuild deps test soak race lint fuzz golden oracle vtc e2e bench parity docs demo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/gohap-node and bin/gohap
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/gohap-node ./cmd/gohap

testbuild:
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TESTTAGS) -o $(BIN)/testbuild/ ./cmd/gohap-node

deps: ## install what the tests need (as root on Debian), else say what is missing
	@.ci/deps

test: deps ## everything that must pass: lint, units, scenarios, the reference
	@$(GO) run ./e2e/suite

soak: deps ## what takes longer, some 90 minutes: words disabled, races, faults, seeds, fuzzing
	@$(GO) run ./e2e/suite $(if $(FUZZTIME),-fuzztime $(FUZZTIME)) soak $(PARTS)

race: ## unit tests under the race detector, assertions on
	$(GO) test -race -tags $(TESTTAGS) ./lbcore/... ./node/... ./cmd/...

lint: ## gofmt, go vet, staticcheck, the house rules
	@$(GO) run ./e2e/suite lint

fuzz: ## each fuzz target for FUZZTIME (30s)
	@$(GO) run ./e2e/suite -fuzztime $(or $(FUZZTIME),30s) soak fuzz

golden: ## golden configurations; UPDATE=1 writes what came out
	$(GO) test -count=1 ./lbcore/build/... -run Golden $(if $(UPDATE),-update)

oracle: build ## gohap and the reference side by side
	$(GO) test -count=1 -v ./e2e/oracle/...

vtc: build ## scenarios on the reference, then on gohap; one: e2e/vtc/run NAME
	@e2e/vtc/run

e2e: build ## all tests with real processes
	$(GO) test -count=1 ./e2e/...

bench: build ## CPU per request beside the reference's, into docs/performance.md
	$(GO) run ./e2e/bench -write docs/performance.md $(BENCHFLAGS)

parity: ## words of the reference that gohap has
	@$(GO) run ./e2e/parity $(PARITYFLAGS)

docs: ## docs/keywords.md from the registry
	$(GO) run ./e2e/docs

demo: build ## a fleet of three nodes and sample servers on loopback, to look at
	$(BIN)/gohap-node demo
