#!/bin/bash
# Bad days of escalation, each by name.
set -u
needs="prometheus-alertmanager amtool curl"
. "$(dirname "$(readlink -f "$0")")/../lib/lab.sh"
python3 "$root/tests/e2e/escalation_days.py" --build "$build" --work "$work" "$@"
