# How each library is compiled for Windows. Sourced by deploy/windows/build; run by build_libraries in libraries.sh.
#
# Every recipe finds its source in $work/PACKAGE, builds in $work/build/NAME and installs into $work/prefix. Raise RECIPE
# whenever what comes out changes: libraries of another recipe are not used.
readonly RECIPE=1
readonly TARGET=x86_64-w64-mingw32
# In this order: each needs those before it.
readonly RECIPES=(openssl abseil c-ares re2 protobuf grpc sqlite3 yaml-cpp)

# step NAME COMMAND...: runs it with a log of its own and writes down what it took.
step() {
  local name=$1 took
  shift
  TIMEFORMAT='%R %U %S'
  say "$name"
  took=$({ time "$@" >"$log/$name" 2>&1; } 2>&1) || die_with_log "$name" "$name failed; a repeat goes on with this library"
  awk -v name="$name" '{printf "%-20s %8.1f s %8.1f s of processor\n", name, $1, $2 + $3}' <<<"${took##*$'\n'}" >>"$work/times"
}

# cmake_library PACKAGE [TARGET...] -- FLAG...: configure, build, install.
cmake_library() {
  local name=$1 targets=()
  shift
  while [ "$1" != -- ]; do targets+=("$1"); shift; done
  shift
  local launcher=()
  ! command -v ccache >/dev/null ||
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  # The map keeps this machine's folders out of the programs. In the environment: -DCMAKE_C_FLAGS would replace those of
  # the toolchain file, and with them the version of Windows.
  local -x CFLAGS="-ffile-prefix-map=$work=. ${MORE_FLAGS:-}"
  local -x CXXFLAGS=$CFLAGS
  step "$name-configure" cmake -G Ninja -S "$work/$name" -B "$work/build/$name" \
    -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" -DMAILQUENCH_WINDOWS_PREFIX="$work/prefix" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=17 -DCMAKE_CXX_STANDARD_REQUIRED=ON \
    -DCMAKE_INSTALL_PREFIX="$work/prefix" -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF \
    "${launcher[@]}" "$@"
  step "$name-build" ninja -C "$work/build/$name" -j "$jobs" "${targets[@]}"
  # The install script wants every archive; what no target of ours needs becomes an empty one. `ninja install` would build it.
  local archive
  for archive in ${EMPTY_ARCHIVES:-}; do
    [ -e "$work/build/$name/lib$archive.a" ] || "$TARGET-ar" cr "$work/build/$name/lib$archive.a"
  done
  step "$name-install" cmake --install "$work/build/$name"
}

make_openssl() {
  # The sources are reached by a relative path here, so no map of folders is needed; OpenSSL would keep its text.
  # make takes a half-written object for a good one, which ninja does not: what was interrupted is begun anew.
  rm -rf "$work/build/openssl"
  mkdir -p "$work/build/openssl"
  local configure=("$work/openssl/Configure" mingw64 "--cross-compile-prefix=$TARGET-" CC=gcc-posix
    "--prefix=$work/prefix" --libdir=lib no-shared no-tests no-legacy no-module no-engine no-dso
    no-autoload-config -D_WIN32_WINNT=0x0601)
  step openssl-configure env -C "$work/build/openssl" "${configure[@]}"
  # By itself OpenSSL reads a configuration from OPENSSLDIR, which Configure makes a folder below the build's prefix: on
  # Windows one below the root of a drive, where any user may make folders, and the agent is SYSTEM. So it reads none, loads
  # no DLL, and its folders are named as in OpenSSL's own builds for Windows.
  local common='C:/Program Files/Common Files/SSL'
  step openssl-build make -C "$work/build/openssl" -j "$jobs" "OPENSSLDIR=$common" "ENGINESDIR=$common/engines-3" \
    "MODULESDIR=$common/ossl-modules" build_libs
  step openssl-install make -C "$work/build/openssl" install_dev
}

make_abseil() { cmake_library abseil -- -DABSL_PROPAGATE_CXX_STD=ON; }

make_c-ares() {
  # Debian's patch CVE-2023-31130 uses INADDRSZ, which only a header that Windows lacks defines.
  MORE_FLAGS=-DINADDRSZ=4 cmake_library c-ares -- -DCARES_STATIC=ON -DCARES_SHARED=OFF -DCARES_BUILD_TOOLS=OFF \
    -DCARES_BUILD_TESTS=OFF
}

make_re2() {
  # Debian's tarball leaves these tables out and makes them from the packages perl and unicode-data.
  step re2-tables env -C "$work/re2/re2" sh -ec 'perl make_perl_groups.pl >perl_groups.cc
    python3 make_unicode_groups.py >unicode_groups.cc
    python3 make_unicode_casefold.py >unicode_casefold.cc'
  cmake_library re2 -- -DRE2_BUILD_TESTING=OFF
}

make_protobuf() {
  cmake_library protobuf -- -Dprotobuf_BUILD_TESTS=OFF -Dprotobuf_BUILD_PROTOC_BINARIES=OFF -Dprotobuf_WITH_ZLIB=OFF \
    -Dprotobuf_BUILD_SHARED_LIBS=OFF
}

make_grpc() {
  local flags=(-DgRPC_BUILD_TESTS=OFF -DgRPC_BUILD_CODEGEN=OFF -DgRPC_BUILD_CSHARP_EXT=OFF
    -DgRPC_BENCHMARK_PROVIDER=none -DgRPC_PROTOBUF_PACKAGE_TYPE=CONFIG)
  local name
  for name in ABSL CARES PROTOBUF RE2 SSL ZLIB; do flags+=("-DgRPC_${name}_PROVIDER=package"); done
  for name in CPP CSHARP NODE OBJECTIVE_C PHP PYTHON RUBY; do flags+=("-DgRPC_BUILD_GRPC_${name}_PLUGIN=OFF"); done
  # The target all would compile the core once more, without TLS.
  EMPTY_ARCHIVES='grpc_unsecure grpc++_unsecure grpc++_alts grpc++_error_details grpc_plugin_support' \
    cmake_library grpc grpc++ -- "${flags[@]}"
}

make_sqlite3() {
  rm -rf "$work/build/sqlite3"
  mkdir -p "$work/build/sqlite3" "$work/prefix/lib" "$work/prefix/include"
  step sqlite3-amalgamate env -C "$work/build/sqlite3" sh -ec "$(printf '%q' "$work/sqlite3/configure") --disable-tcl
    make sqlite3.c"
  step sqlite3-build env -C "$work/build/sqlite3" sh -ec "
    $TARGET-gcc-posix -O2 -D_WIN32_WINNT=0x0601 -DSQLITE_THREADSAFE=1 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DQS=0 -c sqlite3.c
    rm -f libsqlite3.a
    $TARGET-ar crs libsqlite3.a sqlite3.o"
  step sqlite3-install env -C "$work/build/sqlite3" sh -ec "cp libsqlite3.a $(printf '%q' "$work/prefix/lib/")
    cp sqlite3.h $(printf '%q' "$work/prefix/include/")"
}

make_yaml-cpp() {
  cmake_library yaml-cpp -- -DYAML_BUILD_SHARED_LIBS=OFF -DYAML_CPP_BUILD_TESTS=OFF -DYAML_CPP_BUILD_TOOLS=OFF \
    -DYAML_CPP_BUILD_CONTRIB=OFF
}
