#!/usr/bin/env bash
# Runs tests with an accelerator that is built with gcc's AddressSanitizer and UndefinedBehaviorSanitizer. The interpreter
# gets their runtime by LD_PRELOAD; the Go programs are linked statically and do not. With arguments: the packages to test,
# and what `go test` shall get, instead of the choice below.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/found"
include=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
flags=(-O1 -g -fPIC -shared -fvisibility=hidden -std=c11 -fno-omit-frame-pointer -fsanitize=address,undefined
  -fno-sanitize-recover=undefined)

cc "${flags[@]}" -DPy_LIMITED_API=0x030A0000 -isystem "$include" -o "$out/accel.so" python/accel/*.c
printf '{"Replace": {"%s/python/dist/_accel.abi3.so": "%s/accel.so"}}' "$PWD" "$out" >"$out/overlay.json"

preload=$(cc -print-file-name=libasan.so)
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$out/found/report"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$out/found/report"

# It must be able to fail: a library with a fault of each kind, built and loaded in the same way.
cat >"$out/canary.c" <<'C'
#include <stdlib.h>
__attribute__((noinline)) static void put(volatile char *p, int i) { p[i] = 1; }
int address(int i) {
    char *p = malloc(4);
    put(p, i + 3);
    return p[0];
}
int undefined(int i) { return i + 2147483647; }
C
cc "${flags[@]/-fvisibility=hidden/-fvisibility=default}" -o "$out/canary.so" "$out/canary.c"
for fault in address undefined; do
  { LD_PRELOAD=$preload python3 -c "import ctypes; ctypes.CDLL('$out/canary.so').$fault(1)" || true; } >"$out/said" 2>&1
  # The one writes to a file, the other to stderr when the runtime of the first is there.
  if ! grep -qs 'canary.c:.*runtime error\|AddressSanitizer' "$out/said" "$out"/found/*; then
    echo "sanitize: a fault of the kind \"$fault\" was not found" >&2
    exit 1
  fi
  rm -f "$out"/found/*
done

export CGO_ENABLED=0
go build -overlay "$out/overlay.json" -o bin/penknife ./cmd/penknife
trap 'rm -rf "$out" bin/penknife' EXIT # it is not for use
tests=(./workers/link ./python/...)
[ $# -eq 0 ] || tests=("$@")
status=0
go test -count=1 -timeout 20m -exec "env LD_PRELOAD=$preload" -overlay "$out/overlay.json" "${tests[@]}" || status=1
if [ $# -eq 0 ]; then
  go test -count=1 -timeout 20m -exec "env LD_PRELOAD=$preload" ./internal/e2e \
    -run '^(TestPEP3333|TestNginxStreams|TestNginxUploads|TestInterrupt_HurtsNoOtherThread|TestAppCache_ThreadsAndForks)$' || status=1
fi
if compgen -G "$out/found/*" >/dev/null; then
  cat "$out"/found/*
  status=1
fi
exit $status
