#include "agent/mail/exchange/isolation_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/row.h"
#include "agent/mail/folders/paths.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kOneRule, "exchange.isolation.rule");
MQ_DEFINE_FAULT_POINT(kOneGone, "exchange.isolation.rule_gone");

// SMTP between hosts and servers: relay, implicit TLS, Mailbox Transport Delivery, submission, the
// front end's outbound proxy, Transport behind a front end.
constexpr const char* kPorts[] = {"25", "465", "475", "587", "717", "2525"};

absl::Status NotProven(const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, "ISOLATION_NOT_PROVEN", why);
}
}  // namespace

IsolationRules::IsolationRules(Shell& shell, const Installation& installation) : shell_(shell) {
  const std::string bin = JoinPath(installation.path, "Bin");
  rules_ = {{"Mailquench-Isolation-Out", "Outbound", JoinPath(bin, "EdgeTransport.exe")},
            {"Mailquench-Isolation-In", "Inbound", JoinPath(bin, "EdgeTransport.exe")}};
  if (installation.role == Role::kMailbox)
    rules_.push_back({"Mailquench-Isolation-FrontEnd", "Outbound",
                      JoinPath(bin, "MSExchangeFrontendTransport.exe")});
}

absl::Status IsolationRules::CheckThere(absl::Time deadline) {
  const Cmdlet get{"Get-NetFirewallRule", {{"Name", "Mailquench-Isolation-*"}}};
  const absl::Status asked = shell_.Run({{get}, {"Name"}, true}, deadline).status();
  if (asked.ok() || ReasonOf(asked) == "OBJECT_NOT_FOUND") return absl::OkStatus();
  return Error(
      absl::StatusCode::kFailedPrecondition, "NO_FIREWALL",
      absl::StrCat("the firewall of this host cannot be asked (", asked.message(),
                   "), so that it cannot be cut off; nothing was touched; give the agent's "
                   "account the NetSecurity cmdlets, then repeat"),
      {{"cause", ReasonOf(asked)}});
}

absl::Status IsolationRules::Put(const std::vector<std::string>& ports,
                                 const std::string& why,
                                 absl::Time deadline) {
  MQ_RETURN_IF_ERROR(Remove(deadline));
  std::vector<std::string> all(std::begin(kPorts), std::end(kPorts));
  for (const std::string& port : ports) {
    if (std::find(all.begin(), all.end(), port) == all.end()) all.push_back(port);
  }
  for (const Rule& rule : rules_) {
    Cmdlet put{"New-NetFirewallRule",
               {{"Name", rule.name},
                {"DisplayName", absl::StrCat("Mailquench isolation: ", rule.direction)},
                {"Description", why},
                {"Group", "Mailquench"},
                {"Direction", rule.direction},
                {"Action", "Block"},
                {"Enabled", "True"},
                {"Profile", "Any"},
                {"Program", rule.program},
                {"Protocol", "TCP"}}};
    if (rule.direction == "Outbound") put.parameters.emplace_back("RemotePort", all);
    const absl::Status done = shell_.Run({{put}, {}, true}, deadline).status();
    if (!done.ok())
      return Prepend(done,
                     "this host could not be cut off by a firewall rule; nothing was "
                     "released");
    MQ_FAULT_POINT(kOneRule);
  }
  return absl::OkStatus();
}

absl::Status IsolationRules::Verify(absl::Time deadline) {
  for (const Rule& rule : rules_) {
    const Cmdlet get{"Get-NetFirewallRule", {{"Name", rule.name}}};
    const auto read = shell_.Run({{get}, {"Enabled", "Action", "Direction"}, true}, deadline);
    if (!read.ok())
      return NotProven(absl::StrCat("the firewall rule ", rule.name,
                                    " could not be read back: ", read.status().message()));
    const bool good = read->rows.size() == 1 && IsTrue(read->rows[0], "Enabled") &&
                      Text(read->rows[0], "Action") == "Block" &&
                      Text(read->rows[0], "Direction") == rule.direction;
    if (!good)
      return NotProven(absl::StrCat("the firewall rule ", rule.name, " is not as it was put"));
    const auto filter =
        shell_.Run({{get, {"Get-NetFirewallApplicationFilter", {}}}, {"Program"}, true}, deadline);
    if (!filter.ok() || filter->rows.size() != 1 ||
        !absl::EqualsIgnoreCase(Text(filter->rows[0], "Program"), rule.program))
      return NotProven(
          absl::StrCat("the firewall rule ", rule.name, " does not name ", rule.program));
  }
  return absl::OkStatus();
}

absl::Status IsolationRules::Remove(absl::Time deadline) {
  for (const Rule& rule : rules_) {
    const Cmdlet get{"Get-NetFirewallRule", {{"Name", rule.name}}};
    // An error of the call need not say that it is not there: what is read decides.
    const Cmdlet remove{"Remove-NetFirewallRule", {{"Name", rule.name}}};
    const absl::Status removed = shell_.Run({{remove}, {}, true}, deadline).status();
    if (removed.ok() || absl::IsNotFound(removed)) continue;
    const auto left = shell_.Run({{get}, {"Name"}, true}, deadline);
    if (absl::IsNotFound(left.status()) || (left.ok() && left->rows.empty())) continue;
    return Prepend(removed, absl::StrCat("the firewall rule ", rule.name,
                                         " could not be removed: this host stays cut off from all "
                                         "others until it is"));
  }
  MQ_FAULT_POINT(kOneGone);
  return absl::OkStatus();
}

}  // namespace mailquench::agent::exchange
