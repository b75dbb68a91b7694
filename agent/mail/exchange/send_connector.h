// A send connector, and where it leads.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SEND_CONNECTOR_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SEND_CONNECTOR_H_

#include <map>
#include <string>
#include <vector>

#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

struct SendConnector {
  std::string name;
  std::string identity;  // For -Identity: the GUID where there is one, else the name.
  bool enabled = false;
  std::vector<std::string> address_spaces;  // "SMTP:*;1", "*.partner.test"
  std::vector<std::string> source_servers;  // Names alone; empty on an Edge server.
  bool through_front_end = false;
  std::string tls_domain;  // That the next host's certificate must have; "": none.
  // What egress.set writes, each as a text: SourceIPAddress, Fqdn ("" where there is none),
  // SmartHosts (without brackets, a comma between two), DNSRoutingEnabled, SmartHostAuthMechanism,
  // Port. One that was not shown is missing.
  std::map<std::string, std::string> properties;
};

// The properties that SendConnectorFrom() takes.
std::vector<std::string> SendConnectorFields();
SendConnector SendConnectorFrom(const Row& row);

// Whether it is for mail to everybody ("*" of SMTP), whatever its cost.
bool LeadsEverywhere(const SendConnector& connector);

// The hosts of a text as in `properties`.
std::vector<std::string> SmartHostList(const std::string& text);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SEND_CONNECTOR_H_
