# Custos: `make help` prints every target with a line.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules

GO          ?= go
DEMO        ?= .demo
FUZZTIME    ?= 20s
SIM_HOURS   ?= 2
BENCH_TIME  ?= 10s

# Tools, pinned; installed under bin/ by the target that needs them.
GOLANGCI    := v2.15.0
GOVULNCHECK := v1.8.0

# A checkout that git does not trust, or a plain copy of the files, still builds.
VCS         := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
BUILD       := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS)
TEST        := $(GO) test -buildvcs=false
FOLDERS     := api cmd consensus ledger projection tools
# Where goroutines share memory; `make test` runs what is about doing things at
# once, `make test-race` all of it. Not the simulation: its fake clock needs speed.
RACE        := ./api/... ./ledger/...
AT_ONCE     := AtOnce|While|Gone|TwoKeys|Forgotten|InFlight|TooMany|Dripping|Slow|OneMoment|Cache

define say
@printf '\n== %s\n' '$(1)'
endef

.PHONY: help
help: ## print every target with a line
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/custosd and bin/custos-tools
	@mkdir -p bin
	$(BUILD) -o bin/custosd ./cmd/custosd
	$(BUILD) -o bin/custos-tools ./cmd/custos-tools

.PHONY: demo
demo: build ## the main job: one node with synthetic data and pages, until Ctrl-C
	bin/custosd demo --dir $(DEMO)

.PHONY: demo-clean
demo-clean: ## forget the demos, their data and keys
	rm -rf $(DEMO) .demo-*

.PHONY: demo-cluster
demo-cluster: build ## three processes; kill the leader and watch no answer get lost
	cmd/custosd/scripts/demo-cluster.sh

.PHONY: demo-tamper
demo-tamper: build ## flip a byte in a copy, rewrite an entry in another, and watch verification name it
	cmd/custosd/scripts/demo-tamper.sh

.PHONY: test
test: ## vet, gofmt and every test, in under five minutes on two cores
	$(call say,gofmt -l $(FOLDERS))
	@unformatted=$$(gofmt -l $(FOLDERS)); if [ -n "$$unformatted" ]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi
	$(call say,go vet ./...)
	@$(GO) vet ./...
	$(call say,go test ./...)
	@$(TEST) ./...
	$(call say,go test -race $(RACE): what happens at once)
	@CGO_ENABLED=1 $(TEST) -race -short -run '$(AT_ONCE)' $(RACE)
	@[ -d "$${CUSTOS_CPIS_SCHEMAS:-../shared/cpis-schemas}" ] && command -v xmllint >/dev/null || printf '\nSKIPPED: no CP-IS message was validated against the published schemas: they, or xmllint, are not there (docs/CPIS.md)\n'
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || printf '\nSKIPPED: nothing was opened in a real browser: there is no chromium (docs/SIGNIN.md)\n'
	@/usr/bin/python3 -c 'import hl7.client' 2>/dev/null || printf "\nSKIPPED: no other's library told of arrivals: Debian's python3-hl7 is not here (docs/ARRIVALS.md)\n"
	@{ [ -n "$${CUSTOS_LITEWITNESS:-}" ] || (command -v python3 && cd consensus/testdata/litewitness && GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 $(GO) build -o /dev/null filippo.io/torchwood/cmd/litewitness); } >/dev/null 2>&1 || printf "\nSKIPPED: no other's witness was asked: litewitness cannot be built here, or python3 is missing (docs/WITNESS.md)\n"
	@printf '\nAll passed: gofmt, vet, every package, and the race detector on what happens at once.\n'

.PHONY: test-browser
test-browser: ## pages in a real browser: sign-in against the demo, and the report (needs chromium)
	$(TEST) -count=1 -v -run 'InABrowser' ./cmd/custosd

.PHONY: test-race
test-race: ## the race detector on all of the edge and the ledger
	CGO_ENABLED=1 $(TEST) -race -short $(RACE)

.PHONY: test-faults
test-faults: ## long fault runs: every byte of a small ledger flipped in turn, SIM_HOURS=2 hours of simulated crashes and partitions
	CUSTOS_EVERY_BYTE=1 $(TEST) -count=1 -timeout 0 -v -run 'TestVerifyOfEveryRow$$' ./tools
	CUSTOS_SIM_HOURS=$(SIM_HOURS) $(TEST) -count=1 -timeout 0 -v -run 'Sim' ./consensus/...

.PHONY: fuzz
fuzz: ## fuzz every decoder and verifier for FUZZTIME=20s each
	@for pkg in $$($(GO) list ./...); do \
	  all=$$($(TEST) -list '^Fuzz' $$pkg); \
	  for f in $$(grep '^Fuzz' <<<"$$all" || true); do \
	    echo "== $$pkg $$f"; $(TEST) -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; \
	done

.PHONY: bench
bench: build ## measure: lookups/s on one and three nodes, uploads, verify (BENCH_TIME=10s a run)
	BENCH_TIME=$(BENCH_TIME) cmd/custosd/scripts/bench.sh

.PHONY: bench-nation
bench-nation: build ## measure a nation: 200,000 plans, 24,000 schools, 12 million enrolment rows (NATION_ROWS=…, NATION_LINKS=yes)
	cmd/custosd/scripts/bench-nation.sh

.PHONY: cover
cover: ## coverage of every package, as coverage.html
	$(TEST) -short -coverpkg=./... -coverprofile=coverage.out ./...
	@$(GO) tool cover -func=coverage.out | tail -n 1
	@$(GO) tool cover -html=coverage.out -o coverage.html

.PHONY: lint
lint: bin/tools/golangci-lint-$(GOLANGCI) ## go vet and golangci-lint
	$(GO) vet ./...
	$< run --allow-parallel-runners ./...

bin/tools/golangci-lint-$(GOLANGCI):
	@mkdir -p bin/tools
	GOFLAGS= GOBIN=$(CURDIR)/bin/tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@mv bin/tools/golangci-lint $@

.PHONY: tidy-check
tidy-check: ## go.mod and go.sum say what the code imports
	$(GO) mod verify
	$(GO) mod tidy -diff

.PHONY: vuln
vuln: bin/tools/govulncheck-$(GOVULNCHECK) ## known vulnerabilities in what is linked; says so if the database is out of reach
	@$< ./... || { s=$$?; if [ $$s -eq 3 ]; then exit 3; fi; echo "govulncheck could not run (exit $$s): the vulnerability database is out of reach, so nothing was checked"; }

bin/tools/govulncheck-$(GOVULNCHECK):
	@mkdir -p bin/tools
	GOFLAGS= GOBIN=$(CURDIR)/bin/tools $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK)
	@mv bin/tools/govulncheck $@

.PHONY: clean
clean: ## remove what was built
	rm -rf bin coverage.out coverage.html
