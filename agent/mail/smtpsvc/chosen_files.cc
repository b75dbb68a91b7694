#include "agent/mail/smtpsvc/chosen_files.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr std::size_t kLongest = std::size_t{1} << 30;

absl::Status BadList(const std::string& path) {
  return Error(absl::StatusCode::kDataLoss, "BAD_LIST",
               absl::StrCat(path, " is damaged; no message was touched, look at the file by hand"));
}

// Lines "FOLDER BYTES NAME"; the totals end the list: one without them is not whole.
absl::StatusOr<ChosenFiles> Parse(const std::string& path,
                                  const std::string& text,
                                  std::size_t folders) {
  ChosenFiles out;
  out.repeated = true;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(line, "= ")) {
      const std::vector<std::string> n = absl::StrSplit(line, ' ');
      ScanTotals& t = out.totals;
      if (n.size() == 6 && absl::SimpleAtoi(n[1], &t.messages) &&
          absl::SimpleAtoi(n[2], &t.bytes) && absl::SimpleAtoi(n[3], &t.matching) &&
          absl::SimpleAtoi(n[4], &t.matching_bytes) && absl::SimpleAtoi(n[5], &t.unreadable))
        return out;
      break;
    }
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    ChosenFile file;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &file.folder) || file.folder >= folders ||
        !absl::SimpleAtoi(parts[1], &file.bytes) || !IsPlainName(parts[2]))
      break;
    file.name = parts[2];
    out.files.push_back(std::move(file));
  }
  return BadList(path);
}
}  // namespace

absl::StatusOr<ChosenFiles> ChooseOnce(const std::string& list,
                                       const std::vector<ScannedFolder>& folders,
                                       const Filter& filter,
                                       const Disk& disk,
                                       const CallContext& context) {
  const absl::StatusOr<std::string> there = ReadFile(list, kLongest);
  if (there.ok()) return Parse(list, *there, folders.size());
  if (!absl::IsNotFound(there.status())) return there.status();
  ChosenFiles out;
  std::string text;
  // "All" is all: what cannot be read would else stay for ever.
  const Unreadable unreadable = filter.MatchesEverything() ? Unreadable::kTake : Unreadable::kLeave;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(const ScanTotals totals,
                        ScanMessages(
                            folders[i].path, folders[i].badmail, filter, disk, context,
                            [&](const std::string& name, const MessageFacts& facts) {
                              // One whose name cannot be written down stays where it is.
                              if (!IsPlainName(name)) return absl::OkStatus();
                              absl::StrAppend(&text, i, " ", facts.bytes, " ", name, "\n");
                              out.files.push_back({i, name, facts.bytes});
                              return absl::OkStatus();
                            },
                            unreadable));
    out.totals.Add(totals);
  }
  const ScanTotals& t = out.totals;
  absl::StrAppend(&text, "= ", t.messages, " ", t.bytes, " ", t.matching, " ", t.matching_bytes,
                  " ", t.unreadable, "\n");
  MQ_RETURN_IF_ERROR(WriteFileAtomically(list, text, 0600));
  return out;
}

}  // namespace mailquench::agent::smtpsvc
