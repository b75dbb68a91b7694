// mailquench-controller operator: issue.
#include <cstdio>
#include <memory>

#include "common/clock/clock.h"
#include "common/status/error.h"
#include "controller/app/commands.h"
#include "controller/identity/operators.h"

namespace mailquench::controller {
namespace {

struct IssueFlags {
  FolderFlags folder;
  NewOperator wish;
  std::string role;
  int hours = 12;
};

absl::Status Issue(IssueFlags flags) {
  SystemClock clock;
  MQ_ASSIGN_OR_RETURN(const std::string dir, flags.folder.Dir());
  MQ_ASSIGN_OR_RETURN(flags.wish.role, identity::ParseRole(flags.role));
  flags.wish.life = absl::Hours(flags.hours);
  MQ_ASSIGN_OR_RETURN(const OperatorFiles files, IssueOperatorFiles(dir, flags.wish, &clock));
  std::printf("%s\n%s\n%s\n", files.key.c_str(), files.certificate.c_str(), files.ca.c_str());
  return absl::OkStatus();
}

void AddIssue(CLI::App* parent, Action* action) {
  auto flags = std::make_shared<IssueFlags>();
  CLI::App* app =
      AddCommand(parent, "issue", "Issue a key and a certificate",
                 {"mailquench-controller operator issue --dir /etc/mailquench --name ada --role "
                  "responder --out ./ada",
                  "mailquench-controller operator issue --dir /etc/mailquench --name bob --role "
                  "viewer --out ./bob --hours 720"});
  flags->folder.AddTo(app);
  app->add_option("--name", flags->wish.name, "Name of the person")->required();
  app->add_option("--role", flags->role, "viewer, responder or admin")->required();
  app->add_option("--out", flags->wish.out,
                  "Folder to write NAME.key, NAME.pem and ca.pem into; no file is written over")
      ->required();
  app->add_option("--hours", flags->hours, "Life of the certificate")->capture_default_str();
  app->callback([=] {
    *action = [=] {
      const absl::Status issued = Issue(*flags);
      return issued.ok() ? 0 : Fail(issued);
    };
  });
}

}  // namespace

void AddOperator(CLI::App* root, Action* action) {
  CLI::App* app =
      AddCommand(root, "operator", "Operators' certificates",
                 {"mailquench-controller operator issue --dir /etc/mailquench --name ada --role "
                  "responder --out ./ada"});
  app->require_subcommand(1);
  AddIssue(app, action);
}

}  // namespace mailquench::controller
