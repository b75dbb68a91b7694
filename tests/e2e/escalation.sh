#!/bin/bash
# Monitoring calls: the act of deploy/demo with 600 spam and 20 valid messages, on the programs of the test build,
# with the real Prometheus and Alertmanager.
set -u
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${MAILQUENCH_BUILD:-$root/build/debug}
[ "$(id -u)" = 0 ] || { echo 'network namespaces need root'; exit 77; }
if ! reason=$(unshare --net --mount --uts --pid --ipc --fork true 2>&1); then
  echo "namespaces are not permitted here: $reason"
  exit 77
fi
for program in prometheus promtool prometheus-alertmanager amtool curl; do
  command -v "$program" >/dev/null || { echo "$program is not installed (deploy/setup monitoring)"; exit 77; }
done
work=$(mktemp -d /tmp/mailquench-e2e.XXXXXX)
chmod 755 "$work"
trap '"$root/tests/lab/lab" down --dir "$work/lab" >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
python3 "$root/deploy/acts/escalation.py" --build "$build" --work "$work" --out "$work" --spam 600 --valid 20
