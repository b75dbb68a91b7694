#!/bin/bash
# One lab host comes up, takes a message, and is gone without a trace after `down`, also when the
# lab was left half dead. Exit 77 where namespaces are not permitted.
set -u
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
work=$(mktemp -d /tmp/mailquench-lab-test.XXXXXX)
chmod 755 "$work"
lab=$work/lab
trap '"$here/lab" down --dir "$lab" >/dev/null 2>&1; rm -rf "$work"' EXIT

fail() { echo "test_lab: $*"; exit 1; }
get() { python3 -c 'import json,sys; print(eval(sys.argv[1], {"d": json.load(sys.stdin)}))' "$1"; }

[ "$(id -u)" = 0 ] || { echo 'network namespaces need root'; exit 77; }
if ! reason=$(unshare --net --mount --uts --pid --ipc --fork true 2>&1); then
  echo "namespaces are not permitted here: $reason"
  exit 77
fi

"$here/lab" up --dir "$lab" --hosts 1 --vantage >"$work/up.json" || fail 'up failed'
number=$(get 'd["number"]' <"$work/up.json")

"$here/lab" up --dir "$lab" --hosts 1 2>/dev/null && fail 'a second lab in the same folder was let in'
"$here/lab" attack --dir "$lab" --spam 4 --valid 2 >"$work/attack.json" || fail 'attack failed'
queued=0
for _ in $(seq 100); do
  "$here/lab" status --dir "$lab" >"$work/status.json" || fail 'status failed'
  queued=$(get 'sum(q["deferred"] for q in d["queues"]["mx1"].values())' <"$work/status.json")
  [ "$queued" = 6 ] && break
  sleep 0.2
done
[ "$queued" = 6 ] || fail "6 messages should be deferred, $queued are"

listed=$("$here/lab" exec --dir "$lab" mx1 -- postqueue -j | grep -c queue_id)
[ "$listed" -ge 4 ] || fail "postqueue of the host lists $listed messages"
name=$("$here/lab" exec --dir "$lab" mx1 -- postconf -h myhostname)
[ "$name" = mx1.lab.test ] || fail "the host has the configuration of $name"

"$here/lab" sink --dir "$lab" accept >/dev/null || fail 'the sink did not change its mode'
"$here/lab" exec --dir "$lab" mx1 -- postqueue -f || fail 'flush failed'
arrived=0
for _ in $(seq 150); do
  arrived=$("$here/lab" sink --dir "$lab" counts | get 'd["kinds"].get("valid", 0)')
  [ "$arrived" -ge 1 ] && break
  sleep 0.2
done
[ "$arrived" -ge 1 ] || fail 'no valid message arrived in the accepting sink'

# A lab whose host died and whose description is lost must still go away.
kill -9 "$(get 'd["hosts"][0]["pid1"]' <"$work/up.json")"
rm "$lab/lab.json"
"$here/lab" down --dir "$lab" >/dev/null || fail 'down failed'
"$here/lab" down --dir "$lab" | grep -q 'no lab was up' || fail 'the second down found something'

[ -z "$(find /run/netns -name "mq$number-*" 2>/dev/null)" ] || fail 'namespaces are left'
[ ! -e "$lab" ] || fail 'the folder is left'
for process in /proc/[0-9]*; do
  # A process of the lab names the folder in its arguments or lives in a root with its mounts.
  if { tr "\0" " " <"$process/cmdline"; } 2>/dev/null | grep -qF "$lab/" ||
    grep -qF "$lab/" "$process/mountinfo" 2>/dev/null; then
    fail "process ${process#/proc/} is left: $(tr '\0' ' ' <"$process/cmdline")"
  fi
done
echo 'test_lab: all as expected'
