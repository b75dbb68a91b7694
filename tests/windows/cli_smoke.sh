#!/bin/bash
# mailquench.exe under Wine, against a real controller and real lists.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
for program in wine rbldnsd; do
  command -v "$program" >/dev/null || { echo "$program is not installed (deploy/setup wine dns)"; exit 77; }
done
built=${MAILQUENCH_BUILD:-$root/build/debug}
work=$(mktemp -d /tmp/mailquench-wine-cli.XXXXXX) || exit 1
python3 - "$root" "$work" "$built" "${MAILQUENCH_WINDOWS:-$root/build/windows}" <<'PYTHON'
import os, subprocess, sys
root, work, built, windows = sys.argv[1:]
sys.path.insert(0, root + '/tests/windows')
from mqwine import scene, wine
prefix = wine.Wine(work).make()
try:
    sys.exit(subprocess.run([sys.executable, root + '/tests/windows/cli_smoke.py', '--exe', windows + '/bin/mailquench.exe',
                             '--controller', scene.find(built, 'mailquench-controller')], env=prefix.env, check=False).returncode)
finally:
    prefix.end()
PYTHON
code=$?
rm -rf "$work"
exit "$code"
