#!/bin/bash
# A Windows host as one of a fleet, small: the act windows of deploy/demo with 300 spam and 20 valid messages.
# fleet.sh ACT: another act that is played with Windows hosts.
set -u
act_name=${1:-windows}
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo 'network namespaces need root'; exit 77; }
command -v wine >/dev/null || { echo 'wine is not installed (deploy/setup wine)'; exit 77; }
if ! reason=$(unshare --net --mount --uts --pid --ipc --fork true 2>&1); then
  echo "namespaces are not permitted here: $reason"
  exit 77
fi
work=$(mktemp -d /tmp/mailquench-fleet.XXXXXX) || exit 1
chmod 755 "$work"
act=
clean_up() {
  if [ -n "$act" ]; then
    kill "$act" 2>/dev/null
    wait "$act"
  fi
  "$root/tests/lab/lab" down --dir "$work/lab" >/dev/null 2>&1
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
python3 "$root/deploy/acts/$act_name.py" --build "${MAILQUENCH_BUILD:-$root/build/debug}" \
  --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}" --work "$work" --out "$work" --spam 200 --valid 10 &
act=$!
wait "$act"
code=$?
act=
exit "$code"
