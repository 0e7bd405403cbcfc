#!/bin/sh
# Runs the HTTP cache tests (npm package http-cache-tests) against penknife's response cache, with origin.py as the
# application behind it: run.sh [RESULTS [TEST-ID]]. Needs node and npm; the package goes into a directory of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
results=${1:-/dev/stdout}
home=${CONFORMANCE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/penknife-conformance}
port=${PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
[ -d "$home/node_modules/http-cache-tests" ] ||
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$home" http-cache-tests@0.4.5
log=$(mktemp)
unset PORT
"$here/../../../bin/penknife" serve origin:application --chdir "$here" --http "127.0.0.1:$port" --control off \
	--cache 64MiB --processes 1 --threads 8 >"$log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true; rm -f "$log"' EXIT
tries=0
until [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/none")" = 404 ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { cat "$log"; exit 1; }
	sleep 0.1
done
all=$(mktemp)
node --no-warnings "$here/run.mjs" "$home/node_modules/http-cache-tests" "http://127.0.0.1:$port" ${2:-} >"$all"
cat "$all" >"$results"
[ -z "${2:-}" ] || exit 0
cut -f1,2 "$all" | sort | uniq -c >&2
new=$(awk -F'\t' '$1 == "required" && $2 != "pass" { print $3 }' "$all" | grep -vxFf "$here/known.txt" || true)
passed=$(grep -c '^required	pass	' "$all" || true)
rm -f "$all"
# A busy machine is late for some tests of time: what fails must fail twice.
again=$new
new=
for id in $again; do
	node --no-warnings "$here/run.mjs" "$home/node_modules/http-cache-tests" "http://127.0.0.1:$port" "$id" |
		grep -q "^required	pass	$id" || new="$new $id"
done
[ "$passed" -ge 130 ] || { echo "only $passed required tests passed: did the suite run?" >&2; exit 1; }
[ -z "$new" ] || { echo "not known to fail: $new" >&2; exit 1; }
