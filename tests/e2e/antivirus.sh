#!/bin/bash
# Antivirus over the fleet, and an infected message that is kept out of a release: the act of deploy/demo with 300 spam and
# 30 valid messages, on the programs of the test build, with real ClamAV.
set -u
needs="clamd freshclam"
. "$(dirname "$(readlink -f "$0")")/../lib/lab.sh"
python3 "$root/deploy/acts/antivirus.py" --build "$build" --work "$work" --out "$work" --spam 300 --valid 30
