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
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$out/found/address"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$out/found/undefined"

# It must be able to fail: a library with one fault, built and loaded in the same way.
printf 'int canary(int i) { char a[4] = {0}; volatile char *p = a; return p[i + 4]; }\n' >"$out/canary.c"
cc "${flags[@]}" -o "$out/canary.so" "$out/canary.c"
LD_PRELOAD=$preload python3 -c "import ctypes; ctypes.CDLL('$out/canary.so').canary(0)" 2>/dev/null && {
  echo "sanitize: the sanitizers found nothing in a faulty library" >&2
  exit 1
}
ls "$out"/found/address* >/dev/null
rm "$out"/found/*

export CGO_ENABLED=0
go build -overlay "$out/overlay.json" -o bin/penknife ./cmd/penknife
trap 'rm -rf "$out" bin/penknife' EXIT # it is not for use
tests=(./workers/link ./python/...)
[ $# -eq 0 ] || tests=("$@")
status=0
go test -count=1 -timeout 20m -exec "env LD_PRELOAD=$preload" -overlay "$out/overlay.json" "${tests[@]}" || status=1
if [ $# -eq 0 ]; then
  go test -count=1 -timeout 20m -exec "env LD_PRELOAD=$preload" ./internal/e2e \
    -run '^(TestPEP3333|TestLargeUpload|TestNginxStreams|TestNginxUploads|TestInterrupt_HurtsNoOtherThread|TestAppCache_ThreadsAndForks)$' || status=1
fi
if compgen -G "$out/found/*" >/dev/null; then
  cat "$out"/found/*
  status=1
fi
exit $status
