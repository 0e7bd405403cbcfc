# Builds the C accelerator that the binary embeds. Included by the top-level Makefile; also works alone, from the
# repository's root: make -f python/accel.mk accel
#
# One build serves CPython 3.10 and newer (limited API), so it does not matter which interpreter's headers are used.

CC     ?= cc
PYTHON ?= python3

ACCEL_OUT     := python/dist/_accel.abi3.so
ACCEL_SOURCES := $(wildcard python/accel/*.c)
ACCEL_HEADERS := $(wildcard python/accel/*.h)
ACCEL_CFLAGS  := -O2 -fPIC -shared -fvisibility=hidden -std=c11 -Wall -Wextra -Werror -Wno-error=deprecated-declarations -DPy_LIMITED_API=0x030A0000

.PHONY: accel
accel: python/dist/.keep $(ACCEL_OUT)

# go:embed needs the directory, also before anything has been built.
python/dist/.keep:
	@mkdir -p python/dist
	@touch $@

$(ACCEL_OUT): $(ACCEL_SOURCES) $(ACCEL_HEADERS) python/accel.mk | python/dist/.keep
	@include=$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))') || \
		{ echo "accel: $(PYTHON) does not run; install CPython 3.10 or newer, or set PYTHON=..." >&2; exit 1; }; \
	if [ ! -f "$$include/Python.h" ]; then \
		echo "accel: $$include/Python.h is missing; install it (Debian, Ubuntu: apt-get install python3-dev)" >&2; \
		exit 1; \
	fi; \
	set -x; $(CC) $(ACCEL_CFLAGS) -isystem "$$include" -o $@.new $(ACCEL_SOURCES) && mv $@.new $@
