// Mail over a real SMTP connection, and ports for servers of a test's own; on every platform.
#ifndef MAILQUENCH_TESTS_CONTRACT_SEND_MAIL_H_
#define MAILQUENCH_TESTS_CONTRACT_SEND_MAIL_H_

#include <string>

#include "tests/simulation/common/line_socket.h"

namespace mailquench::contract {

// The reply that decided: "250 ..." is queued mail. `target`: numeric "ADDRESS:PORT".
std::string SendMail(const std::string& target,
                     const std::string& sender,
                     const std::string& recipient,
                     const std::string& subject);
// Of 127.0.0.1, free a moment ago.
using simulation::FreePort;

}  // namespace mailquench::contract

#endif  // MAILQUENCH_TESTS_CONTRACT_SEND_MAIL_H_
