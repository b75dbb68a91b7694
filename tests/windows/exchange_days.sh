#!/bin/bash
# The Windows agent on a simulated Exchange server under Wine: the main job over a Linux controller, and bad days.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
command -v wine >/dev/null || { echo 'wine is not installed (deploy/setup wine)'; exit 77; }
command -v dotnet >/dev/null || { echo 'no .NET SDK (dotnet): the stand-in of Exchange cannot be built'; exit 77; }
work=$(mktemp -d /tmp/mailquench-exchange-days.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
python3 "$root/tests/windows/exchange_days.py" --build "${MAILQUENCH_BUILD:-$root/build/debug}" \
  --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}" --work "$work" "$@"
