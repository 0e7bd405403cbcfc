# penknife. `make help` lists the targets.

GO        ?= go
PYTHON    ?= python3
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS   := -s -w -X main.version=$(VERSION)
FUZZTIME  ?= 10s
# How long each new input is made smaller; more than a little and nothing else happens.
FUZZMIN   ?= 50x
SOAKTIME  ?= 60s
MODELTIME ?= 30s
BENCHTIME ?= 1s
# For TestSoakFlat, such as -soakrate 200.
SOAKARGS  ?=
# For bench/compare, such as --quick.
BENCHARGS ?=
# For bench-compare: packages, such as ./httpfront; without any, those with the hot path.
BENCHPKGS ?=
VENV      := .venv-test
# Packages without those whose tests drive the built binary.
UNITS      = $(shell $(GO) list ./... | grep -v -e '/internal/e2e$$' -e '/internal/chaos$$')

.DEFAULT_GOAL := help
.PHONY: conformance chaos model sanitize help run test build check race fuzz soak bench microbench bench-compare lint gen dist clean accel deps venv

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

# Gives the target accel: python/dist, the accelerator and the package that the binary embeds.
include python/accel.mk

build: accel ## build bin/penknife
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/penknife ./cmd/penknife

run: build ## build and run the demo application on http://127.0.0.1:8000
	@mkdir -p run
	@echo
	@echo "  in a browser:   http://127.0.0.1:8000/"
	@echo "  with curl:      curl -i http://127.0.0.1:8000/"
	@echo "  with nginx:     uwsgi_pass unix:$(CURDIR)/run/penknife.sock; (examples/nginx)"
	@echo "  stop it:        Ctrl-C"
	@echo
	exec bin/penknife serve demo:application --chdir examples/demo \
		--http 127.0.0.1:8000 --uwsgi unix:$(CURDIR)/run/penknife.sock --processes 2

test: deps build venv lint ## install what the tests need, then run all of them
	$(GO) test -shuffle=on -timeout 25m ./...
	internal/e2e/conformance/run.sh /dev/null

check: build lint ## what is fast: build, lint, the tests that do not drive the built binary
	$(GO) test -shuffle=on $(UNITS)

race: build ## the tests that do not drive the built binary, under the race detector
	$(GO) test -race -shuffle=on $(UNITS)

model: ## run the shared-memory queue in every order, each scenario for MODELTIME, and break it in 47 ways
	$(GO) test ./internal/interleave/... -v -timeout 3h -args -model $(MODELTIME)

sanitize: deps ## the accelerator's tests with gcc's address and undefined-behaviour sanitizers
	internal/testkit/sanitize.sh

conformance: build ## run the HTTP cache tests of npm's http-cache-tests against the response cache
	internal/e2e/conformance/run.sh

fuzz: accel ## run every fuzz target for FUZZTIME each
	@set -eu; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "== $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime $(FUZZMIN) $$package; \
		done; \
	done

soak: deps build ## three times SOAKTIME: reloads and upgrades at full load; memory over a long day (5m and more), also with reloads
	$(GO) test ./internal/e2e -run '^TestSoak' -v -timeout 6h -args -soak $(SOAKTIME) $(SOAKARGS)

chaos: deps build ## break a server under load in every way that we know (internal/chaos)
	$(GO) test ./internal/chaos -v -count=1 -timeout 30m -args -full

bench: build ## measure penknife beside its peers (bench/README.md)
	bench/compare $(BENCHARGS)

microbench: accel ## run the Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $(UNITS)

bench-compare: ## compare the Go benchmarks with those of another revision: make bench-compare BASE=main
	@test -n "$(BASE)" || { echo "say which revision: make bench-compare BASE=main"; exit 2; }
	GO=$(GO) bench/micro $(BASE) $(BENCHPKGS)

lint: accel ## gofmt, go vet, and that it compiles for arm64
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...

gen: build ## regenerate what is generated from the code
	$(GO) generate ./...

dist: build ## pack the binary into dist/
	@mkdir -p dist
	tar -C bin -czf dist/penknife-$(VERSION)-linux-$$($(GO) env GOARCH).tar.gz penknife
	cd dist && sha256sum *.tar.gz > SHA256SUMS

deps: # the servers and clients that the tests start, by apt-get when they are missing
	@internal/testkit/install-debs.sh

venv: $(VENV)/.complete # the frameworks that the tests run, pinned
$(VENV)/.complete: requirements-test.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements-test.txt
	$(VENV)/bin/python -m pip download --quiet --no-deps --no-binary :all: --dest $(VENV)/sdists \
		$$(grep -E '^(Django|cachelib)==' requirements-test.txt) # for their own tests of caches
	@touch $@

clean: ## remove what was built
	rm -rf bin dist run $(VENV) python/dist/*.so
