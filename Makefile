# Everything is done by scripts/setup.sh; this file names it. `make help`.

# What `make run` gives to tracer; `make run ARGS="..."` replaces all of it.
ARGS = run async-brigade --probe sched --iters 1000
# Further arguments for pytest in `make test`.
PYTEST_ARGS =
# Arguments of `make bench`: sections, --rounds N, --quick, ...; see docs/overhead.md.
BENCH_ARGS =
# Arguments of `make fuzz`: --cases N, --start N.
FUZZ_ARGS =
# Of `make vm-test`: kernels, CPUs, what differs from a plain machine, what runs there; see docs/kernels.md.
KERNELS = 6.1 6.12 newest
CPUS = 4
TOPOLOGY = plain
JOBS = kernel tests
MINUTES = 15
# Directory of the published reference programs' binaries, for the section `parity`.
REFERENCE =
# Where `make install` puts its launcher, $(PREFIX)/bin/tracer, and in $(PREFIX)/share its manual.
PREFIX = /usr/local
export PREFIX

PYTHON := .venv/bin/python
CRATE := --manifest-path workloads/native/Cargo.toml
SYMBOLS := --manifest-path workloads/native/symbols/Cargo.toml
REPLAY := --manifest-path workloads/native/replay/Cargo.toml

# Under `sudo make` in a user's clone, what does not need root still runs as that
# user, so that the files in the clone stay the user's.
ifneq ($(SUDO_UID),)
ifeq ($(shell id -u):$(shell stat -c %u .),0:$(SUDO_UID))
ifneq ($(SUDO_UID),0)
USER_DOES := sudo -H -u '\#$(SUDO_UID)' -- env \
	$(foreach name,CI TRACER_FORCE_BPF TRACER_PYTHON PREFIX,$(if $($(name)),$(name)='$($(name))'))
endif
endif
endif

SETUP := $(USER_DOES) scripts/setup.sh
# ROOT runs a command as root; AFTER_ROOT gives the files that it made in the
# clone to the clone's owner and keeps the exit status.
ROOT := scripts/setup.sh root
AFTER_ROOT := status=$$?; scripts/setup.sh own; exit $$status

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run setup test test-slow lint fuzz bench vm-test docs install uninstall clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

run: setup ## set up what is missing and run tracer as root (ARGS="...")
	@$(ROOT) .venv/bin/tracer $(ARGS); $(AFTER_ROOT)

setup: ## install what is missing, make .venv, build the Rust workloads
	@$(SETUP) all

# A host that takes CPUs away, or hides events, disturbs a test on the real kernel now and then: that is
# run again, and told (-rR). A fault of tracer fails three times.
TEST_BPF := $(ROOT) env $${TRACER_FORCE_BPF:+TRACER_FORCE_BPF="$$TRACER_FORCE_BPF"} \
	$(PYTHON) -m pytest -rsR -p no:cacheprovider --reruns 2 --reruns-delay 1 $(PYTEST_ARGS) tests/bpf

test: setup ## set up and run all tests, those that need BPF as root
	@$(SETUP) test-tools
	@$(SETUP) examples
	$(SETUP) cargo test --release --locked --quiet $(CRATE)
	$(SETUP) cargo test --release --locked --quiet $(SYMBOLS)
	$(USER_DOES) $(PYTHON) -m pytest -n auto --ignore=tests/bpf $(PYTEST_ARGS)
	@$(TEST_BPF) -m "not slow" --junitxml=build/tests-bpf.xml; $(AFTER_ROOT)

test-slow: setup ## the tests of whole experiments on a quiet host, which make test leaves out
	@$(SETUP) test-tools
	@$(SETUP) examples
	@$(TEST_BPF) -m slow; $(AFTER_ROOT)

lint: setup ## check style and types: ruff, mypy, shellcheck, rustfmt, clippy
	@$(SETUP) lint-tools
	$(USER_DOES) $(PYTHON) -m ruff check .
	$(USER_DOES) $(PYTHON) -m ruff format --check .
	$(USER_DOES) $(PYTHON) -m mypy --strict tracer workloads benchmarks
	shellcheck -x scripts/*.sh scripts/setup/*.sh tests/vm/*.sh .ci/run
	$(SETUP) cargo fmt $(CRATE) --check
	$(SETUP) cargo clippy --locked --quiet $(CRATE) --all-targets -- -D warnings
	$(SETUP) cargo fmt $(SYMBOLS) --check
	$(SETUP) cargo clippy --locked --quiet $(SYMBOLS) --all-targets -- -D warnings
	$(SETUP) cargo fmt $(REPLAY) --check
	$(SETUP) cargo clippy --locked --quiet $(REPLAY) --all-targets -- -D warnings

fuzz: setup ## 10,000 broken recordings, and as many broken files and samples of stacks (FUZZ_ARGS="--start N")
	@$(SETUP) test-tools
	$(USER_DOES) $(PYTHON) tests/fuzz_recordings.py $(FUZZ_ARGS)
	@$(ROOT) $(PYTHON) tests/fuzz_symbols.py $(FUZZ_ARGS); $(AFTER_ROOT)

bench: setup ## measure overhead, probes, parity, estimates, start-up (BENCH_ARGS="...", REFERENCE=DIR)
	@$(ROOT) $(PYTHON) -m benchmarks $(if $(REFERENCE),--reference '$(REFERENCE)') $(BENCH_ARGS); \
		$(AFTER_ROOT)

vm-test: setup ## tests in virtual machines with other kernels: slow (KERNELS="6.1 newest" CPUS=4 TOPOLOGY=plain)
	@$(SETUP) test-tools
	@$(SETUP) examples
	@$(SETUP) vm-tools $(if $(findstring -arm64,$(KERNELS)),aarch64)
	@$(ROOT) $(PYTHON) tests/vm/matrix.py --kernels '$(KERNELS)' --cpus '$(CPUS)' --topology '$(TOPOLOGY)' \
		--jobs '$(JOBS)' --minutes '$(MINUTES)'; $(AFTER_ROOT)

docs: setup ## make the generated documents again, from runs as root
	@$(SETUP) test-tools
	@$(ROOT) $(PYTHON) scripts/make_docs.py && $(ROOT) $(PYTHON) scripts/make_pictures.py; $(AFTER_ROOT)

install: setup ## put a launcher into PREFIX/bin, where sudo finds it; man pages, completions
	@$(SETUP) install

uninstall: ## remove that, if it is this clone's
	@$(SETUP) uninstall

clean: ## remove .venv, build products and caches
	@$(SETUP) clean
