# Source packages of Debian, fetched without a change to the machine's apt. Sourced by deploy/windows/build.
#
# The entries are the machine's own binary ones, turned into deb-src in a folder of ours: whatever mirror it uses serves us
# too, and apt checks signatures and hashes as always.

# apt_private COMMAND...: apt-get or apt-cache on the lists in $cache/apt.
apt_private() {
  local command=$1
  shift
  "$command" -q -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt" -o APT::Sandbox::User=root \
    -o Acquire::Retries=3 "$@"
}

# Writes the entries and reads their lists.
update_sources() {
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg options=
  [ ! -f "$keys" ] || options="[signed-by=$keys] "
  apt-get indextargets --format "deb-src $options\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
    'Created-By: Packages' 'Origin: Debian' | sort -u >"$cache/apt/sources.list"
  [ -s "$cache/apt/sources.list" ] ||
    die 'apt knows no binary packages of Debian, so it is not known who serves its sources; run apt-get update first'
  apt_private apt-get update >"$log/apt-update" 2>&1 ||
    die_with_log apt-update 'the lists of source packages could not be read; nothing was built'
}

# Prints the versions of PACKAGE that are listed and accepted, in the order in which they are to be tried.
candidates() {  # package pattern...
  local package=$1 pattern
  shift
  # An epoch would be in the way of file names; none of ours has one.
  apt_private apt-cache showsrc --only-source "$package" 2>/dev/null | sed -n 's/^Version: //p' | sort -u |
    sort -rV >"$cache/apt/versions"
  for pattern in "$@"; do
    while IFS= read -r version; do
      # shellcheck disable=SC2254  # It is meant as a pattern.
      case $version in $pattern) printf '%s\n' "$version" ;; esac
    done <"$cache/apt/versions"
  done
}

# Downloads PACKAGE into $cache/downloads/PACKAGE and prints the version that it is. An archive may list what it does not
# serve any more, or not yet: then the next one that is accepted is taken, and that is said.
fetch() {  # package pattern...
  local package=$1 folder=$cache/downloads/$1 tried=() version
  mkdir -p "$folder"
  while IFS= read -r version; do
    if (cd "$folder" && apt_private apt-get source --download-only "$package=$version") >"$log/fetch-$package" 2>&1; then
      [ ${#tried[@]} -eq 0 ] || say "$package: ${tried[*]} is listed but not served; $version is taken"
      printf '%s\n' "$version"
      return
    fi
    tried+=("$version")
  done < <(candidates "$@")
  [ ${#tried[@]} -gt 0 ] ||
    die "no version of $package that Debian lists is one that recipe.sh was made for (${*:2}); see deploy/windows/libraries.txt"
  die_with_log "fetch-$package" "$package could not be downloaded in any accepted version (${tried[*]}); a repeat goes on from here"
}

# Says which libraries of the prefix Debian lists in a newer version.
say_newer() {  # prefix
  local -a words
  local has newest
  if ! (update_sources) 2>/dev/null; then
    say 'Debian could not be asked whether there are newer sources'
    return
  fi
  while read -ra words; do
    [ "${words[0]:-}" = source ] || continue
    has=$(sed -n "s/^${words[1]} //p" "$1/mailquench-key")
    newest=$(candidates "${words[@]:1}" | sed -n 1p)
    [ -z "$newest" ] || ! dpkg --compare-versions "$newest" gt "$has" ||
      say "${words[1]}: the programs have $has, Debian lists $newest; --cold takes it if it is served"
  done <"$here/libraries.txt"
}

# Unpacks PACKAGE with Debian's patches into FOLDER, which is there only when it is whole.
unpack() {  # package version folder
  [ ! -d "$3" ] || return 0
  rm -rf "$3.part"
  dpkg-source --no-check -x "$cache/downloads/$1/${1}_$2.dsc" "$3.part" >"$log/unpack-$1" 2>&1 ||
    die_with_log "unpack-$1" "the source of $1 could not be unpacked"
  mv "$3.part" "$3"
}
