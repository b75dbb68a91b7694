// The simulated MSExchangeTransport of one server of a world. What it stands for, and how far, is
// in tests/exchange_sim/README.md.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_TRANSPORT_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_TRANSPORT_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/exchange/control.h"
#include "tests/simulation/exchange/listeners.h"
#include "tests/simulation/exchange/options.h"
#include "tests/simulation/exchange/settings.h"
#include "tests/simulation/exchange/smtp_session.h"
#include "tests/simulation/exchange/store.h"
#include "tests/simulation/exchange/tracking.h"

namespace mailquench::simulation::exchange {

class Transport final : public SmtpService {
 public:
  Transport(const std::string& world, const std::string& server)
      : world_(world), server_(server), settings_(world, server), tracking_(world, server) {}
  ~Transport() override { (void)Stop(); }

  // Loads or makes its queue database, and works when this returns.
  absl::Status Start();
  // A clean stop: what is being delivered is waited for, and everything is in mail.que. Its error
  // is that of the commit.
  absl::Status Stop();
  int resubmitted() const { return resubmitted_; }  // Shadow copies it took over since it started.

  std::shared_ptr<const Settings> SettingsNow() override { return settings_.Now(); }
  const char* role() const override { return "HubTransport"; }
  const char* component() const override { return "HubTransport"; }
  std::string RefuseNow() override;
  std::string proxy_secret() const override { return secret_; }
  std::string Take(const Envelope& envelope) override;

 private:
  enum class Pressure { kNormal, kMedium, kHigh };
  Pressure PressureNow();
  // Durable, with a shadow copy where there can be one, when it returns. `event_source`: of its
  // RECEIVE in the tracking log.
  absl::Status Accept(Item item, const std::string& event_source);
  void Note(const std::string& event);  // Into sim/events.log.
  void WriteStatus();
  void Every(int milliseconds, void (Transport::*work)());  // On the calling thread, until it ends.

  // categorise.cc
  void Categorise();
  void Route(const Item& item, const Settings& settings);
  void ReturnToSender(const Item& item, const std::string& why);
  void Fail(const Item& item, const std::string& source, const std::string& why);
  // deliver.cc
  void DeliverInside();
  void DeliverOutside();
  void DeliverTo(const Place& place);
  bool DeliverOver(LineSocket& peer, const Item& item);
  absl::Time NextTry() const;
  void TakeItsTime();
  // pickup.cc
  std::string WatchedFolder(bool replay) const;
  // At the start: what a service that was killed had taken is taken again.
  void ResumeFolders();
  void PollFolders();
  void TakeFile(const std::string& folder, const std::string& name, bool replay);
  // shadow.cc
  bool SendShadow(const Item& item);
  void Heartbeat();
  void Hear(const std::string& primary, const std::vector<Store::Shadow>& copies);
  void Resubmit(const std::string& primary, const std::vector<std::int64_t>& keys);
  nlohmann::json TakeShadow(const nlohmann::json& request);
  nlohmann::json TellDelivered(const nlohmann::json& request);
  // requests.cc
  nlohmann::json Answer(const nlohmann::json& request);
  nlohmann::json Submit(const nlohmann::json& request);
  nlohmann::json Remove(const nlohmann::json& request);

  const std::string world_, server_;
  SettingsReader settings_;
  Tracking tracking_;
  std::unique_ptr<Store> store_;
  std::string secret_, control_address_;
  std::atomic<bool> ended_ = true;
  std::atomic<int> resubmitted_ = 0;
  std::mutex mu_;
  std::map<std::string, absl::Time> heard_;  // Of primaries whose copies it has; guarded by mu_.
  std::vector<std::thread> threads_;
  ControlPort control_{[this](const nlohmann::json& request) { return Answer(request); }};
  Listeners listeners_{*this};
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_TRANSPORT_H_
