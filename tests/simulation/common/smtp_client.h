// The client's side of an SMTP dialogue.
#ifndef MAILQUENCH_TESTS_SIMULATION_COMMON_SMTP_CLIENT_H_
#define MAILQUENCH_TESTS_SIMULATION_COMMON_SMTP_CLIENT_H_

#include <string>
#include <vector>

#include "tests/simulation/common/line_socket.h"

namespace mailquench::simulation {

// Sends a command ("" sends none). The last line of the reply; "" where the connection is gone.
std::string Ask(LineSocket& peer, const std::string& command);
bool IsGood(const std::string& reply);
// Hands one message over. The deciding reply.
std::string Hand(LineSocket& peer,
                 const std::string& sender,
                 const std::vector<std::string>& recipients,
                 const std::string& content);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_COMMON_SMTP_CLIENT_H_
