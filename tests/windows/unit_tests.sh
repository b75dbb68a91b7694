#!/bin/bash
# The unit tests that Windows has in common with Linux, or alone, and the contract suite of the SMTP service, under Wine.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
command -v wine >/dev/null || { echo 'wine is not installed (deploy/setup wine)'; exit 77; }
work=$(mktemp -d /tmp/mailquench-wine-unit.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
python3 "$root/tests/windows/unit_tests.py" --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}" --work "$work"
