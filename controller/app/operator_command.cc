// mailquench-controller operator: issue, list, revoke.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/clock/clock.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/app/commands.h"
#include "controller/identity/folder.h"
#include "controller/identity/issued.h"
#include "controller/identity/operators.h"
#include "controller/identity/revocations.h"

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
  app->callback([=] { *action = [=] { return ExitCode(Issue(*flags)); }; });
}

// "valid", "ended" or since when it is revoked.
std::string StateOf(const identity::CertificateInfo& one,
                    const std::vector<Revocation>& revoked,
                    absl::Time now) {
  for (const Revocation& by : revoked) {
    if (!by.Covers(one.id.name, one.serial, one.not_before)) continue;
    return absl::StrCat("revoked ", TimeText(by.at), ": ", by.reason);
  }
  return one.not_after <= now ? "ended" : "valid";
}

absl::Status List(const FolderFlags& folder) {
  MQ_ASSIGN_OR_RETURN(const std::string dir, folder.Dir());
  MQ_ASSIGN_OR_RETURN(const auto issued, ReadIssued(dir));
  MQ_ASSIGN_OR_RETURN(const auto revoked, ReadRevocations(dir));
  std::size_t width = 4;
  for (const auto& one : issued) width = std::max(width, one.id.name.size());
  std::printf("%-*s  %-9s  %-32s  %-20s  %s\n", static_cast<int>(width), "NAME", "ROLE", "SERIAL",
              "ENDS", "STATE");
  const absl::Time now = absl::Now();
  for (const auto& one : issued) {
    std::printf("%-*s  %-9s  %-32s  %-20s  %s\n", static_cast<int>(width), one.id.name.c_str(),
                identity::RoleName(one.id.role), one.serial.c_str(),
                TimeText(one.not_after).c_str(), Harmless(StateOf(one, revoked, now)).c_str());
  }
  for (const Revocation& by : revoked) {
    const bool shown = std::any_of(issued.begin(), issued.end(), [&](const auto& one) {
      return by.Covers(one.id.name, one.serial, one.not_before);
    });
    if (!shown) std::printf("revoked, not listed above: %s\n", by.ToLine().c_str());
  }
  return absl::OkStatus();
}

void AddList(CLI::App* parent, Action* action) {
  auto folder = std::make_shared<FolderFlags>();
  CLI::App* app = AddCommand(parent, "list",
                             "What was issued, until 90 days after its end, and what is revoked",
                             {"mailquench-controller operator list --dir /etc/mailquench"});
  folder->AddTo(app);
  app->callback([=] { *action = [=] { return ExitCode(List(*folder)); }; });
}

struct RevokeFlags {
  FolderFlags folder;
  std::string name;
  std::string serial;
  std::string certificate;
  std::string reason;
};

absl::Status RevokeOne(RevokeFlags flags) {
  const int given = !flags.name.empty() + !flags.serial.empty() + !flags.certificate.empty();
  if (given != 1) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_USAGE",
                 "say whose certificate by one of --name, --serial and --certificate; nothing was "
                 "revoked");
  }
  MQ_ASSIGN_OR_RETURN(const std::string dir, flags.folder.Dir());
  if (!flags.certificate.empty()) {
    MQ_ASSIGN_OR_RETURN(flags.serial, SerialOfOperator(dir, flags.certificate));
  }
  const absl::Time now = absl::Now();
  MQ_ASSIGN_OR_RETURN(const Revocation made,
                      flags.name.empty()
                          ? Revoke(dir, Revocation::By::kSerial, flags.serial, flags.reason, now)
                          : Revoke(dir, Revocation::By::kName, flags.name, flags.reason, now));
  std::printf("revoked: %s\n", made.ToLine().c_str());
  const auto issued = ReadIssued(dir);
  if (!issued.ok()) {
    return Prepend(issued.status(),
                   "it is in force, but what it hits cannot be said, and a certificate that was "
                   "issued while the clock was ahead may be left: mend the list, then repeat");
  }
  bool hit = false;
  for (const auto& one : *issued) {
    if (one.not_after <= now || !made.Covers(one.id.name, one.serial, one.not_before)) continue;
    hit = true;
    std::printf("  %s %s %s, would have ended %s\n", one.serial.c_str(),
                identity::RoleName(one.id.role), one.id.name.c_str(),
                TimeText(one.not_after).c_str());
  }
  for (const auto& one : *issued) {
    // Issued while the clock was ahead: "up to now" would miss it, and a later bound would shut out
    // the certificate that the person gets next.
    if (flags.name.empty() || one.id.name != flags.name || one.not_before <= now) continue;
    hit = true;
    MQ_ASSIGN_OR_RETURN(const Revocation early,
                        Revoke(dir, Revocation::By::kSerial, one.serial, flags.reason, now));
    std::printf("revoked, though it begins later than now: %s\n", early.ToLine().c_str());
  }
  if (!hit) {
    std::fprintf(stderr,
                 "mailquench-controller: no certificate that is still good was listed for this; "
                 "see `operator list` where that is a surprise\n");
  }
  return absl::OkStatus();
}

void AddRevoke(CLI::App* parent, Action* action) {
  auto flags = std::make_shared<RevokeFlags>();
  CLI::App* app =
      AddCommand(parent, "revoke",
                 "Refuse a certificate, or all of a name up to now; a running controller does so "
                 "from the next call on",
                 {"mailquench-controller operator revoke --dir /etc/mailquench --name ada --reason "
                  "'laptop stolen'",
                  "mailquench-controller operator revoke --dir /etc/mailquench --certificate "
                  "ada.pem --reason 'replaced'"});
  flags->folder.AddTo(app);
  app->add_option("--name", flags->name,
                  "All certificates of this name that were issued up to now, in any role");
  app->add_option("--serial", flags->serial, "The one with this serial, as `operator list` has it");
  app->add_option("--certificate", flags->certificate, "The one in this PEM file");
  app->add_option("--reason", flags->reason, "For the audit log; one line")->required();
  app->callback([=] { *action = [=] { return ExitCode(RevokeOne(*flags)); }; });
}

}  // namespace

void AddOperator(CLI::App* root, Action* action) {
  CLI::App* app =
      AddCommand(root, "operator", "Operators' certificates",
                 {"mailquench-controller operator issue --dir /etc/mailquench --name ada --role "
                  "responder --out ./ada",
                  "mailquench-controller operator list --dir /etc/mailquench",
                  "mailquench-controller operator revoke --dir /etc/mailquench --name ada --reason "
                  "'laptop stolen'"});
  app->require_subcommand(1);
  AddIssue(app, action);
  AddList(app, action);
  AddRevoke(app, action);
}

}  // namespace mailquench::controller
