#include "tests/simulation/smtpsvc/smtp_service.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "nlohmann/json.hpp"

namespace mailquench::simulation {
using agent::smtpsvc::Property;

std::string SmtpService::Start() {
  if (!ended_) return "";
  os::StartSockets();
  std::string problems;
  const auto keys = metabase_.Children("");
  if (!keys.ok()) return std::string(keys.status().message());
  for (const std::string& key : *keys) {
    if (key.find_first_not_of("0123456789") != std::string::npos) continue;
    servers_.push_back(std::make_unique<VirtualServer>(metabase_, key, options_));
    const std::string why = servers_.back()->Start();
    if (!why.empty()) absl::StrAppend(&problems, "virtual server ", key, ": ", why, "\n");
  }
  ended_ = false;
  commands_ = std::thread([this] { ObeyCommands(); });
  return problems;
}

void SmtpService::Stop(const std::function<void()>& progress) {
  if (ended_.exchange(true)) return;
  commands_.join();
  for (const auto& server : servers_) server->Stop();
  for (const auto& server : servers_) {
    const auto folder = metabase_.Read(server->number(), Property::kBadMailDirectory, true);
    if (!folder.ok() || !folder->has_value()) continue;
    (void)agent::ForEachEntry(TextOf(**folder),
                              [&](const agent::FolderEntry&) -> absl::StatusOr<bool> {
                                progress();
                                return true;
                              });
  }
  servers_.clear();
}

// A program asks one virtual server by writing a command into the metabase.
void SmtpService::ObeyCommands() {
  while (!ended_) {
    for (const auto& server : servers_) {
      const auto command = metabase_.Read(server->number(), Property::kServerCommand, false);
      if (!command.ok() || !command->has_value()) continue;
      const std::uint32_t wanted = NumberOf(**command);
      if (wanted == 1) (void)server->Start();
      if (wanted == 2) server->Stop();
      if (wanted != 0)
        (void)metabase_.Write(server->number(), Property::kServerCommand, MakeNumber(0));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Options ReadOptions(const std::string& path) {
  Options options;
  const auto text = agent::ReadFile(path);
  if (!text.ok()) return options;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return options;
  options.deliver_to = json.value("deliver_to", std::string());
  options.deliver_every_ms = json.value("deliver_every_ms", options.deliver_every_ms);
  if (json.contains("accounts"))
    options.accounts = json["accounts"].get<std::map<std::string, std::string>>();
  return options;
}

}  // namespace mailquench::simulation
