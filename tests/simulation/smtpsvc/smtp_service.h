// The simulated SMTPSVC: one service, many virtual servers, its settings in a metabase. What it
// stands for, and how far, is in docs/windows.md.
#ifndef MAILQUENCH_TESTS_SIMULATION_SMTPSVC_SMTP_SERVICE_H_
#define MAILQUENCH_TESTS_SIMULATION_SMTPSVC_SMTP_SERVICE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/mail/smtpsvc/metabase.h"
#include "tests/simulation/smtpsvc/virtual_server.h"

namespace mailquench::simulation {

class SmtpService {
 public:
  SmtpService(agent::smtpsvc::Metabase& metabase, Options options)
      : metabase_(metabase), options_(std::move(options)) {}
  ~SmtpService() {
    Stop([] {});
  }

  // One that cannot start keeps no other from it. What went wrong, a line each.
  std::string Start();
  // Looks at every file of every Badmail before it ends, as the real one does; `progress` is called
  // at each.
  void Stop(const std::function<void()>& progress);

 private:
  void ObeyCommands();

  agent::smtpsvc::Metabase& metabase_;
  const Options options_;
  std::vector<std::unique_ptr<VirtualServer>> servers_;
  std::atomic<bool> ended_ = true;
  std::thread commands_;
};

// A file of settings of the simulation: JSON with deliver_to, accounts {name: password},
// deliver_every_ms.
Options ReadOptions(const std::string& path);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_SMTPSVC_SMTP_SERVICE_H_
