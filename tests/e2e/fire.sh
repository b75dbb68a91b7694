#!/bin/bash
# The main job, small: the act of deploy/demo with 300 spam and 30 valid messages, on the programs of the test build.
set -u
. "$(dirname "$(readlink -f "$0")")/../lib/lab.sh"
python3 "$root/deploy/acts/fire.py" --build "$build" --work "$work" --out "$work" --spam 300 --valid 30
