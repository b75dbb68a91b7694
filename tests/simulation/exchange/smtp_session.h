// The SMTP dialogues of both services, with the replies of Exchange.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SMTP_SESSION_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SMTP_SESSION_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "common/os/socket.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {

struct Envelope {
  std::string sender, content, client_ip, connector, helo, user;
  std::vector<std::string> recipients;
};

// What a dialogue needs of the service that holds it.
class SmtpService {
 public:
  virtual ~SmtpService() = default;
  virtual std::shared_ptr<const Settings> SettingsNow() = 0;
  virtual const char* role() const = 0;       // TransportRole of its connectors.
  virtual const char* component() const = 0;  // Its server component.
  // "" or the reply that refuses every message for now.
  virtual std::string RefuseNow() = 0;
  // Of a front end of the own server, which says so with this word; "" nobody can.
  virtual std::string proxy_secret() const { return ""; }
  // The reply to the end of DATA.
  virtual std::string Take(const Envelope& envelope) = 0;
};

// Until the client or the service ends.
void Converse(SmtpService& service, os::Socket socket, const std::atomic<bool>& ended);

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SMTP_SESSION_H_
