// One virtual server of the simulated SMTP service: its listeners, its sessions and its deliveries,
// by what the metabase says at the moment of each.
#ifndef MAILQUENCH_TESTS_SIMULATION_SMTPSVC_VIRTUAL_SERVER_H_
#define MAILQUENCH_TESTS_SIMULATION_SMTPSVC_VIRTUAL_SERVER_H_

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "agent/mail/smtpsvc/metabase.h"
#include "common/os/socket.h"
#include "tests/simulation/common/acceptor.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/smtpsvc/message_file.h"

namespace mailquench::simulation {

struct Options {
  std::string deliver_to;  // Numeric "ADDRESS:PORT" of the next hop for all that is not local;
                           // empty: nothing leaves.
  std::map<std::string, std::string> accounts;  // Name, password.
  int deliver_every_ms = 200;
};

// What the metabase says of one virtual server.
struct Settings {
  std::string queue, badmail, drop;
  std::string fqdn;
  std::vector<std::pair<std::string, int>> bindings;
  std::vector<std::string> local_domains;  // In lower case.
};

class VirtualServer {
 public:
  VirtualServer(agent::smtpsvc::Metabase& metabase, std::string number, const Options& options)
      : metabase_(metabase), number_(std::move(number)), options_(options) {}
  ~VirtualServer() { Stop(); }

  // "" or why it does not start: a queue directory that is not there (as event 429 of the real
  // one), no listener.
  std::string Start();
  void Stop();
  bool running() const { return running_; }
  const std::string& number() const { return number_; }

 private:
  std::string ReadSettings();
  void Listen();
  void Serve(os::Socket socket);
  bool MayRelay(const std::string& client, bool authenticated);
  bool IsLocal(const std::string& recipient) const;
  void Deliver();
  void DeliverAll();
  void GiveBack(const Message& message, const std::string& why);

  agent::smtpsvc::Metabase& metabase_;
  const std::string number_;
  const Options& options_;
  Settings settings_;
  std::vector<os::Socket> listeners_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> running_ = false;
  std::thread accepting_, delivering_;
  Acceptor acceptor_{ended_, [this](os::Socket socket) { Serve(std::move(socket)); }};
};

// Text and number of a value of the metabase.
std::string TextOf(const agent::smtpsvc::MetabaseValue& value);
std::vector<std::string> TextsOf(const agent::smtpsvc::MetabaseValue& value);
std::uint32_t NumberOf(const agent::smtpsvc::MetabaseValue& value);
agent::smtpsvc::MetabaseValue MakeNumber(std::uint32_t number);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_SMTPSVC_VIRTUAL_SERVER_H_
