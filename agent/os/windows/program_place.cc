#include "agent/os/program_place.h"

#include <windows.h>

#include "absl/strings/str_cat.h"
#include "agent/os/windows/file_calls.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/security.h"
#include "common/os/whole_file.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// To be put in another's place, or to let somebody do so. FILE_APPEND_DATA, of a folder "make
// folders in it", is handed to users at the root of a drive and changes nothing that is there.
constexpr ACCESS_MASK kReplaces = FILE_WRITE_DATA | FILE_DELETE_CHILD | DELETE | WRITE_DAC |
                                  WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

absl::Status Refuse(const std::string& path, const std::string& who, const std::string& may) {
  return Error(absl::StatusCode::kFailedPrecondition, "PROGRAM_NOT_SAFE",
               absl::StrCat(path, " ", may, " ", who,
                            ", who could put another program there, which would run as SYSTEM; "
                            "nothing was changed. Put mailquench-agent.exe into a folder of its "
                            "own below C:\\Program Files and run it from there"));
}

absl::Status CheckOne(HANDLE handle, const std::string& path, ACCESS_MASK forbidden) {
  MQ_ASSIGN_OR_RETURN(const std::string owner, ForeignOwner(handle, path));
  if (!owner.empty()) return Refuse(path, owner, "belongs to");
  MQ_ASSIGN_OR_RETURN(const std::string writer, ForeignWriter(handle, path, forbidden));
  return writer.empty() ? absl::OkStatus() : Refuse(path, writer, "may be changed by");
}
}  // namespace

absl::Status CheckProgramPlace(const std::string& program) {
  {
    MQ_ASSIGN_OR_RETURN(const Handle file, OpenRegularFile(program, READ_CONTROL));
    MQ_RETURN_IF_ERROR(CheckOne(file.get(), program, kReplaces | FILE_APPEND_DATA));
  }
  std::string path = program;
  while (true) {
    const std::string above = os::FolderOf(path);
    if (above.empty() || above == path) return absl::OkStatus();
    // A link is refused: who may change what it leads to is not seen here.
    MQ_ASSIGN_OR_RETURN(const Handle folder, OpenFolder(above, READ_CONTROL));
    MQ_RETURN_IF_ERROR(CheckOne(folder.get(), above, kReplaces));
    path = above;
  }
}

}  // namespace mailquench::agent
