#include "controller/identity/revocations.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/identity/secrets.h"
#include "common/identity/spiffe.h"
#include "common/status/error.h"
#include "controller/identity/folder.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kMaxReason = 300;
constexpr char kRevocationsHeader[] =
    "# Operators' certificates that are refused, a line each; written by\n"
    "# `mailquench-controller operator revoke`. A line that is not understood makes the "
    "controller\n"
    "# refuse every operator.\n";

bool IsReason(const std::string& text) {
  if (text.empty() || text.size() > kMaxReason) return false;
  if (text.front() == ' ' || text.back() == ' ') return false;
  // The line must stay one line, and a terminal must stay as it is.
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return absl::ascii_iscntrl(c); });
}

bool Parse(const std::string& line, Revocation* out) {
  const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(' ', 3));
  if (fields.size() != 4) return false;
  out->value = fields[1];
  out->reason = fields[3];
  if (fields[0] == "name") {
    out->by = Revocation::By::kName;
    if (!identity::CheckName(out->value).ok()) return false;
  } else if (fields[0] == "serial") {
    out->by = Revocation::By::kSerial;
    const absl::StatusOr<std::string> serial = ParseSerial(out->value);
    if (!serial.ok()) return false;
    out->value = *serial;
  } else {
    return false;
  }
  return ParseTimeText(fields[2], &out->at) && IsReason(out->reason);
}

absl::StatusOr<std::vector<Revocation>> ParseAll(const std::string& path, const std::string& text) {
  std::vector<Revocation> all;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    Revocation one;
    if (!Parse(std::string(line), &one)) {
      return Error(absl::StatusCode::kFailedPrecondition, "BAD_REVOCATIONS",
                   absl::StrCat(path, ":", number,
                                ": is not 'name NAME TIME REASON' or 'serial HEX TIME REASON'; the "
                                "file was left as it is. Mend the line"));
    }
    all.push_back(std::move(one));
  }
  return all;
}

// The text of the file; nothing where there is none.
absl::StatusOr<std::string> ReadText(const std::string& path) {
  absl::StatusOr<std::string> text = identity::ReadFile(path);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

}  // namespace

bool Revocation::Covers(const std::string& name,
                        const std::string& serial,
                        absl::Time not_before) const {
  return by == By::kSerial ? value == serial : value == name && not_before <= at;
}

std::string Revocation::ToLine() const {
  return absl::StrCat(by == By::kName ? "name " : "serial ", value, " ", TimeText(at), " ", reason);
}

std::string RevocationsPath(const std::string& dir) {
  return absl::StrCat(dir, "/revoked.txt");
}

absl::StatusOr<std::vector<Revocation>> ReadRevocations(const std::string& dir) {
  const std::string path = RevocationsPath(dir);
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  return ParseAll(path, text);
}

absl::StatusOr<Revocation> Revoke(const std::string& dir,
                                  Revocation::By by,
                                  const std::string& value,
                                  const std::string& reason,
                                  absl::Time now) {
  Revocation made{by, value, absl::FromUnixSeconds(absl::ToUnixSeconds(now)), reason};
  if (by == Revocation::By::kName) {
    MQ_RETURN_IF_ERROR(identity::CheckName(value));
  } else {
    MQ_ASSIGN_OR_RETURN(made.value, ParseSerial(value));
  }
  if (!IsReason(reason)) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_REASON",
                 absl::StrCat("a reason is one line of 1 to ", kMaxReason,
                              " characters without spaces around it; nothing was revoked"));
  }
  const std::string path = RevocationsPath(dir);
  MQ_ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Take(dir));
  MQ_ASSIGN_OR_RETURN(std::string text, ReadText(path));
  MQ_ASSIGN_OR_RETURN(const std::vector<Revocation> all, ParseAll(path, text));
  if (by == Revocation::By::kSerial) {
    for (const Revocation& one : all) {
      if (one.by == by && one.value == made.value) return one;
    }
  } else {
    // Also what was issued in the very second of the revocation before.
    made.at = std::max(made.at, EarliestStart(all, value));
  }
  if (text.empty()) text = kRevocationsHeader;
  if (text.back() != '\n') text += '\n';
  absl::StrAppend(&text, made.ToLine(), "\n");
  MQ_RETURN_IF_ERROR(identity::WritePublicFile(path, text));
  return made;
}

absl::StatusOr<std::string> ParseSerial(const std::string& text) {
  std::string serial = absl::AsciiStrToLower(absl::StrReplaceAll(text, {{":", ""}}));
  const bool good =
      serial.size() == 32 && serial.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (good) return serial;
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SERIAL",
               absl::StrCat("\"", text,
                            "\" is not the serial of a certificate of this CA, which has 32 hex "
                            "digits; nothing was revoked. `operator list` has them"));
}

absl::Time EarliestStart(const std::vector<Revocation>& all, const std::string& name) {
  absl::Time earliest = absl::InfinitePast();
  for (const Revocation& one : all) {
    if (one.by != Revocation::By::kName || one.value != name) continue;
    earliest = std::max(earliest, one.at + absl::Seconds(1));
  }
  return earliest;
}

}  // namespace mailquench::controller
