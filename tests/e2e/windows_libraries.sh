#!/bin/bash
# The cache of deploy/windows/build, with a recipe of two made-up libraries in place of the real ones: half-built is never
# taken for ready, ready is not built again, two at once build once, and a ready archive is taken only where all is right.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
work=$(mktemp -d /tmp/mailquench-libraries.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
[ -d /usr/include/spdlog ] || { echo 'the headers of the set build are not installed'; exit 77; }
failed=0

mkdir -p "$work/deploy/windows" "$work/bin" "$work/ready"
cp "$root/deploy/windows/build" "$root/deploy/windows/libraries.sh" "$root/deploy/windows/toolchain.cmake" \
  "$work/deploy/windows/"
cat >"$work/deploy/windows/recipe.sh" <<END
readonly RECIPE=7 TARGET=fake
readonly RECIPES=(one openssl)
make_one() { : >"\$work/times"; echo one >>"$work/made"; mkdir -p "\$work/prefix/lib"; echo 1 >"\$work/prefix/lib/one.a"; }
make_openssl() {
  echo openssl >>"$work/made"
  if [ -e "$work/slow" ]; then mv "$work/slow" "$work/is-slow"; sleep 5; fi
  echo 1 >"\$work/prefix/lib/ssl.a"
}
END
cat >"$work/deploy/windows/sources.sh" <<'END'
update_sources() { :; }
fetch() { case $1 in one) echo 1.1-1 ;; openssl) echo 3.0.9-1 ;; esac; }
unpack() { mkdir -p "$3"; }
END
tar -C "$work" -cJf "$work/ready/windows-prefix.tar.xz" bin
hash=$(sha256sum <"$work/ready/windows-prefix.tar.xz" | cut -d' ' -f1)
rules() {  # the archive's line after the hash
  printf '%s\n' 'source one 1.1-*' 'source openssl 3.0.*' 'host libspdlog-dev' "archive $hash $1" >"$work/deploy/windows/libraries.txt"
}
rules 'gcc=12 one=1.1-1 openssl=3.0.8-1'
for tool in fake-g++-posix tclsh protoc grpc_cpp_plugin dpkg-source; do
  printf '#!/bin/sh\necho 12-posix\n' >"$work/bin/$tool"
  chmod +x "$work/bin/$tool"
done
export PATH=$work/bin:$PATH MAILQUENCH_WINDOWS_CACHE=$work/cache
unset MAILQUENCH_WINDOWS_LIBRARIES

check() {  # name command...
  local name=$1
  shift
  if "$@"; then
    echo "ok - $name"
  else
    echo "not ok - $name: $(tail -n 2 "$work/said" | tr '\n' ' ')"
    failed=1
  fi
}
build() { "$work/deploy/windows/build" "$@" >"$work/said" 2>&1; }
made() { [ "$(xargs <"$work/made")" = "$1" ] || { echo "made: $(xargs <"$work/made")" >>"$work/said"; false; }; }
refused() {  # words that must be said
  MAILQUENCH_WINDOWS_LIBRARIES=$work/ready build --check --debug
  [ $? -eq 3 ] && grep -qF "$1" "$work/said"
}
again() { rm -rf "$work/cache" "$work/made"; : >"$work/made"; }

nothing_is_ready() { build --check; [ $? -eq 3 ] && grep -q 'run deploy/windows/build --libraries-only' "$work/said"; }
check 'without libraries --check ends with 3 and says what to do' nothing_is_ready

killed_is_not_ready() {
  again
  : >"$work/slow"
  setsid "$work/deploy/windows/build" --libraries-only >"$work/said" 2>&1 &
  local pid=$!
  for _ in {1..100}; do [ -e "$work/is-slow" ] && break; sleep 0.1; done
  rm "$work/is-slow" && kill -9 -- "-$pid" && ! wait "$pid" 2>/dev/null && nothing_is_ready
}
check 'after kill -9 nothing is ready' killed_is_not_ready
goes_on() { build --libraries-only && grep -q 'going on in' "$work/said" && made 'one openssl openssl' && build --check; }
check 'the next build makes again only what was interrupted' goes_on
ready_stays() { build --libraries-only && build --libraries-only && made 'one openssl openssl'; }
check 'ready libraries are not made again' ready_stays
cold_anew() { build --libraries-only --cold && made 'one openssl openssl one openssl' && build --check; }
check '--cold makes all of them again' cold_anew

two_at_once() {
  again
  : >"$work/slow"
  "$work/deploy/windows/build" --libraries-only >"$work/first" 2>&1 &
  local pid=$!
  for _ in {1..100}; do [ -e "$work/is-slow" ] && break; sleep 0.1; done
  rm "$work/is-slow" && build --libraries-only && wait "$pid" && grep -q 'waiting for it' "$work/said" &&
    [ "$(tail -n 1 "$work/first")" = "$(tail -n 1 "$work/said")" ] && made 'one openssl'
}
check 'of two builds at once one waits and takes what the other made' two_at_once
changed_is_not_ready() { echo 'zlib 1' >>"$(echo "$work"/cache/prefix-*/mailquench-key)" && nothing_is_ready; }
check 'libraries whose key was changed are not ready' changed_is_not_ready
other_recipe() { again; build --libraries-only; sed -i s/RECIPE=7/RECIPE=8/ "$work/deploy/windows/recipe.sh"; nothing_is_ready; }
check 'libraries of another recipe are not ready' other_recipe

other_toolchain() { again; build --libraries-only; echo '# other flags' >>"$work/deploy/windows/toolchain.cmake"; nothing_is_ready; }
check 'libraries of another toolchain are not ready' other_toolchain

again
printf '%s  windows-prefix.tar.xz\n' "$hash" >"$work/ready/SHA256SUMS"
archive_taken() {
  MAILQUENCH_WINDOWS_LIBRARIES=$work/ready build --libraries-only --debug && made '' && build --check --debug &&
    grep -q prefix- "$work/said" && [ -d "$(echo "$work"/cache/prefix-*/bin)" ]
}
check 'a ready archive is taken for the tests' archive_taken
release_from_sources() { nothing_is_ready && MAILQUENCH_WINDOWS_LIBRARIES=$work/ready build --libraries-only && made 'one openssl'; }
check 'a release is built from sources all the same' release_from_sources
archive_forgotten() {
  rules 'gcc=12 one=1.1-1 openssl=3.0.8-1' && rm -r "$work"/cache/prefix-* &&
    MAILQUENCH_WINDOWS_LIBRARIES=$work/ready build --libraries-only --debug && build --check --debug || return
  sed -i /^archive/d "$work/deploy/windows/libraries.txt"
  build --check --debug
  [ $? -eq 3 ]
}
check 'what was unpacked of an archive is of no use when libraries.txt has forgotten it' archive_forgotten
again
rules 'gcc=12 one=1.2-1 openssl=3.0.8-1'
check 'an archive with a version that is not accepted is left alone' refused 'one of its versions is not accepted'
rules 'gcc=12 one=1.1-1'
check 'an archive that lacks a library is left alone' refused 'one of its versions is not accepted'
rules 'gcc=11 one=1.1-1 openssl=3.0.8-1'
check 'an archive of another compiler is left alone' refused 'made by another compiler'
hash=${hash//[0-4]/5} rules 'gcc=12 one=1.1-1 openssl=3.0.8-1'
check 'an archive of which libraries.txt knows nothing is left alone' refused 'does not know its hash'
echo x >>"$work/ready/windows-prefix.tar.xz"
check 'an archive that is not what its sum says is left alone' refused 'is not what its SHA256SUMS says'
rm "$work/ready/SHA256SUMS"
check 'an archive without its sum is left alone' refused 'lacks windows-prefix.tar.xz or SHA256SUMS'
exit "$failed"
