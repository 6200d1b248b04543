# Holdfast. `make help` lists what there is to do.
#
# A variant is one way to compile all of the tree: a dependency set (platform/deps/build.sh), flags,
# and build/obj/<variant>/ for its objects. Sources are found by wildcard: add a file and it is built.

VERSION ?= 0.1.0
PREFIX  ?= /usr/local

native  := $(shell dpkg --print-architecture)
arch    := $(or $(TARGET),$(native))
out     := build$(if $(TARGET),/$(TARGET))
$(if $(filter $(arch),amd64 arm64 armhf),,$(error TARGET=$(arch): want amd64, arm64 or armhf))

# ---- What there is ------------------------------------------------------------------------------

folders := app policy store sync platform
sources := $(wildcard $(foreach f,$(folders),$(f)/*.c $(f)/*/*.c $(f)/*/*/*.c) platform/*.S)

# Inside tests/unit and tests/fault every test_*.c is a program; other .c files there are helpers
# that all of them may call. tests/fuzz/fuzz_*.c are libFuzzer targets.
find_c      = $(shell find $(1) -name '$(2)' 2>/dev/null | sort)
unit_tests  := $(call find_c,tests/unit,test_*.c)
fault_tests := $(call find_c,tests/fault,test_*.c)
helpers     := $(filter-out $(unit_tests) $(fault_tests),$(call find_c,tests/unit tests/fault,*.c))
fuzzers     := $(call find_c,tests/fuzz,fuzz_*.c)

# IN="policy platform/json": compile and test only these folders, or files that begin so, for a quick
# look at one's own work while other parts of the tree do not compile. All stand on platform.
ifdef IN
sources     := $(filter $(addsuffix %,$(IN) platform/),$(sources))
unit_tests  := $(filter $(foreach i,$(IN),tests/unit/$(i)/% tests/unit/$(dir $(i))test_$(notdir $(i))%),$(unit_tests))
empty       :=
suffix      := -$(subst $(empty) ,+,$(subst /,_,$(strip $(IN))))
endif

# ---- Flags --------------------------------------------------------------------------------------

warnings := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla -Wno-unused-parameter
libraries := $(shell awk '/^name:/ { n = $$2; sub(/^musl-$(arch)$$/, "musl", n) } \
    /^version:/ && n !~ /^musl-|-patches$$/ { printf "%s%s %s", s, n, $$2; s = "," }' platform/deps/lock)
commit    := $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)
language := -std=gnu17 -D_GNU_SOURCE -DHOLDFAST_VERSION='"$(VERSION)"' -DHOLDFAST_LIBRARIES='"$(libraries)"' \
            -DCURL_STATICLIB -DLIBXML_STATIC -DPCRE2_STATIC -DPCRE2_CODE_UNIT_WIDTH=8 -DYAML_DECLARE_STATIC
common   := $(language) $(warnings) -g -fno-common -ffunction-sections -fdata-sections \
            -fstack-protector-strong -fstack-clash-protection
# Nothing unwinds at run time; gdb reads holdfast.debug.
release  := $(common) -O2 -fPIE -fno-plt -fno-unwind-tables -fno-asynchronous-unwind-tables
# musl applies them. GNU ld packs for x86 alone; for 32 bit ARM lld 14 makes a binary whose carriers do not start.
packed       := -Wl,-z,pack-relative-relocs
packed_arm64 := -Bbuild/deps/musl-arm64/bin -fuse-ld=lld -Wl,--pack-dyn-relocs=relr
checked  := $(common) -O2 -fno-omit-frame-pointer
# Under sanitizers gcc's "may be used uninitialized" is mostly wrong (its manual says so).
sanitize := $(common) -O1 -fno-omit-frame-pointer -Wno-maybe-uninitialized
libs     := -lcurl -lcacerts -lxml2 -lsqlite3 -lmbedtls -lmbedx509 -lmbedcrypto -lz -lyyjson -lpcre2-8 -lyaml -lm -lpthread

asan_flags := -fsanitize=address,undefined -fno-sanitize-recover=undefined
tsan_flags := -fsanitize=thread
fuzz_flags := $(asan_flags) -fsanitize=fuzzer-no-link

# Tests may hand literals to functions that take a void * of context.
# variant: name, dependency set, compiler flags, link flags, compiler (the set's own if empty)
define variant
set_$(1)    := $(2)
cc_$(1)     := $(or $(5),build/deps/$(2)/bin/cc)
cflags_$(1) := $(3) -I. -Ibuild/deps/$(2)/include -Ibuild/deps/$(2)/include/libxml2
ldflags_$(1) := $(4) -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack -Lbuild/deps/$(2)/lib
objects_$(1) := $$(patsubst %,build/obj/$(1)/%.o,$$(sources)) build/obj/$(1)/civetweb.o

$$(objects_$(1)) $$(patsubst %,build/obj/$(1)/%.o,$(unit_tests) $(fault_tests) $(helpers) $(fuzzers) tests/tools/replay.c): \
    build/deps/$(2)/set Makefile

build/obj/$(1)/%.o: %
	@mkdir -p $$(@D)
	$$(call show,CC,$(1) $$<)
	$$(hide)$$(cc_$(1)) $$(cflags_$(1)) $$(if $$(filter tests/%,$$<),-Wno-write-strings) \
	    $$(if $$(filter %/cmd_version.c,$$<),-DHOLDFAST_COMMIT='"$(commit)"') $$(CFLAGS) -MMD -MP -c $$< -o $$@

build/obj/$(1)/app/cmd_version.c.o: build/commit

# The seam under civetweb: see platform/civetweb.def.
build/obj/$(1)/civetweb.o: build/deps/$(2)/set platform/civetweb.def platform/deps/seam.sh
	@mkdir -p $$(@D)
	$$(call show,SEAM,$(1) civetweb.o)
	$$(hide)platform/deps/seam.sh build/deps/$(2) platform/civetweb.def $$@

# All of the project but main, for test programs to link what they use.
build/obj/$(1)/all$(suffix).a: $$(filter-out %/app/main.c.o,$$(objects_$(1))) $$(patsubst %,build/obj/$(1)/%.o,$(helpers))
	@rm -f $$@
	$$(hide)build/deps/$(2)/bin/ar rcsT $$@ $$^

-include $$(shell find build/obj/$(1) -name '*.d' 2>/dev/null)
endef

$(eval $(call variant,amd64,musl-amd64,$(release),-static-pie $(packed)))
$(eval $(call variant,arm64,musl-arm64,$(release),-static-pie $(packed_arm64)))
$(eval $(call variant,armhf,musl-armhf,$(release),-static-pie))
$(eval $(call variant,unit,host,$(checked),))
$(eval $(call variant,asan,host,$(sanitize) $(asan_flags),$(asan_flags)))
$(eval $(call variant,tsan,host,$(sanitize) $(tsan_flags),$(tsan_flags)))
$(eval $(call variant,fuzz,host,$(sanitize) $(fuzz_flags) -Wno-error -Wno-unknown-warning-option,$(asan_flags) -fsanitize=fuzzer,clang))

# One file knows the commit, so that a commit compiles one file.
.PHONY: always
build/commit: always
	@mkdir -p $(@D); echo '$(commit)' | cmp -s - $@ || echo '$(commit)' > $@

hide := $(if $(V),,@)
show  = $(if $(V),,@printf '  %-5s %s\n' $(1) '$(2)')

.DEFAULT_GOAL := build
.SECONDARY:
.SECONDEXPANSION:
.DELETE_ON_ERROR:

# ---- The binary ---------------------------------------------------------------------------------

.PHONY: build
build: $(out)/holdfast ## build/holdfast, static and stripped (TARGET=amd64|arm64|armhf: build/TARGET/holdfast)

$(out)/holdfast.debug: $(objects_$(arch))
	@mkdir -p $(@D)
	$(call show,LD,$@)
	$(hide)$(cc_$(arch)) $(ldflags_$(arch)) $(LDFLAGS) -o $@ $^ $(libs)

$(out)/holdfast: $(out)/holdfast.debug
	$(call show,STRIP,$@)
	$(hide)build/deps/$(set_$(arch))/bin/strip -o $@ $<
	@size=$$(stat -c %s $@); [ $$size -le 5242880 ] || { echo "$@ has $$size bytes, more than 5 MiB"; exit 1; }

build/asan/holdfast build/tsan/holdfast: build/%/holdfast: $$(objects_$$*)
	@mkdir -p $(@D)
	$(call show,LD,$@)
	$(hide)$(cc_$*) $(ldflags_$*) -o $@ $^ $(libs)

.PHONY: run
run: build ## the demo: a gateway and a backend on this machine
	HOLDFAST=$(abspath $(out)/holdfast) tests/run-demo.sh

.PHONY: install
install: build ## DESTDIR= PREFIX=/usr/local
	install -D -m 755 $(out)/holdfast $(DESTDIR)$(PREFIX)/bin/holdfast

.PHONY: clean
clean: ## what was built here; the libraries stay in the cache folder
	rm -rf build

# ---- Libraries of others ------------------------------------------------------------------------

.PHONY: deps
deps: build/deps/host/set build/deps/musl-$(arch)/set ## build the libraries we use (once; then from the cache folder)

# The file `set` names the libraries by hash. It keeps its time if they are the same as before, so
# that a new comment in a script compiles nothing again; `checked` is what make compares instead.
build/deps/%/set: build/deps/%.checked ;
build/deps/%.checked: platform/deps/lock platform/deps/build.sh platform/deps/fetch.sh platform/deps/lib.sh \
                      platform/deps/packages.sh $(wildcard platform/deps/recipes/*)
	@platform/deps/packages.sh build $(patsubst musl-%,%,$(filter musl-%,$*))
	@platform/deps/build.sh $* build/deps/$*
	@touch $@

.PHONY: test-deps
test-deps:
	@platform/deps/packages.sh test

# ---- Tests --------------------------------------------------------------------------------------

# program: variant, target folder, source folder. One test source, one program.
define program
$(2)/%: build/obj/$(1)/$(3)/%.c.o build/obj/$(1)/all$(suffix).a
	@mkdir -p $$(@D)
	$$(call show,LD,$$@)
	$$(hide)$$(cc_$(1)) $$(ldflags_$(1)) -o $$@ $$^ -lcmocka $$(libs)
endef

$(eval $(call program,unit,build/unit,tests/unit))
$(eval $(call program,asan,build/asan/unit,tests/unit))
$(eval $(call program,tsan,build/tsan/unit,tests/unit))
$(eval $(call program,unit,build/fault,tests/fault))
$(eval $(call program,unit,build/bench,tests/bench))
$(eval $(call program,fuzz,build/fuzz,tests/fuzz))

# A fuzz target is also a test: build/replay/NAME feeds it the files of tests/fuzz/corpus/NAME.
build/replay/% : build/obj/asan/tests/fuzz/%.c.o build/obj/asan/tests/tools/replay.c.o build/obj/asan/all$(suffix).a
	@mkdir -p $(@D)
	$(call show,LD,$@)
	$(hide)$(cc_asan) $(ldflags_asan) -o $@ $^ $(libs)

programs   = $(patsubst $(2)/%.c,$(1)/%,$(3))
units     := $(call programs,build/unit,tests/unit,$(unit_tests))
replays   := $(call programs,build/replay,tests/fuzz,$(fuzzers))
scenarios := $(wildcard tests/scenario/*.sh tests/scenario/*.py tests/scenario/*.vtc)
offline   := $(wildcard tests/offline/*.sh tests/offline/*.py)
# Under sanitizers QUICK=1 leaves the scenarios at the one that starts, proxies and stops.
smoke     := $(wildcard tests/scenario/smoke*)
runner    := tests/tools/run-tests

.PHONY: test unit asan tsan fault fuzz bench test-arm
test: test-deps build $(units) $(replays) ## everything: unit, fuzz corpus, scenario, offline
	HOLDFAST=$(abspath $(out)/holdfast) $(runner) $(units) $(replays) $(scenarios) $(offline)

unit: $(units) ## unit tests (IN="policy platform/json": only of these folders and files)
	$(runner) $(units)

asan: ## the tests under AddressSanitizer and UBSan (QUICK=1: unit and smoke; IN=...: unit)
tsan: ## the same under ThreadSanitizer
sanitized = $(call programs,build/$(1)/unit,tests/unit,$(unit_tests))
asan tsan: $(if $(IN),,test-deps build/$$@/holdfast) $$(call sanitized,$$@)
	HOLDFAST=$(abspath build/$@/holdfast) $(runner) --sanitizer $@ --timeout 300 \
	    $(call sanitized,$@) $(if $(IN),,$(if $(QUICK),$(smoke),$(scenarios)))

faults := $(call programs,build/fault,tests/fault,$(fault_tests))
fault: test-deps build $(faults) ## fault sweeps: each write, each allocation fails once
	HOLDFAST=$(abspath $(out)/holdfast) $(runner) --timeout 900 \
	    $(faults) $(wildcard tests/fault/*.sh tests/fault/*.py)

SECONDS ?= 60
fuzz: ## each fuzz target for SECONDS=60
	@platform/deps/packages.sh build fuzz
	$(MAKE) fuzz-programs
	tests/tools/fuzz $(SECONDS) $(call programs,build/fuzz,tests/fuzz,$(fuzzers))

.PHONY: fuzz-programs
fuzz-programs: $(call programs,build/fuzz,tests/fuzz,$(fuzzers))

.PHONY: fuzz-expr
fuzz-expr: build/asan/holdfast ## COUNT=100000 generated expressions under AddressSanitizer (some 40 minutes)
	$(shell setarch $$(uname -m) -R true 2> /dev/null && echo setarch $$(uname -m) -R) \
	    tests/fuzz/expressions.py build/asan/holdfast --count $(or $(COUNT),100000) --seed $(or $(SEED),1) --limit 3000

bench: test-deps build ## throughput and CPU per request against nginx and HAProxy
	HOLDFAST=$(abspath $(out)/holdfast) tests/bench/bench.sh

.PHONY: bench-expr
bench-expr: build/bench/expr/bench ## nanoseconds per expression, beside C, QuickJS and Lua 5.4
	tests/bench/expr.sh build/bench/expr/bench

.PHONY: bench-fairness
bench-fairness: build ## latency of plain requests while others run endless expressions
	HOLDFAST=$(abspath $(out)/holdfast) tests/bench/fairness.sh

.PHONY: report
report: build ## which real policies compile and what they lack, expressions against real C# (SHARED=../shared)
	tests/tools/report $(abspath $(out)/holdfast) $(SHARED)

test-arm: ## the arm64 and armhf binaries answer a proxied request under qemu-user
	@platform/deps/packages.sh build arm64 armhf test qemu
	$(MAKE) TARGET=arm64
	$(MAKE) TARGET=armhf
	tests/arm/test-arm.sh

# ---- Checks that run nothing --------------------------------------------------------------------

.PHONY: arrows tidy
arrows: build/deps/host/set ## includes go down only; one library, one file; headers compile alone
	tests/tools/arrows build/deps/host

tidy: build/deps/host/set ## clang-tidy (QUICK=1: only files changed since the last commit but one)
	@platform/deps/packages.sh tidy
	tests/tools/tidy $(if $(QUICK),--quick) -- $(language) $(filter -I%,$(cflags_unit))

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | sort | awk -F'\t' '{ printf "%-14s %s\n", $$1, $$2 }'
