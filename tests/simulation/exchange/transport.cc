#include "tests/simulation/exchange/transport.h"

#include <chrono>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/host.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::simulation::exchange {
namespace {
constexpr int kWorkEveryMs = 20;
}  // namespace

void Transport::Note(const std::string& event) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::ofstream(SimFile(world_, server_, "events.log"), std::ios::app)
      << absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()) << " " << event
      << "\n";
}

void Transport::WriteStatus() {
  const Json status = {{"pid", agent::ProcessId()},
                       {"control", control_address_},
                       {"database", store_->database_id()},
                       {"resubmitted", resubmitted_.load()},
                       {"proxy_secret", secret_}};
  (void)agent::WriteFileAtomically(SimFile(world_, server_, "transport.json"), status.dump());
}

void Transport::Every(int milliseconds, void (Transport::*work)()) {
  while (!ended_) {
    (this->*work)();
    for (int slept = 0; slept < milliseconds && !ended_; slept += kWorkEveryMs)
      std::this_thread::sleep_for(std::chrono::milliseconds(kWorkEveryMs));
  }
}

absl::Status Transport::Start() {
  if (!ended_) return absl::OkStatus();
  os::StartSockets();
  os::IgnoreBrokenPipes();
  if (ReadOptions(world_, server_).die_in_start)
    return absl::AbortedError("it ends in its start, as it is told");
  MQ_RETURN_IF_ERROR(agent::MakeDirectories(SimFile(world_, server_, "delivered"), 0755));
  std::string event;
  MQ_ASSIGN_OR_RETURN(
      store_, Store::Open(server_, ReadDatabasePaths(ServerFolder(world_, server_)), &event));
  if (!event.empty()) Note(event);
  secret_ = NewGuid();
  resubmitted_ = 0;
  heard_.clear();
  ended_ = false;
  control_address_ = control_.Start(ReadOptions(world_, server_).control_address);
  WriteStatus();
  ResumeFolders();
  listeners_.Start();
  threads_.emplace_back([this] { Every(kWorkEveryMs, &Transport::Categorise); });
  threads_.emplace_back([this] { Every(kWorkEveryMs, &Transport::DeliverInside); });
  threads_.emplace_back([this] { Every(kWorkEveryMs, &Transport::DeliverOutside); });
  threads_.emplace_back([this] { Every(kWorkEveryMs, &Transport::Heartbeat); });  // Paces itself.
  threads_.emplace_back([this] { Every(kWorkEveryMs, &Transport::PollFolders); });
  return absl::OkStatus();
}

absl::Status Transport::Stop() {
  if (ended_.exchange(true)) return absl::OkStatus();
  listeners_.Stop();
  control_.Stop();
  for (std::thread& one : threads_) one.join();
  threads_.clear();
  (void)agent::RemoveFile(SimFile(world_, server_, "transport.json"));
  const absl::Status closed = store_->Close();
  if (!closed.ok()) Note(absl::StrCat("the queue database was not committed: ", closed.message()));
  store_.reset();
  return closed;
}

Transport::Pressure Transport::PressureNow() {
  const TransportOptions options = ReadOptions(world_, server_);
  const auto waiting = static_cast<std::int64_t>(store_->CountOf(kSubmission));
  if (waiting > options.submission_high) return Pressure::kHigh;
  if (waiting > options.submission_medium) return Pressure::kMedium;
  if (options.min_free_bytes <= 0) return Pressure::kNormal;
  const auto free = agent::FreeBytes(ReadDatabasePaths(ServerFolder(world_, server_)).database);
  return free.ok() && *free < options.min_free_bytes ? Pressure::kMedium : Pressure::kNormal;
}

std::string Transport::RefuseNow() {
  return PressureNow() == Pressure::kNormal ? "" : "452 4.3.1 Insufficient system resources";
}

absl::Status Transport::Accept(Item item, const std::string& event_source) {
  const auto settings = SettingsNow();
  ReadHeader(item, settings->Fqdn());
  item.received = absl::Now();
  if (!store_->InPlace()) {
    Note("the queue database was moved away while the transport ran");
    return absl::UnavailableError("421 4.3.0 The queue database is gone");
  }
  item.number = store_->Reserve();
  const bool shadowed = SendShadow(item);
  absl::Status done = absl::OkStatus();
  const auto config = settings->organisation().find("transport_config");
  if (!shadowed && config != settings->organisation().end() && config->is_object() &&
      BoolIn(*config, "RejectMessageOnShadowFailure", false)) {
    done = absl::UnavailableError("450 4.5.1 Message could not be shadowed");
  } else {
    done = store_->Add(item);
    if (!done.ok()) {
      Note(absl::StrCat("a message could not be stored: ", done.message()));
      done = absl::ResourceExhaustedError("452 4.3.1 Insufficient system resources");
    }
  }
  store_->Release(item.number);
  if (done.ok()) tracking_.Write(*settings, event_source, "RECEIVE", item);
  return done;
}

std::string Transport::Take(const Envelope& envelope) {
  const auto settings = SettingsNow();
  Item item;
  item.sender = envelope.sender;
  item.recipients = envelope.recipients;
  item.client_ip = envelope.client_ip;
  item.source = "SMTP:" + envelope.connector;
  item.connector = envelope.connector;
  item.content = std::make_shared<std::string>(absl::StrCat(
      "Received: from ", envelope.helo, " (", envelope.client_ip, ") by ", settings->Fqdn(), " (",
      envelope.client_ip, ") with Microsoft SMTP Server id 15.2.1544.4; ",
      absl::FormatTime("%a, %d %b %E4Y %H:%M:%S +0000", absl::Now(), absl::UTCTimeZone()), "\r\n",
      envelope.content));
  ReadHeader(item, settings->Fqdn());
  const absl::Status done = Accept(item, "SMTP");
  if (!done.ok()) return std::string(done.message());
  return absl::StrCat("250 2.6.0 ", item.message_id, " Queued mail for delivery");
}

}  // namespace mailquench::simulation::exchange
