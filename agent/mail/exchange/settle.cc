#include "agent/mail/exchange/settle.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
bool IsWatched(const Item& item, const std::string& label) {
  return item.label == label || item.label == label + kInside;
}

// The names before ".sent" in a folder; of a swept folder, where others may have written, only
// those that have a note as well, and no longer their own name: ours never have both.
absl::Status EachSent(const std::string& folder,
                      bool wants_note,
                      const std::function<void(const std::string&)>& visit) {
  const absl::Status walked =
      ForEachEntry(folder, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
        absl::string_view name = entry.name;
        if (entry.kind != FolderEntry::Kind::kFile || !IsPlainName(entry.name) ||
            !absl::ConsumeSuffix(&name, kSent))
          return true;
        const std::string source = JoinPath(folder, std::string(name));
        if (!wants_note || (IdentityOf(absl::StrCat(source, kFolderNote)).ok() &&
                            absl::IsNotFound(IdentityOf(source).status())))
          visit(std::string(name));
        return true;
      });
  return absl::IsNotFound(walked) ? absl::OkStatus() : walked;
}
}  // namespace

Parcel Settler::ParcelOf(const std::string& name) const {
  const std::size_t slash = name.find('/');
  Parcel parcel;
  if (slash == std::string::npos) {
    parcel.source = Join(open_.home, {kMessages, name + ".eml"});
    parcel.folder = paths_.replay;
  } else {
    const std::string target = name.substr(0, slash);
    for (const Item& item : open_.items) {
      if (IsWatched(item, target)) parcel.source = JoinPath(item.place, name.substr(slash + 1));
    }
    parcel.folder = target == kPickupLabel ? paths_.pickup : paths_.replay;
  }
  // Nobody else's file has it, and no byte of a name that is somebody else's.
  parcel.stem = QuarantineId(absl::StrCat("mq-", open_.manifest.quarantine_id), name);
  return parcel;
}

absl::StatusOr<std::vector<std::string>> Settler::FoldersAside() const {
  const std::vector<std::string> roots = QuarantineRoots(paths_);
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::QuarantineInfo> list, ListHomes(roots, options_.disk));
  std::vector<std::string> folders;
  for (const v1::QuarantineInfo& info : list) {
    const absl::StatusOr<OpenQuarantine> one = OpenById(roots, info.quarantine_id(), options_.disk);
    if (!one.ok()) continue;  // A damaged one is a matter of its own; what is in it stays there.
    for (const Item& item : one->items) {
      if (IsWatched(item, kPickupLabel) || IsWatched(item, kReplayLabel))
        folders.push_back(item.place);
    }
  }
  return folders;
}

absl::StatusOr<bool> Settler::Settle(const Parcel& parcel, Settled& settled) {
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const ParcelState state, Look(parcel));
    switch (state) {
      case ParcelState::kHere:
        ++settled.back;
        return true;
      case ParcelState::kAtWork:
        return false;
      case ParcelState::kTaken:
        MQ_RETURN_IF_ERROR(Forget(parcel));
        ++settled.taken;
        return true;
      case ParcelState::kCutShort:
      case ParcelState::kLost:
        MQ_RETURN_IF_ERROR(PutBackUnsure(parcel));
        ++settled.unsure;
        return true;
      default: {
        MQ_ASSIGN_OR_RETURN(const bool back, TakeBack(parcel));
        if (!back) continue;  // Transport was faster.
        ++settled.back;
        return true;
      }
    }
  }
}

absl::Status Settler::SettleAll(std::vector<Parcel>& parcels,
                                const CallContext& context,
                                Settled& settled) {
  if (parcels.empty()) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> aside, FoldersAside());
  for (Parcel& parcel : parcels) parcel.aside = aside;
  for (;;) {
    absl::Status trouble;
    std::erase_if(parcels, [&](Parcel& parcel) {
      const absl::StatusOr<bool> done = Settle(parcel, settled);
      trouble.Update(done.status());
      return done.ok() && *done;
    });
    if (parcels.empty()) return absl::OkStatus();
    MQ_RETURN_IF_ERROR(context.still_wanted());
    if (absl::Now() >= context.deadline) {
      MQ_RETURN_IF_ERROR(trouble);
      return Error(absl::StatusCode::kDeadlineExceeded, "STILL_ON_ITS_WAY",
                   absl::StrCat("Transport has ", parcels.size(),
                                " files of a release in its hands and does not end (is it under "
                                "back pressure, does it hang?); the next release of this "
                                "quarantine sees to them first"));
    }
    absl::SleepFor(std::min(options_.replay_poll, context.deadline - absl::Now()));
  }
}

absl::Status Settler::SettleLeft(const CallContext& context, Settled& settled) {
  std::vector<Parcel> left;
  MQ_RETURN_IF_ERROR(EachSent(JoinPath(open_.home, kMessages), false, [&](const std::string& file) {
    left.push_back(ParcelOf(std::string(absl::StripSuffix(file, ".eml"))));
  }));
  for (const Item& item : open_.items) {
    for (const char* label : {kPickupLabel, kReplayLabel}) {
      if (!IsWatched(item, label)) continue;
      MQ_RETURN_IF_ERROR(EachSent(item.place, true, [&](const std::string& file) {
        left.push_back(ParcelOf(absl::StrCat(label, "/", file)));
      }));
    }
  }
  CallContext bounded = context;
  bounded.deadline = std::min(context.deadline, absl::Now() + options_.replay_wait);
  return SettleAll(left, bounded, settled);
}

}  // namespace mailquench::agent::exchange
