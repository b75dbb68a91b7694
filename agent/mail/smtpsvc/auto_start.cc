#include "agent/mail/smtpsvc/auto_start.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kHeld, "smtpsvc.start.auto_start_held");
constexpr Property kAuto = Property::kServerAutoStart;

bool IsHeld(const std::optional<MetabaseValue>& value) {
  return value.has_value() && AsDword(*value) == 0U;
}
}  // namespace

AutoStart::AutoStart(Metabase& metabase, const std::string& state_directory)
    : metabase_(metabase),
      file_(state_directory.empty() ? "" : absl::StrCat(state_directory, "/smtpsvc-autostart")) {}

// Lines "SERVER VALUE"; no value where there is none at the server's own key.
absl::Status AutoStart::Hold(const std::vector<VirtualServer>& servers) const {
  if (file_.empty()) return absl::OkStatus();
  std::string text;
  std::vector<std::string> held;
  for (const VirtualServer& server : servers) {
    MQ_ASSIGN_OR_RETURN(const auto now, metabase_.Read(server.name, kAuto, /*inherited=*/true));
    if (IsHeld(now)) continue;
    MQ_ASSIGN_OR_RETURN(const auto own, metabase_.Read(server.name, kAuto, /*inherited=*/false));
    absl::StrAppend(&text, server.name, " ", own.has_value() ? ToText(*own) : "", "\n");
    held.push_back(server.name);
  }
  if (held.empty()) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(WriteFileAtomically(file_, text, 0600));
  for (const std::string& name : held)
    MQ_RETURN_IF_ERROR(metabase_.Write(name, kAuto, MakeDword(0, 0)));
  MQ_FAULT_POINT(kHeld);
  return absl::OkStatus();
}

absl::Status AutoStart::PutBack() const {
  if (file_.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = ReadFile(file_, 65536);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(text.status());
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    MQ_ASSIGN_OR_RETURN(const auto own, metabase_.Read(parts.first, kAuto, /*inherited=*/false));
    if (!IsHeld(own)) continue;
    if (parts.second.empty()) {
      MQ_RETURN_IF_ERROR(metabase_.Delete(parts.first, kAuto));
      continue;
    }
    MQ_ASSIGN_OR_RETURN(const AnyValue value, FromText(parts.second));
    if (!std::holds_alternative<MetabaseValue>(value))
      return Error(absl::StatusCode::kDataLoss, "BAD_SETTING_TEXT",
                   absl::StrCat(file_, " holds no number for ServerAutoStart of virtual server ",
                                parts.first, "; set it in IIS' console, then remove the file"));
    MQ_RETURN_IF_ERROR(metabase_.Write(parts.first, kAuto, std::get<MetabaseValue>(value)));
  }
  return RemoveFile(file_);
}

}  // namespace mailquench::agent::smtpsvc
