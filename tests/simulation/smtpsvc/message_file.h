// Queue files of the simulated SMTP service. A real one keeps the envelope in NTFS streams of its
// NTFS_*.EML, in a form that is not published and on a file system that there is not here; this one
// keeps it in x-sender and x-receiver lines at the file's head, as IIS writes them in Drop and
// reads them in Pickup.
#ifndef MAILQUENCH_TESTS_SIMULATION_SMTPSVC_MESSAGE_FILE_H_
#define MAILQUENCH_TESTS_SIMULATION_SMTPSVC_MESSAGE_FILE_H_

#include <optional>
#include <string>
#include <vector>

namespace mailquench::simulation {

struct Message {
  std::string sender;  // Empty: the null sender.
  std::vector<std::string> recipients;
  std::string content;  // Header and body, lines ended by CR LF.
};

// Writes it under a new NTFS_*.EML name: whole or not at all. The path, or "" where it cannot be
// written.
std::string WriteMessage(const std::string& folder, const Message& message);
// nullopt: not there any more, or no message of ours.
std::optional<Message> ReadMessage(const std::string& path);

// A message that can neither be delivered nor returned: .BAD, .BDP and .BDR with one name.
bool WriteBadMail(const std::string& folder, const Message& message, const std::string& why);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_SMTPSVC_MESSAGE_FILE_H_
