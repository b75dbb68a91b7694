# What the Windows programs are made of: static libraries of deploy/windows/build, and header-only ones that Debian
# ships for every architecture, of which the build has put copies into the prefix.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(Protobuf CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(gRPC CONFIG REQUIRED)  # It finds c-ares too.

find_path(MAILQUENCH_HEADERS NAMES spdlog/spdlog.h PATH_SUFFIXES include REQUIRED)
add_library(mailquench_spdlog INTERFACE)
target_compile_definitions(mailquench_spdlog INTERFACE SPDLOG_FMT_EXTERNAL=1 FMT_HEADER_ONLY=1 SPDLOG_WCHAR_FILENAMES=1)
target_include_directories(mailquench_spdlog SYSTEM INTERFACE ${MAILQUENCH_HEADERS})
add_library(spdlog::spdlog ALIAS mailquench_spdlog)
foreach(name nlohmann_json CLI11)
  add_library(mailquench_${name} INTERFACE)
  target_include_directories(mailquench_${name} SYSTEM INTERFACE ${MAILQUENCH_HEADERS})
endforeach()
add_library(nlohmann_json::nlohmann_json ALIAS mailquench_nlohmann_json)
add_library(CLI11::CLI11 ALIAS mailquench_CLI11)

# One spelling of the system's headers everywhere: no min and max macros, no GDI (its ERROR is a macro), wide calls.
add_compile_definitions(WIN32_LEAN_AND_MEAN NOMINMAX NOGDI UNICODE _UNICODE)
