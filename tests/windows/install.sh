#!/bin/bash
# deploy/windows/{install,upgrade,uninstall}.cmd under Wine, with a real controller.
set -u
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
command -v wine >/dev/null || { echo 'wine is not installed (deploy/setup wine)'; exit 77; }
work=$(mktemp -d /tmp/mailquench-install.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
"$root/tests/windows/install.py" --build "${MAILQUENCH_BUILD:-$root/build/debug}" --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}" \
  --work "$work"
