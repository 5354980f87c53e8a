# spacerelay. `make help` lists the targets.
SHELL := /bin/bash
BUILD ?= build
CC    ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
SAN   ?=
PREFIX ?= /usr/local
Q := $(if $(V),,@)
VERSION := 0.1.0
export PATH := $(PATH):/usr/sbin:/sbin

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wvla -Wswitch-enum -Wformat=2 -Werror
OPT  ?= -O2
CPPFLAGS += -Iinclude -Itools -I$(BUILD)/gen -D_GNU_SOURCE -DSPACERELAY_VERSION='"$(VERSION)"'
CFLAGS   += -std=c17 -g $(OPT) -fno-omit-frame-pointer -pthread $(WARN) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
LDFLAGS  += -pthread $(if $(SAN),-fsanitize=$(SAN))
LIBS := -lcivetweb -lcurl -levent_core -levent_pthreads -lsqlite3 -ljansson -lsodium -lssl -lcrypto -lm
TOOL_LIBS := -levent_core -ljansson -lsodium -lssl -lcrypto -lm

# The layers, lowest first. What each may include is in tools/layers.txt, which `make check` enforces.
LAYERS := base model codec core store app hub web remote main
src_of = $(wildcard src/$(1)/*.c)
obj_of = $(patsubst %.c,$(BUILD)/%.o,$(1))
LAYER_LIBS := $(foreach l,$(filter-out main,$(LAYERS)),$(BUILD)/lib$(l).a)
TOOL_LIB_SRC := $(wildcard tools/client/*.c)
TEST_SRC := $(filter-out tests/program/%,$(wildcard tests/*/test_*.c))
TESTS := $(patsubst %.c,$(BUILD)/%,$(TEST_SRC))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
ASSETS := $(shell find templates static src/store/sql -type f 2>/dev/null | LC_ALL=C sort)

.PHONY: all
all: $(BUILD)/spacerelay $(BUILD)/mock-app $(BUILD)/bridge $(BUILD)/relay-bench

.SECONDARY:
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define layer_rule
$(BUILD)/lib$(1).a: $(call obj_of,$(call src_of,$(1)))
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

$(BUILD)/embed: tools/embed.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $<
$(BUILD)/gen/assets_table.c: $(BUILD)/embed $(ASSETS)
	@mkdir -p $(@D)
	$(Q)$(BUILD)/embed $(ASSETS) > $@.tmp && mv $@.tmp $@
$(BUILD)/gen/assets_table.o: $(BUILD)/gen/assets_table.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

