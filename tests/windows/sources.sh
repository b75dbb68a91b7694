#!/bin/bash
# What is compiled for Windows includes no header and uses no extension that only mingw-w64 has.
# needs no wine
set -u
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
"$root/tests/architecture/check_layers" --windows "${MAILQUENCH_WINDOWS:-$root/build/windows}/compile_commands.json"
