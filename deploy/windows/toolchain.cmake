# Cross-builds for 64-bit Windows with Debian's mingw-w64 (posix threads).
# MAILQUENCH_WINDOWS_PREFIX, in the environment or as a cache variable, holds the static libraries that
# deploy/windows/build makes.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

if(NOT MAILQUENCH_WINDOWS_PREFIX)
  set(MAILQUENCH_WINDOWS_PREFIX "$ENV{MAILQUENCH_WINDOWS_PREFIX}")
endif()
# try_compile() reads this file again, without the cache.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MAILQUENCH_WINDOWS_PREFIX)

set(CMAKE_FIND_ROOT_PATH ${MAILQUENCH_WINDOWS_PREFIX} /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ZLIB_USE_STATIC_LIBS ON)
set(OPENSSL_USE_STATIC_LIBS ON)
set(OPENSSL_ROOT_DIR ${MAILQUENCH_WINDOWS_PREFIX})

# Windows Server 2008 R2 is the oldest 64-bit one that we serve.
set(_windows "-D_WIN32_WINNT=0x0601 -DWINVER=0x0601")
set(CMAKE_C_FLAGS_INIT "${_windows}")
set(CMAKE_CXX_FLAGS_INIT "${_windows}")
# Nothing of the compiler's own may be needed on the host. Without the time of the build the same sources give the same file.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -static-libgcc -static-libstdc++ -Wl,--no-insert-timestamp")
