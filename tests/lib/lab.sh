# The head of a test that plays in the lab; sourced. Sets root, build and work, a folder that goes with the test, lab and all.
# Ends with 77, "skipped", where there are no namespaces, or where one of $needs is not installed.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
build=${MAILQUENCH_BUILD:-$root/build/debug}
[ "$(id -u)" = 0 ] || { echo 'network namespaces need root'; exit 77; }
if ! reason=$(unshare --net --mount --uts --pid --ipc --fork true 2>&1); then
  echo "namespaces are not permitted here: $reason"
  exit 77
fi
for program in ${needs:-}; do
  command -v "$program" >/dev/null || { echo "$program is not installed (deploy/setup)"; exit 77; }
done
work=$(mktemp -d /tmp/mailquench-e2e.XXXXXX)
chmod 755 "$work"
trap '"$root/tests/lab/lab" down --dir "$work/lab" >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
