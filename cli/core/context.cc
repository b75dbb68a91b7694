#include "cli/core/context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

struct Field {
  const char* key;
  std::string Context::*member;
};
constexpr Field kFields[] = {{"name", &Context::name},
                             {"address", &Context::address},
                             {"ca", &Context::ca},
                             {"cert", &Context::cert},
                             {"key", &Context::key},
                             {"trust_domain", &Context::trust_domain},
                             {"controller_id", &Context::controller_id}};

}  // namespace

const Context* ContextFile::Find(const std::string& name) const {
  for (const Context& context : contexts) {
    if (context.name == name) return &context;
  }
  return nullptr;
}

absl::StatusOr<ContextFile> LoadContexts(const std::string& path) {
  ContextFile file;
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return file;
  try {
    const YAML::Node root = YAML::LoadFile(path);
    if (root["current"]) file.current = root["current"].as<std::string>();
    for (const YAML::Node& node : root["contexts"]) {
      Context context;
      for (const Field& field : kFields) {
        if (node[field.key]) context.*field.member = node[field.key].as<std::string>();
      }
      file.contexts.push_back(context);
    }
  } catch (const YAML::Exception& e) {  // yaml-cpp has no other way to say it.
    return Error(absl::StatusCode::kInvalidArgument, "CONFIG_MALFORMED",
                 absl::StrCat(path, " is no valid configuration (", e.what(),
                              "); correct it or move it away and run `mailquench context add`."));
  }
  return file;
}

absl::Status SaveContexts(const std::string& path, const ContextFile& file) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "current" << YAML::Value << file.current << YAML::Key
      << "contexts" << YAML::Value << YAML::BeginSeq;
  for (const Context& context : file.contexts) {
    out << YAML::BeginMap;
    for (const Field& field : kFields) {
      const std::string& value = context.*field.member;
      if (!value.empty()) out << YAML::Key << field.key << YAML::Value << value;
    }
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;

  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return SystemError(error.value(), absl::StrCat("cannot make ", folder.string()));
  const std::string fresh = absl::StrCat(path, ".new");
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(errno, absl::StrCat("cannot write ", fresh));
  const std::string text = absl::StrCat(out.c_str(), "\n");
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  const int write_error = errno;
  ::close(fd);
  if (!written) return SystemError(write_error, absl::StrCat("cannot write ", fresh));
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return SystemError(errno, absl::StrCat("cannot replace ", path));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::cli
