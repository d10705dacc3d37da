#!/usr/bin/env bash
# Installs nginx for the bench when it is missing and that is permitted (root, or sudo without a password); otherwise says so.
# Its service is neither started nor enabled: the bench runs a process of its own. Always exits 0; the bench goes on without it.
set -euo pipefail

PATH=$PATH:/usr/sbin:/usr/local/sbin
have() { command -v "$1" >/dev/null 2>&1; }

if have nginx; then exit 0; fi
as=()
if [ "$(id -u)" != 0 ]; then as=(sudo -n); fi
if ! have apt-get || { [ "$(id -u)" != 0 ] && ! { have sudo && sudo -n true 2>/dev/null; }; }; then
  echo 'nginx is missing and cannot be installed from here; its rows will say so' >&2
  exit 0
fi

echo 'installing nginx for the bench' >&2
# Debian starts a server when it is installed unless this says no
no=/usr/sbin/policy-rc.d
if [ ! -e "$no" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$no" >/dev/null
  "${as[@]}" chmod +x "$no"
  trap '"${as[@]}" rm -f "$no"' EXIT
fi
apt=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120)
"${apt[@]}" update -q >&2 || true
"${apt[@]}" install -y -q --no-install-recommends nginx >&2 || true
if have systemctl; then "${as[@]}" systemctl disable nginx >/dev/null 2>&1 || true; fi
have nginx || echo 'nginx could not be installed; its rows will say so' >&2
exit 0
