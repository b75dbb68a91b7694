#!/bin/bash
# Bad days on real Postfix servers, each by name.
set -u
. "$(dirname "$(readlink -f "$0")")/../lib/lab.sh"
python3 "$root/tests/e2e/bad_days.py" --build "$build" --work "$work" "$@"
