#!/bin/bash
# Mail gets a new address: the act of deploy/demo on the programs of the test build, with BIND, Knot and unbound.
set -u
needs="named knotd unbound dig tsig-keygen"
. "$(dirname "$(readlink -f "$0")")/../lib/lab.sh"
python3 "$root/deploy/acts/mx.py" --build "$build" --work "$work" --out "$work"
