#include "agent/mail/exchange/replay.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kNoted, "exchange.release.noted");
MQ_DEFINE_FAULT_POINT(kWritten, "exchange.release.written");
MQ_DEFINE_FAULT_POINT(kPutAway, "exchange.release.put_away");
MQ_DEFINE_FAULT_POINT(kPosted, "exchange.release.posted");
MQ_DEFINE_FAULT_POINT(kTakenBack, "exchange.release.taken_back");
MQ_DEFINE_FAULT_POINT(kMarked, "exchange.release.marked");

// Not looked at by Transport.
constexpr char kDraft[] = ".mailquench", kBack[] = ".mailquench-back";

std::string SentOf(const Parcel& parcel) {
  return parcel.source + kSent;
}
// Only what is said not to be there is not there: on its absence the last copy is deleted.
absl::StatusOr<bool> Is(const std::string& path) {
  const absl::Status there = IdentityOf(path).status();
  if (absl::IsNotFound(there)) return false;
  if (!there.ok()) return there;
  return true;
}

// Beside the source: the folder that it was given to, by its number and its path. Another one in
// its place, after a whole quarantine, says nothing of what became of the message; a path that was
// changed in Transport's settings since leaves it where it was put.
struct Note {
  std::string identity, path;
};
absl::StatusOr<std::string> NumberOf(const std::string& folder) {
  MQ_ASSIGN_OR_RETURN(const FileIdentity now, IdentityOf(folder));
  return absl::StrCat(now.volume, " ", now.number);
}
absl::StatusOr<Note> ReadNote(const Parcel& parcel) {
  const absl::StatusOr<std::string> text = ReadFile(parcel.source + kFolderNote);
  if (absl::IsNotFound(text.status())) return Note{"", parcel.folder};
  MQ_RETURN_IF_ERROR(text.status());
  const std::pair<std::string, std::string> lines = absl::StrSplit(*text, absl::MaxSplits('\n', 1));
  return Note{lines.first, lines.second.empty() ? parcel.folder : lines.second};
}

std::string At(const std::string& folder, const Parcel& parcel, const char* extension) {
  return JoinPath(folder, parcel.stem + extension);
}

// In the order in which Transport renames it, and once more for .tmp, which its restart names .eml
// again: none is missed between two looks.
absl::StatusOr<std::optional<ParcelState>> FileIn(const std::string& folder, const Parcel& parcel) {
  for (const auto& [extension, state] :
       {std::pair(".bad", ParcelState::kRefused), std::pair(kBack, ParcelState::kRefused),
        std::pair(kDraft, ParcelState::kWaiting), std::pair(".eml", ParcelState::kWaiting),
        std::pair(".tmp", ParcelState::kAtWork), std::pair(".bad", ParcelState::kRefused),
        std::pair(".eml", ParcelState::kWaiting)}) {
    MQ_ASSIGN_OR_RETURN(const bool there, Is(At(folder, parcel, extension)));
    if (there) return std::optional(state);
  }
  return std::optional<ParcelState>();
}

struct Found {
  ParcelState state = ParcelState::kHere;
  std::string folder;  // That its file is in.
};

absl::StatusOr<Found> Find(const Parcel& parcel) {
  MQ_ASSIGN_OR_RETURN(const bool sent, Is(SentOf(parcel)));
  if (!sent) return Found();
  MQ_ASSIGN_OR_RETURN(const Note note, ReadNote(parcel));
  if (!note.path.empty()) {
    MQ_ASSIGN_OR_RETURN(const std::optional<ParcelState> state, FileIn(note.path, parcel));
    if (state) return Found{*state, note.path};
  }
  for (const std::string& folder : parcel.aside) {
    MQ_ASSIGN_OR_RETURN(const std::optional<ParcelState> state, FileIn(folder, parcel));
    if (!state) continue;
    return Found{*state == ParcelState::kAtWork ? ParcelState::kCutShort : ParcelState::kAside,
                 folder};
  }
  // After all looks: it was the same folder at each. Wherever it is now, Transport took the file
  // out of it.
  std::vector<std::string> folders = parcel.aside;
  if (!note.path.empty()) folders.push_back(note.path);
  for (const std::string& folder : folders) {
    const absl::StatusOr<std::string> number = NumberOf(folder);
    if (!number.ok() && !absl::IsNotFound(number.status())) return number.status();
    if (number.ok() && *number == note.identity) return Found{ParcelState::kTaken, folder};
  }
  return Found{ParcelState::kLost, ""};
}

