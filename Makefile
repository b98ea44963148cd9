# The two commands that matter: "go run ./cmd/cutover demo" and "make test".
GO          ?= go
GOTESTSUM   := gotest.tools/gotestsum@v1.13.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 60s
PKG         ?= ./...

.DEFAULT_GOAL := help
.PHONY: help build demo test lint bench bench-flags callers outages cuts soak fuzz mutants image clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

build: ## build the static binary ./cutover
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o cutover ./cmd/cutover

demo: ## run the demo
	$(GO) run ./cmd/cutover demo

test: ## install what the tests need and run them all with the race detector
	@./.ci/install-test-tools
	$(GO) run $(GOTESTSUM) --format pkgname-and-test-fails --format-hide-empty-pkg -- -race -timeout 9m $(PKG)

lint: ## format, vet, staticcheck
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt these files:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

bench: ## compare the proxy with plain Go, a minimal mirror and nginx, in one run
	$(GO) run ./cmd/proxybench $(BENCHFLAGS)

cuts: ## 40,000 short streamed responses at concurrency 1, 8 and 200: none may be truncated
	$(GO) run ./cmd/proxybench -only cuts -cuts 40000

callers: ## 10,000 callers with an open stream each on one sidecar, over HTTP/2 to the upstream
	$(GO) run ./cmd/proxybench -only callers $(CALLERSFLAGS)

soak: ## ten minutes of mixed faults at 200 requests per second
	CUTOVER_TEST_SOAK=$${SOAK:-10m} $(GO) test -race -count=1 -timeout 20m -run 'TestSoak$$' -v ./cmd/cutover

outages: ## Redis killed and paused, for a minute each
	CUTOVER_TEST_OUTAGE=60s $(GO) test -race -count=1 -timeout 20m -run 'TestFaults$$' -v ./flags

bench-flags: ## how fast a flag change reaches 50 sidecars
	$(GO) test -run '^$$' -bench Propagation -benchtime 1x -v ./flags

fuzz: ## run every fuzz target for FUZZTIME
	@./.ci/fuzz $(FUZZTIME)

mutants: ## mutation tests: make known mistakes one at a time, the tests must detect each
	$(GO) run ./cmd/mutants $(MUTANTSFLAGS)

image: ## build the container image
	docker build -t cutover .

clean:
	rm -rf cutover bin dist
