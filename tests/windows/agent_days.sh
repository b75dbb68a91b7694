#!/bin/bash
# The Windows agent as a service under Wine: its size, the main job, its link, its upgrade.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
command -v wine >/dev/null || { echo 'wine is not installed (deploy/setup wine)'; exit 77; }
work=$(mktemp -d /tmp/mailquench-wine-days.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
python3 "$root/tests/windows/agent_days.py" --build "${MAILQUENCH_BUILD:-$root/build/debug}" \
  --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}" --work "$work"
