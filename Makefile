SHELL := bash
.DEFAULT_GOAL := help
export GOTOOLCHAIN ?= auto# Debian's own Go does not fetch the toolchain of go.mod unless told to
version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
args ?=

.PHONY: all demo build test lint bench fuzz nightly check-examples clean help

all: build test lint ## build, test and lint

demo: build ## the whole show on this machine: gateway, agent, upstreams, verdicts
	contrib/dev/ensure demo
	bin/sallyport demo $(args)

build: ## bin/sallyport
	contrib/dev/ensure build
	go build -trimpath -ldflags '-X main.version=$(version)' -o bin/ ./cmd/sallyport

test: ## vet, walls, race tests, then end-to-end tests with plain binaries
	contrib/dev/ensure test
	contrib/dev/test

lint: ## golangci-lint, pinned and built once into .cache
	contrib/dev/lint

bench: ## measure beside references in the same run
	contrib/dev/ensure bench
	go run ./internal/bench $(args)

fuzz: ## run every fuzz function for a short while (FUZZTIME=10s)
	contrib/dev/ensure build
	contrib/dev/fuzz

nightly: ## what takes hours: long fuzzing, repeated tests, each defence removed once
	contrib/dev/ensure test
	contrib/dev/nightly

check-examples: ## load every .hcl file and every fenced hcl block of the tree
	go test -count=1 -run TestExamples ./...

clean: ## remove what was built; .cache stays (rm -rf .cache)
	rm -rf bin .tmp

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 20
