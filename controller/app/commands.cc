#include "controller/app/commands.h"

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/app/config.h"

namespace mailquench::controller {
void FolderFlags::AddTo(CLI::App* app) {
  CLI::Option* of_ca = app->add_option("--dir", dir, "Folder of the CA");
  app->add_option("--config", config, "controller.yaml, instead of --dir")->excludes(of_ca);
}

absl::StatusOr<std::string> FolderFlags::Dir() const {
  if (!dir.empty()) return dir;
  if (config.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "NO_FOLDER",
                 "neither --dir nor --config says where the CA is; nothing was done. Give one of "
                 "them, for example --dir /etc/mailquench");
  }
  const absl::StatusOr<Config> loaded = LoadConfig(config);
  if (!loaded.ok()) return loaded.status();
  return loaded->identity_dir;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "mailquench-controller: %s\n",
               HarmlessLines(std::string(status.message())).c_str());
  return 1;
}

int ExitCode(const absl::Status& status) {
  return status.ok() ? 0 : Fail(status);
}

}  // namespace mailquench::controller
