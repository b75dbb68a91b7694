#!/bin/bash
# Two Exchange Mailbox servers of a DAG and an Edge server in a fleet, small: the act exchange of deploy/demo with 200 spam messages.
set -u
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
command -v dotnet >/dev/null || { echo 'no .NET SDK (dotnet): the stand-in of Exchange cannot be built'; exit 77; }
exec "$root/tests/windows/fleet.sh" exchange
