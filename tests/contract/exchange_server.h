// One simulated Exchange server whole: its folders and directory, its transport and its services in
// this process, the real PowerShell engine as its shell, and the mail system that is tested.
#ifndef MAILQUENCH_TESTS_CONTRACT_EXCHANGE_SERVER_H_
#define MAILQUENCH_TESTS_CONTRACT_EXCHANGE_SERVER_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "agent/mail/exchange/exchange_mail_system.h"
#include "agent/mail/exchange/shell.h"
#include "tests/simulation/exchange/services.h"
#include "tests/simulation/exchange/world.h"

namespace mailquench::contract {

class ExchangeServer {
 public:
  static constexpr char kName[] = "EX1";

  // "EX2013", "EX2016", "EX2019", "EXSE", or "Edge". Stopped at first; relays for everybody; its
  // send connector leads nowhere.
  explicit ExchangeServer(const std::string& version,
                          absl::Duration recovers_after = absl::Seconds(2));
  ~ExchangeServer();
  ExchangeServer(const ExchangeServer&) = delete;
  ExchangeServer& operator=(const ExchangeServer&) = delete;

  // Of the program; "" where it can run, else why not.
  static std::string WhyNot();

  // As after a start of the agent. `shell`: null, the engine.
  void Open(std::unique_ptr<agent::exchange::Shell> shell = nullptr);
  std::unique_ptr<agent::exchange::Shell> MakeShell() const;

  std::string Path(const std::string& below) const;  // Below its install path.
  std::string State(const std::string& name) const { return dir + "/state/" + name; }
  int port() const { return port_; }  // Where strangers come in.

  std::string dir;
  agent::exchange::Installation installation;
  agent::exchange::ExchangeOptions options;
  std::unique_ptr<simulation::exchange::Services> services;
  std::unique_ptr<agent::exchange::Shell> shell;
  std::unique_ptr<agent::exchange::ExchangeMailSystem> mail;

 private:
  void MakeWorld(const std::string& version);
  bool edge_ = false;
  int port_ = 0;
};

}  // namespace mailquench::contract

#endif  // MAILQUENCH_TESTS_CONTRACT_EXCHANGE_SERVER_H_
