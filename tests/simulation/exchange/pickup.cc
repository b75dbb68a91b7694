// The Pickup and Replay folders.
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "tests/simulation/exchange/transport.h"

namespace mailquench::simulation::exchange {
namespace {

constexpr std::size_t kOnePickup = 100;

// One header field at the head of a message, with its folded lines.
struct Field {
  std::size_t size = 0;  // 0: there is none.
  std::string name, value;
};
Field FieldAt(const std::string& text, std::size_t at) {
  std::size_t end = at;
  do {
    const std::size_t line = text.find('\n', end);
    if (line == std::string::npos) return {};
    end = line + 1;
  } while (end < text.size() && (text[end] == ' ' || text[end] == '\t'));
  const std::size_t colon = text.find(':', at);
  if (colon >= end) return {};
  return {end - at, std::string(absl::StripAsciiWhitespace(text.substr(at, colon - at))),
          std::string(absl::StripAsciiWhitespace(text.substr(colon + 1, end - colon - 1)))};
}

// As the documentation of the Replay directory (Exchange 2013) has it: X-headers stand before all
// regular header fields, and X-EndOfInjectedXHeaders may mark the last of them; one X-Sender, at
// least one X-Receiver; X-CreatedBy is not blank; a blank line ends the header. Others than its own
// stay in the message. That the size in the mark is looked at is not documented. False: badmail.
bool ParseReplay(const std::string& text, Item& item) {
  if (text.find("\n\n") == std::string::npos && text.find("\n\r\n") == std::string::npos)
    return false;
  int senders = 0;
  bool marked = false;
  std::string kept;
  std::size_t at = 0;
  while (!marked) {
    const Field field = FieldAt(text, at);
    if (field.size == 0 || !absl::StartsWithIgnoreCase(field.name, "X-")) break;
    const auto is = [&](const char* name) { return absl::EqualsIgnoreCase(field.name, name); };
    if (is("X-Sender")) {
      ++senders;
      item.sender = AddressIn(field.value);
    } else if (is("X-Receiver")) {
      item.recipients.push_back(AddressIn(field.value));
      if (item.recipients.back().empty()) return false;
    } else if (is("X-CreatedBy")) {
      if (field.value.empty()) return false;
    } else if (is("X-EndOfInjectedXHeaders")) {
      marked = true;
    } else if (!is("X-ExtendedMessageProps") && !is("X-HeloDomain") && !is("X-Source") &&
               !is("X-SourceIPAddress")) {
      kept += text.substr(at, field.size);
    }
    at += field.size;
  }
  item.content = std::make_shared<std::string>(kept + text.substr(at));
  return senders == 1 && !item.recipients.empty();
}

bool ParsePickup(std::string text, Item& item) {
  item.sender = AddressIn(HeaderOf(text, "From"));
  for (const char* name : {"To", "Cc", "Bcc"}) {
    for (const absl::string_view one : absl::StrSplit(HeaderOf(text, name), ',')) {
      const std::string address = AddressIn(std::string(one));
      if (!DomainOf(address).empty()) item.recipients.push_back(address);
    }
  }
  item.content = std::make_shared<std::string>(std::move(text));
  return !item.sender.empty() && !item.recipients.empty();
}

std::vector<std::string> FilesIn(const std::string& folder, const char* extension) {
  std::vector<std::string> names;
  (void)agent::ForEachEntry(folder, [&](const agent::FolderEntry& entry) -> absl::StatusOr<bool> {
    if (entry.kind == agent::FolderEntry::Kind::kFile &&
        absl::EndsWithIgnoreCase(entry.name, extension))
      names.push_back(entry.name);
    return names.size() < kOnePickup;
  });
  return names;
}

// One that is there already is not replaced: the new name has the time in it.
std::string Rename(const std::string& from, const std::string& stem, const char* extension) {
  std::string to = stem + extension;
  const absl::Status moved = agent::MoveEntry(from, to);
  if (moved.ok()) return to;
  if (!absl::IsAlreadyExists(moved)) return "";
  std::string other =
      stem + absl::FormatTime("%Y%m%d%H%M%E6S", absl::Now(), absl::UTCTimeZone()) + extension;
  return agent::MoveEntry(from, other).ok() ? other : "";
}

}  // namespace

void Transport::TakeFile(const std::string& folder, const std::string& name, bool replay) {
  const std::string stem = folder + "/" + name.substr(0, name.size() - 4);
  const std::string taken = Rename(folder + "/" + name, stem, ".tmp");
  if (taken.empty()) return;
  const auto text = agent::ReadFile(taken);
  if (!text.ok()) return;
  Item item;
  item.source = replay ? "Replay" : "Pickup";
  item.client_ip = "";
  if (!(replay ? ParseReplay(*text, item) : ParsePickup(*text, item))) {
    (void)Rename(taken, stem, ".bad");
    return;
  }
  if (Accept(std::move(item), replay ? "REPLAY" : "PICKUP").ok())
    (void)agent::RemoveFile(taken);
  else
    (void)agent::MoveEntry(taken, stem + ".eml");
}

std::string Transport::WatchedFolder(bool replay) const {
  return absl::StrCat(ServerFolder(world_, server_), "/TransportRoles/",
                      replay ? "Replay" : "Pickup");
}

void Transport::ResumeFolders() {
  for (const bool replay : {false, true}) {
    const std::string folder = WatchedFolder(replay);
    for (const std::string& name : FilesIn(folder, ".tmp")) {
      const std::string stem = absl::StrCat(folder, "/", name.substr(0, name.size() - 4));
      (void)agent::MoveEntry(stem + name.substr(name.size() - 4), stem + ".eml");
    }
  }
}

void Transport::PollFolders() {
  const auto settings = SettingsNow();
  if (settings->Component(component()) == ComponentState::kActive) {
    for (const bool replay : {false, true}) {
      const std::string folder = WatchedFolder(replay);
      for (const std::string& name : FilesIn(folder, ".eml")) {
        if (ended_ || PressureNow() != Pressure::kNormal) break;
        TakeFile(folder, name, replay);
      }
    }
  }
  const absl::Time next =
      absl::Now() + absl::Milliseconds(ReadOptions(world_, server_).pickup_every_ms);
  while (!ended_ && absl::Now() < next) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace mailquench::simulation::exchange
