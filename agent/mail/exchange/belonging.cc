#include "agent/mail/exchange/belonging.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/row.h"
#include "agent/os/files.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::exchange {
namespace {
constexpr std::size_t kMostBytes = std::size_t{256} * 1024;

absl::Status Unsaid(const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
               absl::StrCat("Exchange did not say ", what,
                            "; which servers keep copies of this one's mail is not known; nothing "
                            "was changed, ask again"));
}

void AddMember(const std::string& name, std::vector<std::string>& members) {
  const std::string printable = Printable(name);
  if (!printable.empty() && std::find(members.begin(), members.end(), printable) == members.end())
    members.push_back(printable);
}

absl::Status FindOrganisation(Shell& shell, absl::Time deadline, Belonging& out) {
  MQ_ASSIGN_OR_RETURN(std::vector<Row> rows,
                      Ask(shell, {"Get-OrganizationConfig", {}}, {"Name", "Guid"}, deadline));
  if (rows.size() == 1)
    out.organisation = std::string(absl::StripAsciiWhitespace(
        Printable(rows[0]["Name"].text() + " " + rows[0]["Guid"].text())));
  return out.organisation.empty() ? Unsaid("what its organisation is") : absl::OkStatus();
}

absl::Status FindDag(Shell& shell, const std::string& server, absl::Time deadline, Belonging& out) {
  MQ_ASSIGN_OR_RETURN(std::vector<Row> rows, Ask(shell, {"Get-DatabaseAvailabilityGroup", {}},
                                                 {"Name", "Servers"}, deadline));
  for (Row& row : rows) {
    std::vector<std::string> members;
    for (const std::string& one : row["Servers"].texts) AddMember(LastPart(one), members);
    const bool mine = std::any_of(members.begin(), members.end(), [&](const std::string& one) {
      return absl::EqualsIgnoreCase(one, server);
    });
    if (!mine) continue;
    if (row["Name"].text().empty()) return Unsaid("what this server's DAG is called");
    out.transport_group = absl::StrCat("dag:", Printable(row["Name"].text()));
    out.members = std::move(members);
  }
  return absl::OkStatus();
}

absl::Status FindSite(Shell& shell,
                      const std::string& server,
                      absl::Time deadline,
                      Belonging& out) {
  MQ_ASSIGN_OR_RETURN(std::vector<Row> rows, Ask(shell, {"Get-ExchangeServer", {}},
                                                 {"Name", "Site", "IsMailboxServer"}, deadline));
  std::string site;
  for (Row& row : rows) {
    if (absl::EqualsIgnoreCase(row["Name"].text(), server)) site = LastPart(row["Site"].text());
  }
  if (site.empty()) return Unsaid(absl::StrCat("in which site ", server, " is"));
  for (Row& row : rows) {
    const bool itself = absl::EqualsIgnoreCase(row["Name"].text(), server);
    if (itself || (absl::EqualsIgnoreCase(row["IsMailboxServer"].text(), "true") &&
                   absl::EqualsIgnoreCase(LastPart(row["Site"].text()), site)))
      AddMember(row["Name"].text(), out.members);
  }
  out.transport_group = absl::StrCat("site:", Printable(site));
  return absl::OkStatus();
}

std::string TextOf(const std::string& server, const Belonging& known) {
  return nlohmann::json({{"server", server},
                         {"organisation", known.organisation},
                         {"transport_group", known.transport_group},
                         {"members", known.members}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What cannot be read, or is of another server, is not known.
std::optional<Belonging> ReadKnown(const std::string& file, const std::string& server) {
  const absl::StatusOr<std::string> text = ReadFile(file, kMostBytes);
  if (!text.ok()) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    Belonging out;
    if (json.at("server").get<std::string>() != server) return std::nullopt;
    out.organisation = json.at("organisation").get<std::string>();
    out.transport_group = json.at("transport_group").get<std::string>();
    out.members = json.at("members").get<std::vector<std::string>>();
    const bool mine =
        std::any_of(out.members.begin(), out.members.end(),
                    [&](const std::string& one) { return absl::EqualsIgnoreCase(one, server); });
    if (out.organisation.empty() || out.transport_group.empty() || !mine) return std::nullopt;
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}
}  // namespace

absl::StatusOr<Belonging> FindBelonging(Shell& shell,
                                        const Installation& installation,
                                        absl::Time deadline) {
  Belonging out;
  // Two Edge servers share nothing, whatever their configuration is called.
  if (installation.role == Role::kEdge) return out;
  MQ_RETURN_IF_ERROR(FindOrganisation(shell, deadline, out));
  MQ_RETURN_IF_ERROR(FindDag(shell, installation.server, deadline, out));
  if (out.transport_group.empty())
    MQ_RETURN_IF_ERROR(FindSite(shell, installation.server, deadline, out));
  return out;
}

KnownBelonging::KnownBelonging(Shell& shell, Installation installation, std::string file)
    : shell_(shell), installation_(std::move(installation)), file_(std::move(file)) {
  if (installation_.role == Role::kEdge) {
    known_ = Belonging();
    asked_ = absl::InfiniteFuture();
  } else {
    known_ = ReadKnown(file_, installation_.server);
  }
}

absl::StatusOr<Belonging> KnownBelonging::Get(absl::Duration age, absl::Time deadline) {
  {
    const std::lock_guard<std::mutex> lock(lock_);
    if (known_.has_value() && absl::Now() - asked_ < age) return *known_;
    asked_ = absl::Now();
  }
  absl::StatusOr<Belonging> found = FindBelonging(shell_, installation_, deadline);
  const std::lock_guard<std::mutex> lock(lock_);
  if (!found.ok()) {
    if (!known_.has_value()) return found.status();
    spdlog::warn("what this server belongs to is taken from before: {}",
                 std::string(found.status().message()));
    return *known_;
  }
  const std::string text = TextOf(installation_.server, *found);
  const bool changed = !known_.has_value() || TextOf(installation_.server, *known_) != text;
  if (changed || !ReadKnown(file_, installation_.server).has_value()) {
    const absl::Status written = WriteFileAtomically(file_, text, 0600);
    if (!written.ok()) {
      spdlog::warn("{}", written.ToString());
      // Without the file it is asked again after the next start; with an old one, which a full disk
      // keeps as it is, that would take another group for its own.
      RemoveFile(file_).IgnoreError();
    }
  }
  known_ = *found;
  return *known_;
}

Belonging KnownBelonging::Known() {
  const std::lock_guard<std::mutex> lock(lock_);
  return known_.value_or(Belonging());
}

absl::StatusOr<Belonging> KnownBelonging::GetKnown(absl::Time deadline) {
  {
    const std::lock_guard<std::mutex> lock(lock_);
    if (known_.has_value()) return *known_;
  }
  return Get(absl::ZeroDuration(), deadline);
}

}  // namespace mailquench::agent::exchange
