#!/usr/bin/env bash
# Installs the Debian packages that the tests need, those whose command is missing. Starts no service and stops none.
set -euo pipefail

declare -A package_of=(
  [nginx]=nginx-light
  [apache2]=apache2
  [lighttpd]=lighttpd
  [curl]=curl
  [haproxy]=haproxy
  [wrk]=wrk
  [redis-server]=redis-server
  [uwsgi]=uwsgi-core
  [cc]=build-essential
  [logrotate]=logrotate
  [systemd-socket-activate]=systemd
  [systemd-analyze]=systemd
  [strace]=strace
  [unshare]=util-linux
  [python3]=python3
  [prometheus]=prometheus
  [promtool]=prometheus
  [chromium]=chromium
  [node]=nodejs
  [npm]=npm
)
PATH=$PATH:/usr/sbin:/sbin

missing=()
for command in "${!package_of[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package_of[$command]}")
done
[ -e /usr/lib/apache2/modules/mod_proxy_uwsgi.so ] || missing+=(libapache2-mod-proxy-uwsgi)
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
[ -e /usr/lib/uwsgi/plugins/python3_plugin.so ] || missing+=(uwsgi-plugin-python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
python3 -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null || missing+=(python3-dev)
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "the tests need these Debian packages; install them as root: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

# A package's own start of its service is refused while this file stands: the tests start their own servers.
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e "$policy" ]; then
  ours=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
cleanup() { [ -z "$ours" ] || "${as_root[@]}" rm -f "$policy"; }
trap cleanup EXIT

echo "installing for the tests: ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
