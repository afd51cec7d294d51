# SPDX-License-Identifier: BSD-2-Clause
# A thin front of meson. What is missing on this machine is installed first, by
# script/setup, which says so.
BUILD ?= build
SECONDS ?= 60
SEEDS ?= 10000
FIRST ?= 1
prefix ?= /usr/local

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) $(if $(V),-v)

$(BUILD)/build.ninja:
	@script/setup build
	@meson setup $(BUILD) >$(BUILD).log || { cat $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

# The build notices a library that came later only when it is told.
$(BUILD)/with-tests: | $(BUILD)/build.ninja
	@meson setup --reconfigure $(BUILD) -Dtests=enabled >$@ || { cat $@; rm $@; exit 1; }

setup-demo:
	@script/setup build demo

setup-check:
	@script/setup build test lint

demo: setup-demo all
	@$(BUILD)/tto demo $(ARGS)

check: setup-check $(BUILD)/with-tests all
	@script/check $(BUILD)

check-programs: setup-check $(BUILD)/with-tests all
	@script/setup programs
	@script/check $(BUILD) --suite programs

check-cpython: setup-check $(BUILD)/with-tests all
	@script/setup cpython
	@script/check $(BUILD) --suite cpython

bench: all
	@script/bench $(BUILD) $(ARGS)

bench-e2e: setup-demo all
	@script/bench-e2e $(BUILD) $(ARGS)

fuzz:
	@script/setup build fuzz
	@script/fuzz $(SECONDS)

coverage: setup-check
	@script/setup coverage
	@script/coverage $(ARGS)

sim: all
	@$(BUILD)/test/sim/tto-sim --first $(FIRST) --seeds $(SEEDS) --verbose \
		--captures $(BUILD)

install: all
	@meson configure $(BUILD) -Dprefix=$(abspath $(prefix))
	@meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-fuzz build-clang build-sanitize build-aarch64 \
		build-coverage

help:
	@echo 'make               build; programs are in $(BUILD)/'
	@echo 'make demo          programs over the kernel and over tto, measured; ARGS=bridge'
	@echo 'make check         build, all tests, all lints'
	@echo 'make check-programs    unmodified programs over tto run'
	@echo "make check-cpython     CPython's own tests of sockets over tto run"
	@echo 'make bench         benchmarks: a table, $(BUILD)/bench.json and .svg; ARGS=--quick'
	@echo 'make bench-e2e     programs over our TCP and the kernel'"'"'s; ARGS="--only TEXT --runs 1"'
	@echo 'make fuzz          every fuzz target for SECONDS=60'
	@echo 'make coverage      lines that tests run, by folder; ARGS=src/tcp: by file'
	@echo 'make sim           two hosts in virtual time; SEEDS=10000 FIRST=1'
	@echo 'make install       to DESTDIR= and prefix=/usr/local'
	@echo 'make clean         remove what was built'

.PHONY: all setup-demo setup-check demo check check-programs check-cpython bench bench-e2e \
	fuzz coverage sim install clean help
.NOTPARALLEL:
