# Where the static libraries come from: a prefix in the cache that is whole, a ready archive, or built from sources.
# Sourced by deploy/windows/build.
#
# $cache/prefix-KEY    libraries that can be used; renamed to that name when all of it is there, so never half of it.
#                      KEY is a hash of its file mailquench-key: recipe and its hash, and the version of each package and of the compiler
# $cache/work-KEY      a build that goes on or was interrupted; NAME.done says that a library is installed in its prefix
# $cache/lock          held by whoever builds
# $cache/apt, $cache/downloads, $cache/log
# All of it may be thrown away at any time.

# Prints 'PACKAGE VERSION' of the installed packages that have a part in the libraries.
host_versions() {
  local -a packages
  mapfile -t packages < <(sed -n 's/^host //p' "$here/libraries.txt")
  dpkg-query -W -f='${db:Status-Abbrev}|${Package} ${Version}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^ii *|//p'
}

# Whether the 'PACKAGE VERSION' lines on standard input are of every source package, each in an accepted version.
accepted() {
  local -A version=()
  local -a words
  local package value pattern found
  while read -r package value; do version[$package]=$value; done
  while read -ra words; do
    [ "${words[0]:-}" = source ] || continue
    package=${words[1]} found=no
    for pattern in "${words[@]:2}"; do
      # shellcheck disable=SC2053  # It is meant as a pattern.
      [[ ${version[$package]:-} == $pattern ]] && found=yes
    done
    [ "$found" = yes ] || return 1
  done <"$here/libraries.txt"
}

# How libraries are made: nobody has to remember to raise RECIPE.
recipe_hash() { cat "$here/recipe.sh" "$here/toolchain.cmake" | sha256sum | cut -c1-16; }

# Prints the key file of libraries of which standard input has the 'PACKAGE VERSION' lines.
key_file() {
  printf 'recipe %s %s\n' "$RECIPE" "$(recipe_hash)"
  { cat; host_versions; } | sort
}
key_name() { sha256sum | cut -c1-16; }  # of the key file on standard input

# Of a key file on standard input: the lines that are not of the recipe or of this host.
built_lines() { awk 'NR == FNR {if ($1 == "host") skip[$2] = 1; next} $1 != "recipe" && !($1 in skip)' "$here/libraries.txt" -; }
openssl_of() { sed -n 's/^openssl //p' "$1/mailquench-key"; }

# Prints the prefix in the cache that can be used; of several the one with the newest OpenSSL. A release is never made of a
# ready archive.
cached_prefix() {
  local folder key hash best=
  for folder in "$cache"/prefix-*; do
    key=$folder/mailquench-key
    [ -f "$key" ] || continue
    hash=$(sed -n 's/^archive //p' "$key")
    [ -z "$hash" ] || { [ "$kind" = debug ] && grep -q "^archive $hash " "$here/libraries.txt"; } || continue
    [ "${folder##*/prefix-}" = "$(key_name <"$key")" ] || continue
    built_lines <"$key" | accepted && built_lines <"$key" | key_file | cmp -s - "$key" || continue
    if [ -z "$best" ] || dpkg --compare-versions "$(openssl_of "$folder")" gt "$(openssl_of "$best")"; then
      best=$folder
    fi
  done
  [ -n "$best" ] && printf '%s\n' "$best"
}

# Headers without a library, from the installed packages.
add_host_headers() {  # prefix
  mkdir -p "$1/include"
  cp -a /usr/include/spdlog /usr/include/fmt /usr/include/CLI /usr/include/nlohmann "$1/include/"
}

# Gives the whole prefix FOLDER its final name and prints it. Who links against an older one of that name is waited for.
publish() {  # folder
  local name
  name=$cache/prefix-$(key_name <"$1/mailquench-key")
  sync -f "$1" || true
  if [ -d "$name" ]; then
    (flock -x 9 && mv "$name" "$1.old") 9<"$name"
    rm -rf "$1.old"
  fi
  mv -T "$1" "$name"
  printf '%s\n' "$name"
}

# Prints the line of libraries.txt of the archive in MAILQUENCH_WINDOWS_LIBRARIES if it can be used; else says why not.
ready_archive() {
  local folder=${MAILQUENCH_WINDOWS_LIBRARIES:-} archive=windows-prefix.tar.xz hash line versions why=
  [ -n "$folder" ] || return 1
  if [ "$kind" = release ]; then
    why='they are for tests; programs to hand out are made from sources'
  elif [ ! -f "$folder/$archive" ] || [ ! -f "$folder/SHA256SUMS" ]; then
    why="it lacks $archive or SHA256SUMS"
  elif ! (cd "$folder" && grep -E "^[0-9a-f]{64} [ *]$archive\$" SHA256SUMS | sha256sum --status -c -); then
    why="$archive is not what its SHA256SUMS says"
  else
    hash=$(sed -nE "s/^([0-9a-f]{64}) [ *]$archive\$/\1/p" "$folder/SHA256SUMS")
    line=$(grep "^archive $hash " "$here/libraries.txt") || why='deploy/windows/libraries.txt does not know its hash'
  fi
  if [ -z "$why" ]; then
    versions=$(tr ' ' '\n' <<<"$line" | sed -n 's/=/ /p')
    if ! accepted <<<"$versions"; then
      why='one of its versions is not accepted any more by deploy/windows/libraries.txt'
    elif [ "$(sed -n 's/^gcc //p' <<<"$versions")" != "$("$TARGET-g++-posix" -dumpversion | cut -d- -f1)" ]; then
      why="it was made by another compiler than $TARGET-g++-posix of this machine"
    fi
  fi
  [ -z "$why" ] && { printf '%s\n' "$line"; return; }
  say "the ready libraries in $folder are left alone: $why"
  return 1
}

# Unpacks the archive of the LINE that ready_archive printed, and prints the prefix.
unpack_archive() {  # line
  local part
  part=$(mktemp -d "$cache/archive.XXXXXX") || die "cannot write in $cache"
  tar -xJf "$MAILQUENCH_WINDOWS_LIBRARIES/windows-prefix.tar.xz" -C "$part" --no-same-owner ||
    die "windows-prefix.tar.xz could not be unpacked; the rest of it is in $part"
  chmod 755 "$part"
  add_host_headers "$part"
  { printf 'archive %s\n' "$(cut -d' ' -f2 <<<"$1")"; tr ' ' '\n' <<<"$1" | sed -n 's/=/ /p' | grep -v '^gcc '; } |
    key_file >"$part/mailquench-key"
  publish "$part"
}

# One build of libraries at a time. The lock of a build that was killed is free when its last compiler has ended.
take_lock() {
  while :; do
    exec 8>"$cache/lock"
    if ! flock -n 8; then
      say "another build of the libraries is at work in $cache; waiting for it"
      flock 8
    fi
    # Otherwise somebody has thrown the cache away meanwhile, and the lock with it.
    [ "$cache/lock" -ef /proc/self/fd/8 ] && return
    mkdir -p "$log"
  done
}

# Builds from Debian's sources and sets prefix. Goes on where an earlier run was killed, unless all is to be anew.
build_libraries() {
  local -a words
  local package version key folder
  say "the libraries are built from Debian's sources into $cache; that takes half an hour"
  update_sources
  : >"$cache/versions.part"
  while read -ra words; do
    [ "${words[0]:-}" = source ] || continue
    version=$(fetch "${words[@]:1}")
    printf '%s %s\n' "${words[1]}" "$version" >>"$cache/versions.part"
  done <"$here/libraries.txt"
  key=$(key_file <"$cache/versions.part")
  work=$cache/work-$(key_name <<<"$key")
  [ "$cold" = no ] || rm -rf "$work"
  # Only one build at a time holds the lock, so any other work folder was left behind.
  for folder in "$cache"/work-* "$cache"/archive.*; do
    [ "$folder" = "$work" ] || rm -rf "$folder"
  done
  [ ! -d "$work" ] || say "going on in $work"
  mkdir -p "$work/prefix"
  export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
  for package in "${RECIPES[@]}"; do
    [ ! -f "$work/$package.done" ] || continue
    version=$(sed -n "s/^$package //p" "$cache/versions.part")
    unpack "$package" "$version" "$work/$package"
    "make_$package"
    sync -f "$work/prefix"
    : >"$work/$package.done"
  done
  rm -rf "$work/prefix/lib/pkgconfig" "$work/prefix/share" "$work/prefix/bin"
  add_host_headers "$work/prefix"
  printf '%s\n' "$key" >"$work/prefix/mailquench-key"
  cp "$work/times" "$work/prefix/mailquench-times"
  # Killed after the rename, a build that goes on here would take an empty prefix for a whole one.
  rm -f "$work"/*.done
  prefix=$(publish "$work/prefix")
  rm -rf "$work" "$cache/downloads"
}