absl::Status PutSourceBack(const Parcel& parcel) {
  MQ_RETURN_IF_ERROR(MoveEntry(SentOf(parcel), parcel.source));
  return RemoveFile(parcel.source + kFolderNote);
}
}  // namespace

bool IsSent(const Parcel& parcel) {
  const absl::StatusOr<bool> sent = Is(SentOf(parcel));
  if (!sent.ok()) return true;
  return *sent && absl::IsNotFound(IdentityOf(parcel.source).status());
}

absl::Status Post(const Parcel& parcel, const std::string& content) {
  const std::string draft = At(parcel.folder, parcel, kDraft);
  MQ_ASSIGN_OR_RETURN(const bool here, Is(parcel.source));
  MQ_ASSIGN_OR_RETURN(const bool other, Is(SentOf(parcel)));
  if (here && other)
    return Error(
        absl::StatusCode::kDataLoss, "UNREADABLE",
        absl::StrCat("beside a message that was set aside is a file with its name and ", kSent,
                     ", which is not the agent's; it stays in the quarantine; look "
                     "who put it there, and rename it"));
  if (!IsSent(parcel)) {
    MQ_RETURN_IF_ERROR(RemoveFile(At(parcel.folder, parcel, kBack)));
    MQ_ASSIGN_OR_RETURN(const std::string number, NumberOf(parcel.folder));
    const std::string note = absl::StrCat(number, "\n", parcel.folder);
    MQ_RETURN_IF_ERROR(WriteFileAtomically(parcel.source + kFolderNote, note, 0600));
    MQ_FAULT_POINT(kNoted);
    // With the rights of its folder: Transport runs as another account.
    absl::Status written = WriteFileAtomically(draft, content, 0640);
    if (!written.ok()) {  // A full disk: it is as it was.
      RemoveFile(parcel.source + kFolderNote).IgnoreError();
      return written;
    }
    MQ_FAULT_POINT(kWritten);
    MQ_RETURN_IF_ERROR(MoveEntry(parcel.source, SentOf(parcel)));
    MQ_FAULT_POINT(kPutAway);
  }
  absl::Status moved = MoveEntry(draft, At(parcel.folder, parcel, ".eml"));
  if (!moved.ok() && !absl::IsNotFound(moved)) return moved;  // Not found: it was there already.
  MQ_FAULT_POINT(kPosted);
  return absl::OkStatus();
}

absl::StatusOr<ParcelState> Look(const Parcel& parcel) {
  MQ_ASSIGN_OR_RETURN(const Found found, Find(parcel));
  return found.state;
}

absl::Status PutBackUnsure(const Parcel& parcel) {
  MQ_RETURN_IF_ERROR(WriteFileAtomically(parcel.source + kUnsureMark, "", 0600));
  MQ_FAULT_POINT(kMarked);
  return PutSourceBack(parcel);
}

absl::Status Forget(const Parcel& parcel) {
  MQ_RETURN_IF_ERROR(RemoveFile(SentOf(parcel)));
  MQ_RETURN_IF_ERROR(RemoveFile(parcel.source + kUnsureMark));
  return RemoveFile(parcel.source + kFolderNote);
}

absl::StatusOr<bool> TakeBack(const Parcel& parcel) {
  MQ_ASSIGN_OR_RETURN(const Found found, Find(parcel));
  if (found.folder.empty()) return false;
  const std::string mine = At(found.folder, parcel, kBack);
  for (const char* extension : {kBack, ".bad", kDraft, ".eml"}) {
    // By a rename, which Transport's own would fail against: one of the two has it.
    const std::string there = At(found.folder, parcel, extension);
    const absl::Status moved = there == mine ? IdentityOf(mine).status() : MoveEntry(there, mine);
    if (absl::IsNotFound(moved)) continue;
    if (!moved.ok()) return moved;
    MQ_FAULT_POINT(kTakenBack);
    MQ_RETURN_IF_ERROR(PutSourceBack(parcel));
    MQ_RETURN_IF_ERROR(RemoveFile(mine));
    return true;
  }
  return false;
}

}  // namespace mailquench::agent::exchange
