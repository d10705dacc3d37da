#!/usr/bin/env bash
# Makes sure that the programs which tests drive are there: redis-server and chromium. Installs what is missing with apt-get
# when that is permitted (root, or sudo without a password); otherwise says what to install. Doing it twice does no harm, and
# when everything is there it does nothing.
#
#   bash test/services.sh            try; always exits 0
#   bash test/services.sh --strict   try; exits 1 when something is still missing
#   bash test/services.sh --missing  only print what is missing, one a line; exits 0
set -euo pipefail

mode=${1:-}
case "$mode" in
  '' | --strict | --missing) ;;
  *)
    echo 'usage: services.sh [--strict | --missing]' >&2
    exit 2
    ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }

# names of the packages that are missing
missing() {
  have redis-server || echo redis-server
  have chromium || have chromium-browser || have google-chrome || echo chromium
}

# what installs packages without asking anybody, or nothing
installer() {
  have apt-get || return 0
  if [ "$(id -u)" = 0 ]; then
    echo env DEBIAN_FRONTEND=noninteractive apt-get
  elif have sudo && sudo -n true 2>/dev/null; then
    echo sudo -n env DEBIAN_FRONTEND=noninteractive apt-get
  fi
}

if [ "$mode" = --missing ]; then
  missing
  exit 0
fi

wanted=$(missing | tr '\n' ' ')
if [ -z "$wanted" ]; then exit 0; fi

with=$(installer)
if [ -n "$with" ]; then
  echo "installing for the tests: $wanted" >&2
  # another apt-get may be at work: wait for it
  lock='-o DPkg::Lock::Timeout=120'
  # lists of yesterday name packages that are gone today
  # shellcheck disable=SC2086
  $with $lock update -q >&2 || true
  # one by one: when one cannot be had, the other still can
  for package in $wanted; do
    # shellcheck disable=SC2086
    $with $lock install -y -q --no-install-recommends "$package" >&2 || true
  done
fi

left=$(missing | tr '\n' ' ')
if [ -n "$left" ]; then
  {
    echo "missing for the tests: $left"
    echo "install them, on Debian or Ubuntu with: sudo apt-get update && sudo apt-get install $left"
    echo 'or put them on PATH in any other way'
  } >&2
  if [ "$mode" = --strict ]; then exit 1; fi
fi
exit 0
