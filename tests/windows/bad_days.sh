#!/bin/bash
# Bad days of a host of the SMTP service, under Wine.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo 'a full volume is a mount of its own, which needs root'; exit 77; }
command -v wine >/dev/null || { echo 'wine is not installed (deploy/setup wine)'; exit 77; }
work=$(mktemp -d /tmp/mailquench-wine-bad.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
python3 "$root/tests/windows/bad_days.py" --build "${MAILQUENCH_BUILD:-$root/build/debug}" \
  --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}" --work "$work"
