#!/bin/bash
# The Windows programs need no DLL but Windows' own, and the check of that catches a program that does.
# needs no wine
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
built=${MAILQUENCH_WINDOWS:-$root/build/windows}
work=$(mktemp -d /tmp/mailquench-imports.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
compiler=x86_64-w64-mingw32-g++-posix
command -v "$compiler" >/dev/null || { echo "$compiler is not installed"; exit 77; }
failed=0
ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1: $(tail -n 3 "$work/said" | tr '\n' ' ')"; failed=1; }
imports() { "$root/tests/windows/imports" "$@" >"$work/said" 2>&1; }

printf '#include <iostream>\n#include <thread>\nint main() { std::thread([] { std::cout << 1; }).join(); }\n' >"$work/one.cc"
"$compiler" -D_WIN32_WINNT=0x0601 "$work/one.cc" -o "$work/dynamic.exe" &&
  "$compiler" -D_WIN32_WINNT=0x0601 -static "$work/one.cc" -o "$work/static.exe" || exit 1
if ! imports "$work/dynamic.exe" && grep -q 'libstdc++-6.dll is not a DLL of every Windows' "$work/said"; then
  ok 'a program that needs the DLL of the C++ library is caught'
else
  not_ok 'a program that needs the DLL of the C++ library is caught'
fi
if imports "$work/static.exe"; then ok 'the same program, static, is let pass'; else not_ok 'the same program, static, is let pass'; fi

for program in mailquench-agent.exe mailquench.exe; do
  if imports "$built/bin/$program"; then
    ok "$program needs only DLLs of Windows"
    cat "$work/said"
  else
    not_ok "$program needs only DLLs of Windows"
  fi
done
exit "$failed"
