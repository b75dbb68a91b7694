#include "controller/escalation/sources.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

constexpr char kPrefix[] = "mqs.";
constexpr absl::Duration kUseWritten = absl::Minutes(1);

// "own" is the controller's watch, "operator/NAME" who raises an alert by hand.
bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.front() != '_' &&
         name != "own" && name != "operator" && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

void SetSeconds(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlertSources>> AlertSources::Open(Store* store, Clock* clock) {
  std::unique_ptr<AlertSources> sources(new AlertSources(store, clock));
  MQ_ASSIGN_OR_RETURN(const std::vector<AlertSourceRow> rows, store->AllAlertSources());
  for (const AlertSourceRow& row : rows) {
    sources->rows_[row.source.name()] = {row.source, row.hash, false};
  }
  sources->writer_ = std::thread([all = sources.get()]() { all->WriteUses(); });
  return sources;
}

AlertSources::~AlertSources() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    closing_ = true;
    used_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
}

absl::StatusOr<v1::CreateSourceResponse> AlertSources::Create(
    const v1::CreateSourceRequest& request, const std::string& actor) {
  if (!IsName(request.name())) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SOURCE_NAME",
                 "The name of a source has 1 to 63 characters of a-z, 0-9, '-' and '_', begins "
                 "with a letter or a digit, and is neither 'own' nor 'operator'; no source was "
                 "created. Choose another name");
  }
  if (!v1::SourceKind_IsValid(request.kind()) || request.kind() == v1::SOURCE_KIND_UNSPECIFIED) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SOURCE_KIND",
                 "A source is of the kind alertmanager, nagios, generic or metrics; no source was "
                 "created. Name one of them");
  }
  const std::lock_guard<std::mutex> writing(write_mu_);
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (rows_.count(request.name()) > 0) {
      return Error(absl::StatusCode::kAlreadyExists, "SOURCE_EXISTS",
                   absl::StrCat("There is a source '", request.name(),
                                "', or was one that is revoked, and its alerts bear the name; no "
                                "source was created. Choose another name"));
    }
  }
  Row row;
  row.source.set_name(request.name());
  row.source.set_kind(request.kind());
  row.source.set_created_by(actor);
  SetSeconds(clock_->Now(), row.source.mutable_create_time());
  const std::string secret = identity::RandomToken();
  row.hash = identity::Sha256Hex(secret);
  MQ_RETURN_IF_ERROR(store_->PutAlertSource(row.source, row.hash));

  v1::CreateSourceResponse response;
  *response.mutable_source() = row.source;
  response.set_token(absl::StrCat(kPrefix, request.name(), ".", secret));
  const std::lock_guard<std::mutex> lock(mu_);
  rows_[request.name()] = std::move(row);
  return response;
}

std::vector<v1::AlertSource> AlertSources::All() {
  std::vector<v1::AlertSource> all;
  const std::lock_guard<std::mutex> lock(mu_);
  for (const auto& [name, row] : rows_) all.push_back(row.source);
  return all;
}

absl::StatusOr<v1::AlertSource> AlertSources::Revoke(const std::string& name) {
  const std::lock_guard<std::mutex> writing(write_mu_);
  Row row;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const auto found = rows_.find(name);
    if (found == rows_.end()) {
      return Error(absl::StatusCode::kNotFound, "SOURCE_NOT_FOUND",
                   absl::StrCat("There is no source '", name,
                                "'; nothing was revoked. `mailquench escalation source list` names "
                                "those that there are"));
    }
    row = found->second;
  }
  if (row.source.revoked()) return row.source;
  row.source.set_revoked(true);
  MQ_RETURN_IF_ERROR(store_->PutAlertSource(row.source, row.hash));
  const std::lock_guard<std::mutex> lock(mu_);
  rows_[name].source.set_revoked(true);
  return rows_[name].source;
}

absl::StatusOr<v1::AlertSource> AlertSources::Admit(const std::string& token) {
  const std::size_t dot = token.rfind('.');
  const bool formed = absl::StartsWith(token, kPrefix) && dot != std::string::npos &&
                      dot >= sizeof kPrefix - 1 && token.size() < 256;
  const std::string name =
      formed ? token.substr(sizeof kPrefix - 1, dot - (sizeof kPrefix - 1)) : "";
  const std::string hash = identity::Sha256Hex(formed ? token.substr(dot + 1) : "");
  const absl::Time now = clock_->Now();

  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = rows_.find(name);
  // A name that nobody has costs the same comparison.
  const bool same = identity::ConstantTimeEquals(
      hash, found == rows_.end() ? std::string(64, '-') : found->second.hash);
  if (!same || found == rows_.end() || found->second.source.revoked()) {
    return Error(absl::StatusCode::kUnauthenticated, "BAD_TOKEN",
                 "This is no token of a source; nothing was done. Use the one that was shown when "
                 "the source was created");
  }
  Row& row = found->second;
  const absl::Duration since = now - absl::FromUnixSeconds(row.source.last_use_time().seconds());
  if (!row.source.has_last_use_time() || since >= kUseWritten || since < absl::ZeroDuration()) {
    SetSeconds(now, row.source.mutable_last_use_time());
    row.used = true;
    used_.notify_one();
  }
  return row.source;
}

void AlertSources::WriteUses() {
  const auto is_used = [](const auto& entry) { return entry.second.used; };
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mu_);
      used_.wait(lock,
                 [&]() { return closing_ || std::any_of(rows_.begin(), rows_.end(), is_used); });
      if (closing_ && std::none_of(rows_.begin(), rows_.end(), is_used)) return;
    }
    const std::lock_guard<std::mutex> writing(write_mu_);
    Row row;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      const auto found = std::find_if(rows_.begin(), rows_.end(), is_used);
      if (found == rows_.end()) continue;
      found->second.used = false;  // Where it cannot be written, the next use is.
      row = found->second;
    }
    const absl::Status written = store_->PutAlertSource(row.source, row.hash);
    if (!written.ok()) {
      spdlog::warn("When source '{}' was last used could not be kept: {}", row.source.name(),
                   std::string(written.message()));
    }
  }
}

}  // namespace mailquench::controller
