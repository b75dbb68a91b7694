#include "controller/identity/issued.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/folder.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kKeep = absl::Hours(24 * 90);
constexpr char kIssuedHeader[] =
    "# Operators' certificates issued here: serial, role, name, start, end. Written by\n"
    "# mailquench-controller; see `mailquench-controller operator list`.\n";

std::string PathOf(const std::string& dir) {
  return absl::StrCat(dir, "/operators.txt");
}

bool Parse(const std::string& line, identity::CertificateInfo* out) {
  const std::vector<std::string> fields = absl::StrSplit(line, ' ');
  if (fields.size() != 5) return false;
  const auto role = identity::ParseRole(fields[1]);
  if (!role.ok() || !identity::CheckName(fields[2]).ok()) return false;
  out->serial = fields[0];
  out->id.kind = identity::Kind::kOperator;
  out->id.role = *role;
  out->id.name = fields[2];
  return ParseTimeText(fields[3], &out->not_before) && ParseTimeText(fields[4], &out->not_after);
}

}  // namespace

absl::StatusOr<std::vector<identity::CertificateInfo>> ReadIssued(const std::string& dir) {
  std::vector<identity::CertificateInfo> all;
  const absl::StatusOr<std::string> text = identity::ReadFile(PathOf(dir));
  if (absl::IsNotFound(text.status())) return all;
  if (!text.ok()) return text.status();
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    identity::CertificateInfo one;
    if (!Parse(std::string(line), &one)) {
      return Error(absl::StatusCode::kFailedPrecondition, "BAD_OPERATORS_FILE",
                   absl::StrCat(PathOf(dir), ":", number,
                                ": is not 'SERIAL ROLE NAME START END'; nothing was changed. Mend "
                                "the line or take it out"));
    }
    all.push_back(std::move(one));
  }
  return all;
}

absl::Status RecordIssued(const std::string& dir,
                          const identity::CertificateInfo& issued,
                          absl::Time now) {
  MQ_ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Take(dir));
  MQ_ASSIGN_OR_RETURN(std::vector<identity::CertificateInfo> all, ReadIssued(dir));
  all.push_back(issued);
  std::string text = kIssuedHeader;
  for (const identity::CertificateInfo& one : all) {
    if (one.not_after + kKeep < now) continue;
    absl::StrAppend(&text, one.serial, " ", identity::RoleName(one.id.role), " ", one.id.name, " ",
                    TimeText(one.not_before), " ", TimeText(one.not_after), "\n");
  }
  return identity::WritePublicFile(PathOf(dir), text);
}

}  // namespace mailquench::controller
