# The Windows part of tests/run, which sources it: the programs are built where their libraries are ready, then
# tests/windows/*.sh run against them under Wine.

# Records each script of tests/windows as skipped. With a first word 'wine' only those that need Wine.
skip_windows_scripts() {  # all|wine reason
  local script
  for script in tests/windows/*.sh; do
    [ -x "$script" ] || continue
    [ "$1" = all ] || needs_wine "$script" || continue
    record skipped "${script#tests/}" "$2"
  done
}

# A script that needs no Wine says so in a line of its own.
needs_wine() { ! grep -qx '# needs no wine' "$1"; }

# Libraries that are not there are no failure: they take half an hour, which is more than a run of the tests may take.
# Nothing is installed for their sake then.
build_windows() {
  local cache=${MAILQUENCH_WINDOWS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mailquench-windows}
  local reason='no Windows libraries: run deploy/setup build windows && deploy/windows/build --libraries-only (30 min) once'
  headline 'Windows programs'
  if [ -n "${MAILQUENCH_WINDOWS_LIBRARIES:-}" ] || compgen -G "$cache/prefix-*" >/dev/null; then
    [ "$setup" = no ] || deploy/setup windows || echo 'the compilers for Windows could not be installed; see above'
    reason=$(deploy/windows/build --check --debug 2>&1 >/dev/null) && reason=
  fi
  if [ -n "$reason" ]; then
    printf '%s\n' "$reason"
    reason=$(tail -n 1 <<<"$reason")
    record skipped windows/build "${reason#windows/build: }"
    skip_windows_scripts all 'the Windows programs were not built'
    return 1
  fi
  if ! deploy/windows/build --debug --out build/windows --jobs "$jobs"; then
    record failed windows/build 'the Windows programs did not build, or need more than Windows has; see above'
    skip_windows_scripts all 'the Windows programs were not built'
    return 1
  fi
  record passed windows/build
}

test_windows() {
  local script
  build_windows || return
  if [ "$setup" = yes ] && ! deploy/setup wine || ! command -v wine >/dev/null; then
    skip_windows_scripts wine 'Wine is not there and could not be installed'
    for script in tests/windows/*.sh; do needs_wine "$script" || run_script "$script"; done
    return
  fi
  for script in tests/windows/*.sh; do run_script "$script"; done
}
