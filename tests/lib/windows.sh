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
build_windows() {
  local reason
  headline 'Windows programs'
  if ! reason=$(deploy/windows/build --check --debug 2>&1 >/dev/null); then
    reason=$(tail -n 1 <<<"$reason")
    printf '%s\n' "$reason"
    record skipped windows/build "${reason#windows/build: }"
    skip_windows_scripts all "the Windows programs were not built: ${reason#windows/build: }"
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
  [ "$setup" = no ] || deploy/setup windows ||
    echo 'what the Windows programs are built with could not be installed; see above'
  build_windows || return
  if [ "$setup" = yes ] && ! deploy/setup wine || ! command -v wine >/dev/null; then
    skip_windows_scripts wine 'Wine is not there and could not be installed'
    for script in tests/windows/*.sh; do needs_wine "$script" || run_script "$script"; done
    return
  fi
  for script in tests/windows/*.sh; do run_script "$script"; done
}
