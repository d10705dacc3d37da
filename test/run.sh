#!/usr/bin/env bash
# npm test. Runs the suite even when a program that some tests drive cannot be had, but does not call the result green then.
# Arguments go to vitest: npm test -- test/policy
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash test/services.sh || true

# as npm run does, so that the script works by itself too, on the Node that the project pins
export PATH="$PWD/node_modules/.bin:$PATH"
# the suite starts the command line some hundred times: types are stripped and code is compiled once
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/node"
vitest run "$@"
status=$?

missing=$(bash test/services.sh --missing | tr '\n' ' ')
if [ -n "$missing" ]; then
  echo "not everything was tested; missing: $missing(see test/services.sh)" >&2
  if [ "$status" = 0 ]; then status=1; fi
fi
exit "$status"
