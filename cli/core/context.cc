#include "cli/core/context.h"

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

constexpr std::size_t kLongest = 1 << 20;

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
  const absl::StatusOr<std::string> text = os::ReadWhole(path, kLongest);
  if (absl::IsNotFound(text.status())) return file;
  if (!text.ok()) {
    return Prepend(text.status(), "the contexts cannot be read; nothing was sent");
  }
  try {
    const YAML::Node root = YAML::Load(*text);
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

  const std::string folder = os::FolderOf(path);
  if (!folder.empty()) MQ_RETURN_IF_ERROR(os::MakeFolders(folder));
  return os::ReplaceWhole(path, absl::StrCat(out.c_str(), "\n"), os::Privacy::kPrivate);
}

}  // namespace mailquench::cli