GROUP = -Wl,--start-group $(LAYER_LIBS) -Wl,--end-group
$(BUILD)/spacerelay: $(call obj_of,$(call src_of,main)) $(BUILD)/gen/assets_table.o $(LAYER_LIBS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(GROUP) $(LIBS)

TOOL_LAYERS := $(BUILD)/libcodec.a $(BUILD)/libmodel.a $(BUILD)/libbase.a
$(BUILD)/mock-app: $(call obj_of,$(wildcard tools/mock/*.c) $(TOOL_LIB_SRC)) $(TOOL_LAYERS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(TOOL_LAYERS) -Wl,--end-group $(TOOL_LIBS)

BENCH_OBJ := $(call obj_of,$(wildcard tools/bench/*.c) tools/client/options.c)
$(BUILD)/relay-bench: $(BENCH_OBJ) $(TOOL_LAYERS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(TOOL_LAYERS) -Wl,--end-group $(TOOL_LIBS)

BRIDGE_OBJ := $(call obj_of,$(wildcard tools/bridge/*.c) $(TOOL_LIB_SRC))
$(BUILD)/bridge: $(BRIDGE_OBJ) $(TOOL_LAYERS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(TOOL_LAYERS) -Wl,--end-group -lcurl $(TOOL_LIBS)

BRIDGE_PURE := $(addprefix $(BUILD)/tools/bridge/,completion.o completion_error.o body.o blame.o)

# Tests in C: one program a file, linked with everything but main.
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/gen/assets_table.o $(LAYER_LIBS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(GROUP) -lcmocka $(LIBS)

$(BUILD)/tests/bench/test_histogram: $(BUILD)/tools/bench/histogram.o
$(filter $(BUILD)/tests/bridge/%,$(TESTS)): $(BRIDGE_PURE)

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/gen/assets_table.o $(LAYER_LIBS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(GROUP) $(LIBS)

$(BUILD)/tests/fuzz/fuzz_text: $(BUILD)/tools/client/url.o
$(BUILD)/tests/fuzz/fuzz_sse: $(BRIDGE_PURE)

# What programs under test are preloaded with, without sanitizers of its own.
FAULT := $(patsubst tests/fault/%.c,$(BUILD)/tests/fault/%.so,$(wildcard tests/fault/*.c))
$(BUILD)/tests/fault/%.so: tests/fault/%.c
	@mkdir -p $(@D)
	@echo "LD $@"
	$(Q)$(CC) $(CPPFLAGS) -std=c17 -g -O2 $(WARN) -shared -fPIC -o $@ $<

FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(FUZZ_SRC))
ECHO := $(BUILD)/tests/ws_echo $(BUILD)/tests/sio_echo

.PHONY: test test-c test-py test-openai test-browser asan tsan fuzz check format
# Everything, with the runners' own counts at the end of each part.
test: deps-test
	$(Q)$(MAKE) --no-print-directory test-c test-py test-openai test-browser

# The C tests, and each fuzz target over its corpus.
test-c: $(TESTS) $(FUZZ)
	$(Q)tools/run-tests.sh $(BUILD) $(patsubst $(BUILD)/%,%,$(TESTS)) -- $(patsubst $(BUILD)/%,%,$(FUZZ))

test-py: all $(ECHO) $(FAULT) tests/browser/node_modules
	$(Q)SPACERELAY_BUILD=$(BUILD) /usr/bin/python3 -m pytest -q -p no:cacheprovider -n 4 --dist loadfile tests/program $(PYTEST)

# What people use to talk to OpenAI's API, against the relay.
test-openai: all tests/openai/node_modules
	$(Q)cd tests/openai && SPACERELAY_BUILD=$(abspath $(BUILD)) node --test --test-concurrency=1 .
tests/openai/node_modules: tests/openai/package-lock.json
	$(Q)cd tests/openai && npm ci --no-audit --no-fund --loglevel=error && touch node_modules

test-browser: all $(ECHO) tests/browser/node_modules
	$(Q)cd tests/browser && SPACERELAY_BUILD=$(abspath $(BUILD)) node --test --test-concurrency=1 .
tests/browser/node_modules: tests/browser/package-lock.json
	$(Q)cd tests/browser && npm ci --no-audit --no-fund --loglevel=error && touch node_modules

# The C and the Python tests in a build with sanitizers.
asan: deps-test
	$(Q)$(MAKE) --no-print-directory BUILD=build-asan SAN=address,undefined OPT=-O1 test-c test-py
tsan: deps-test
	$(Q)$(MAKE) --no-print-directory BUILD=build-tsan SAN=thread OPT=-O1 test-c test-py

# make fuzz [FUZZ_S=60]: each decoder under libFuzzer for that many seconds.
FUZZ_S ?= 60
FUZZ_JOBS ?= 2
fuzz: deps-check $(BUILD)/gen/assets_table.c
	$(Q)printf '%s\n' $(basename $(notdir $(FUZZ_SRC))) | xargs -P $(FUZZ_JOBS) -I{} tools/fuzz.sh $(BUILD) {} $(FUZZ_S)
	@echo "$(words $(FUZZ_SRC)) decoders for $(FUZZ_S) s each: no finding"

# The long forms of the tests: hours. What they are and how to run one alone: tests/torture/run.sh
.PHONY: torture fault
torture: deps-torture
	$(Q)MAKE='$(MAKE)' BUILD='$(BUILD)' tests/torture/run.sh
fault: $(FAULT)

# Side by side with gearmand, a plain Node and a plain Flask relay, and what else the relay has to bear.
.PHONY: bench
bench: deps-bench
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/gearman-bench tests/bench/node_modules
	$(Q)SPACERELAY_BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/bench.py $(BENCH)
$(BUILD)/gearman-bench: $(BUILD)/tests/bench/gearman.o $(BUILD)/tools/bench/histogram.o
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lgearman -lm
tests/bench/node_modules: tests/bench/package-lock.json
	$(Q)cd tests/bench && npm ci --no-audit --no-fund --loglevel=error && touch node_modules

# The house rules: layers, banned functions, sizes; headers that compile alone; the format.
FORMATTED := $(shell find src include tools tests -name '*.[ch]' | LC_ALL=C sort)
check: deps-check
	$(Q)python3 tools/check.py
	$(Q)/usr/bin/python3 -m pytest -q -p no:cacheprovider tests/program/test_catalogues.py
	$(Q)for h in $$(find include tools -name '*.h'); do \
	    $(CC) $(CPPFLAGS) -std=c17 -Wall -Wextra -Werror -fsyntax-only -include $$h -x c /dev/null || exit 1; done
	@echo "headers compile alone"
	$(Q)clang-format --dry-run -Werror $(FORMATTED)
	@echo "format is right"
format:
	$(Q)clang-format -i $(FORMATTED)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- for people ----

.PHONY: help run install clean deps deps-run deps-test deps-check deps-bench deps-torture
help:
	@printf '%-26s %s\n' \
	    'make' 'build spacerelay, mock-app, bridge and relay-bench in $(BUILD)' \
	    'make run [PORT=5001]' 'install what is missing, build, start a demo relay on this machine' \
	    'make test' 'install test tools, build, run all tests' \
	    'make check' 'the rules of the house: layers, banned functions, catalogues, headers, format' \
	    'make bench' 'how fast it is, beside gearmand, a plain Node and a plain Flask relay' \
	    'make asan, make tsan' 'the C and Python tests under sanitizers' \
	    'make fuzz [FUZZ_S=60]' 'each decoder under libFuzzer for that many seconds' \
	    'make torture [PART=...]' 'the long forms of the tests: hours; tests/torture/run.sh tells' \
	    'make install' 'to DESTDIR and PREFIX (now $(DESTDIR)$(PREFIX)), with a systemd unit' \
	    'make deps' 'install what building needs, with apt' \
	    'make format' 'bring all C files into their form' \
	    'make clean' 'remove what was built; the data of `make run` stays'

deps: deps-run
deps-run deps-test deps-check deps-bench deps-torture:
	$(Q)tools/deps.sh $(@:deps-%=%)

run: deps-run
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD='$(BUILD)' PORT='$(PORT)' tools/run.sh

install: all
	install -D -m 0755 $(BUILD)/spacerelay $(DESTDIR)$(PREFIX)/bin/spacerelay
	install -D -m 0755 $(BUILD)/mock-app $(DESTDIR)$(PREFIX)/bin/mock-app
	install -D -m 0755 $(BUILD)/bridge $(DESTDIR)$(PREFIX)/bin/bridge
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' tools/spacerelay.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/spacerelay.service
	sed 's|@PREFIX@|$(PREFIX)|' tools/spacerelay-bridge.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/spacerelay-bridge@.service
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/systemd/system/spacerelay.service $(DESTDIR)$(PREFIX)/lib/systemd/system/spacerelay-bridge@.service

clean:
	rm -rf -- $(BUILD) build build-asan build-tsan
