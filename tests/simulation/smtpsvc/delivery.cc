// How the simulated service gets rid of its queue: Drop for local recipients, one next hop for all
// others, a notification for what is refused, Badmail for what cannot even be returned.
#include <algorithm>
#include <chrono>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "tests/simulation/common/smtp_client.h"
#include "tests/simulation/smtpsvc/virtual_server.h"

namespace mailquench::simulation {
namespace {

constexpr int kOnePass = 500;

}  // namespace

void VirtualServer::GiveBack(const Message& message, const std::string& why) {
  if (message.sender.empty()) {
    (void)WriteBadMail(settings_.badmail, message, why);
    return;
  }
  const Message notification = {
      "",
      {message.sender},
      absl::StrCat("From: postmaster@", settings_.fqdn, "\r\nTo: ", message.sender,
                   "\r\nSubject: Delivery Status Notification (Failure)\r\n\r\n", why, "\r\n")};
  (void)WriteMessage(settings_.queue, notification);
}

void VirtualServer::DeliverAll() {
  std::vector<std::string> files;
  (void)agent::ForEachEntry(settings_.queue,
                            [&](const agent::FolderEntry& entry) -> absl::StatusOr<bool> {
                              if (entry.kind == agent::FolderEntry::Kind::kFile &&
                                  absl::EndsWithIgnoreCase(entry.name, ".eml"))
                                files.push_back(absl::StrCat(settings_.queue, "/", entry.name));
                              return static_cast<int>(files.size()) < kOnePass;
                            });
  std::optional<LineSocket> next_hop;
  for (const std::string& file : files) {
    if (ended_) return;
    const std::optional<Message> message = ReadMessage(file);
    if (!message.has_value()) continue;
    if (std::all_of(message->recipients.begin(), message->recipients.end(),
                    [&](const std::string& one) { return IsLocal(one); })) {
      if (!settings_.drop.empty() && !WriteMessage(settings_.drop, *message).empty())
        (void)agent::RemoveFile(file);
      continue;
    }
    if (options_.deliver_to.empty()) continue;
    if (!next_hop.has_value()) {
      next_hop = ConnectTo(options_.deliver_to, ended_);
      if (!next_hop.has_value() || !IsGood(Ask(*next_hop, "")) ||
          !IsGood(Ask(*next_hop, "HELO " + settings_.fqdn)))
        return;
    }
    const std::string reply =
        Hand(*next_hop, message->sender, message->recipients, message->content);
    if (reply.empty()) return;  // It is gone; later.
    if (reply[0] == '4') continue;
    if (reply[0] == '5') GiveBack(*message, reply);
    (void)agent::RemoveFile(file);
  }
  if (next_hop.has_value()) (void)Ask(*next_hop, "QUIT");
}

void VirtualServer::Deliver() {
  while (!ended_) {
    DeliverAll();
    for (int slept = 0; slept < options_.deliver_every_ms && !ended_; slept += 20)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace mailquench::simulation
