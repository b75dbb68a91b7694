// What a server of SMTP takes out of its client's lines.
#ifndef MAILQUENCH_TESTS_SIMULATION_COMMON_SMTP_WORDS_H_
#define MAILQUENCH_TESTS_SIMULATION_COMMON_SMTP_WORDS_H_

#include <optional>
#include <string>
#include <utility>

#include "tests/simulation/common/line_socket.h"

namespace mailquench::simulation {

// In capitals: "MAIL" of "mail from:<a@b>".
std::string VerbOf(const std::string& line);
// Between < and >; nullopt: no path.
std::optional<std::string> PathIn(const std::string& line);
// Up to the lone dot, lines ended by CRLF. nullopt: the peer is gone.
std::optional<std::string> ReadData(LineSocket& peer);
// Name and password that "AUTH PLAIN" or "AUTH LOGIN" brings, asked for where the line lacks them.
// nullopt: the peer is gone.
std::optional<std::pair<std::string, std::string>> ReadCredentials(LineSocket& peer,
                                                                   const std::string& line);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_COMMON_SMTP_WORDS_H_
