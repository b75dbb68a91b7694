#include "controller/app/commands.h"

#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/command/words.h"
#include "common/status/error.h"
#include "controller/app/config.h"

namespace mailquench::controller {
void FolderFlags::AddTo(CLI::App* app) {
  CLI::Option* of_ca = app->add_option("--dir", dir, "Folder of the CA");
  app->add_option("--config", config, "controller.yaml, instead of --dir")->excludes(of_ca);
}

absl::StatusOr<std::string> FolderFlags::Dir() const {
  std::string folder = dir;
  if (folder.empty()) {
    if (config.empty()) {
      return Error(absl::StatusCode::kInvalidArgument, "NO_FOLDER",
                   "neither --dir nor --config says where the CA is; nothing was done. Give one of "
                   "them, for example --dir /etc/mailquench");
    }
    MQ_ASSIGN_OR_RETURN(const Config loaded, LoadConfig(config));
    folder = loaded.identity_dir;
  }
  // A revocation that no controller reads would look like one.
  if (access(absl::StrCat(folder, "/ca.pem").c_str(), F_OK) != 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_CA_THERE",
                 absl::StrCat(folder,
                              " holds no CA (no ca.pem that can be seen); nothing was done. "
                              "Name the folder that `init` made"));
  }
  return folder;
}

int Fail(const absl::Status& status) {
  command::Say("mailquench-controller", std::string(status.message()));
  return 1;
}

int ExitCode(const absl::Status& status) {
  return status.ok() ? 0 : Fail(status);
}

}  // namespace mailquench::controller
