#!/bin/bash
# Monitoring calls: the act of deploy/demo with 600 spam and 20 valid messages, on the programs of the test build,
# with the real Prometheus and Alertmanager.
set -u
needs="prometheus promtool prometheus-alertmanager amtool curl"
. "$(dirname "$(readlink -f "$0")")/../lib/lab.sh"
python3 "$root/deploy/acts/escalation.py" --build "$build" --work "$work" --out "$work" --spam 600 --valid 20
