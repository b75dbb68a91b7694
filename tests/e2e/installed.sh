#!/bin/bash
# What `cmake --install` puts where: the programs, manual pages that groff takes without a warning, completions that
# their shells take, units that systemd takes.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${MAILQUENCH_BUILD:-$root/build/debug}
work=$(mktemp -d /tmp/mailquench-installed.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
check() {  # name command...
  local name=$1 said
  shift
  if said=$("$@" 2>&1) && [ -z "$said" ]; then
    echo "ok - $name"
  else
    echo "not ok - $name: ${said:-failed}" | head -c 400 | tr '\n' ' '
    echo
    failed=1
  fi
}

DESTDIR=$work cmake --install "$build" --prefix /usr >/dev/null || exit 1

programs_start() {
  local program
  for program in bin/mailquench sbin/mailquench-agent sbin/mailquench-controller; do
    "$work/usr/$program" --help | head -1 | grep -qx 'Examples:' || echo "no help from $program"
  done
}
pages_are_clean() {
  local page pages=("$work"/usr/share/man/man*/mailquench*)
  [ ${#pages[@]} -eq 22 ] || echo "${#pages[@]} pages, not 22"
  for page in "${pages[@]}"; do groff -man -Tutf8 -ww -z "$page"; done
}
pages_say_what_the_program_says() {
  local command
  for command in 'mailquench-agent do' 'mailquench-controller operator revoke'; do
    groff -man -Tascii -P-c "$work/usr/share/man/man8/${command%% *}.8" | grep -q "$command" || echo "no '$command'"
  done
}
completions_parse() {
  bash -n "$work/usr/share/bash-completion/completions/mailquench"
}
units_are_taken() {  # systemd-analyze wants the programs where the units say that they are.
  local unit
  for unit in "$root"/deploy/systemd/*.service; do
    sed "s#=/usr/sbin/#=$work/usr/sbin/#" "$unit" >"$work/${unit##*/}"
    systemd-analyze verify "$work/${unit##*/}" 2>&1 | grep -F "${unit##*/}"
  done
  return 0
}

check 'the installed programs start' programs_start
check 'groff takes every manual page without a warning' pages_are_clean
check 'the pages of the daemons have their commands' pages_say_what_the_program_says
check 'bash takes its completion' completions_parse
if command -v systemd-analyze >/dev/null; then
  check 'systemd takes the units' units_are_taken
fi
exit $failed
