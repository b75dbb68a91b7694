#include "controller/app/commands.h"

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/app/config.h"

namespace mailquench::controller {
namespace {

class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app,
                        std::string name,
                        CLI::AppFormatMode mode) const override {
    const std::string rest = CLI::Formatter::make_help(app, std::move(name), mode);
    if (mode != CLI::AppFormatMode::Normal || app->get_footer().empty()) return rest;
    return absl::StrCat("Examples:\n", app->get_footer(), "\n", rest);
  }
  std::string make_footer(const CLI::App*) const override { return ""; }
};

std::string Indented(const std::vector<std::string>& examples) {
  std::string text;
  for (const std::string& example : examples) absl::StrAppend(&text, "  ", example, "\n");
  return text;
}

}  // namespace

CLI::App* AddCommand(CLI::App* parent,
                     const std::string& name,
                     const std::string& summary,
                     const std::vector<std::string>& examples) {
  CLI::App* app = parent->add_subcommand(name, summary);
  app->footer(Indented(examples));
  return app;
}

std::unique_ptr<CLI::App> NewRoot(const std::string& summary,
                                  const std::vector<std::string>& examples) {
  auto root = std::make_unique<CLI::App>(summary, "mailquench-controller");
  root->formatter(std::make_shared<ExamplesFirst>());
  root->require_subcommand(1);
  root->footer(Indented(examples));
  return root;
}

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
  std::fprintf(stderr, "mailquench-controller: %s\n", std::string(status.message()).c_str());
  return 1;
}

int ExitCode(const absl::Status& status) {
  return status.ok() ? 0 : Fail(status);
}

}  // namespace mailquench::controller
