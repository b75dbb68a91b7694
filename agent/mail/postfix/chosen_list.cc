#include "agent/mail/postfix/chosen_list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
using File = std::unique_ptr<FILE, int (*)(FILE*)>;

// One line "FOLDER/ID BYTES". Nothing else may become part of a path.
bool ParseLine(const std::string& line, Chosen& out) {
  const std::size_t space = line.find(' ');
  const std::size_t slash = line.rfind('/', space);
  if (space == std::string::npos || slash == std::string::npos) return false;
  out.folder = line.substr(0, slash);
  out.id = line.substr(slash + 1, space - slash - 1);
  if (!absl::SimpleAtoi(line.substr(space + 1), &out.bytes) || !IsQueueId(out.id)) return false;
  const std::vector<std::string> parts = absl::StrSplit(out.folder, '/');
  return std::all_of(parts.begin(), parts.end(), IsQueueId);
}

}  // namespace

absl::Status ChosenList::WriteOnce(int base,
                                   const std::vector<std::string>& queues,
                                   const Filter& filter,
                                   uid_t mail_owner,
                                   const CallContext& context) {
  if (access(path_.c_str(), F_OK) == 0) return absl::OkStatus();
  const std::string temporary = absl::StrCat(path_, ".tmp");
  unlink(temporary.c_str());
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(errno, absl::StrCat("create ", temporary));
  File file(fdopen(fd, "w"), std::fclose);
  if (file == nullptr) return SystemError(errno, absl::StrCat("open ", temporary));
  absl::StatusOr<ScanTotals> totals =
      Scan(base, queues, filter, mail_owner, context,
           [&file](const FoundFile& found, const MessageFacts& facts) {
             std::fprintf(file.get(), "%s/%s %lld\n", found.folder.c_str(), found.name.c_str(),
                          static_cast<long long>(facts.bytes));
             return absl::OkStatus();
           });
  if (!totals.ok()) {
    unlink(temporary.c_str());
    return totals.status();
  }
  // The totals end the list: a list without them is not whole.
  std::fprintf(file.get(), "= %lld %lld %lld %lld %lld\n", static_cast<long long>(totals->messages),
               static_cast<long long>(totals->bytes), static_cast<long long>(totals->matching),
               static_cast<long long>(totals->matching_bytes),
               static_cast<long long>(totals->unreadable));
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0 || fsync(fd) != 0) {
    absl::Status failed = SystemError(errno, absl::StrCat("write ", temporary));
    unlink(temporary.c_str());
    return failed;
  }
  if (rename(temporary.c_str(), path_.c_str()) != 0)
    return SystemError(errno, absl::StrCat("rename ", temporary));
  return SyncDirectory(path_.substr(0, path_.rfind('/')));
}

absl::Status ChosenList::Read(ScanTotals& totals,
                              const std::function<absl::Status(const Chosen&)>& visit) const {
  const int fd = open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path_));
  const File file(fdopen(fd, "r"), std::fclose);
  if (file == nullptr) return SystemError(errno, absl::StrCat("open ", path_));
  char* raw = nullptr;
  std::size_t room = 0;
  absl::Status status = Error(absl::StatusCode::kDataLoss, "BAD_LIST",
                              absl::StrCat(path_,
                                           " is damaged; what it has not named before stays in the "
                                           "quarantine, look at the file by hand"));
  Chosen chosen;
  for (;;) {
    const ssize_t length = getline(&raw, &room, file.get());
    if (length <= 0) break;
    std::string line(raw, static_cast<std::size_t>(length));
    if (!line.empty() && line.back() == '\n') line.pop_back();
    if (line.compare(0, 2, "= ") == 0) {
      const std::vector<std::string> n = absl::StrSplit(line, ' ');
      if (n.size() == 6 && absl::SimpleAtoi(n[1], &totals.messages) &&
          absl::SimpleAtoi(n[2], &totals.bytes) && absl::SimpleAtoi(n[3], &totals.matching) &&
          absl::SimpleAtoi(n[4], &totals.matching_bytes) &&
          absl::SimpleAtoi(n[5], &totals.unreadable))
        status = absl::OkStatus();
      break;
    }
    if (!ParseLine(line, chosen)) break;
    const absl::Status visited = visit(chosen);
    if (!visited.ok()) {
      status = visited;
      break;
    }
  }
  std::free(raw);
  return status;
}

absl::StatusOr<ScanTotals> ChosenList::Totals() const {
  ScanTotals totals;
  MQ_RETURN_IF_ERROR(Read(totals, [](const Chosen&) { return absl::OkStatus(); }));
  return totals;
}

absl::Status ChosenList::ForEach(const std::function<absl::Status(const Chosen&)>& visit) const {
  ScanTotals totals;
  return Read(totals, visit);
}

}  // namespace mailquench::agent::postfix
