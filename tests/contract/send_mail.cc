#include "tests/contract/send_mail.h"

#include <atomic>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/os/socket.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/common/smtp_client.h"

namespace mailquench::contract {
using simulation::Ask;
std::string SendMail(const std::string& target,
                     const std::string& sender,
                     const std::string& recipient,
                     const std::string& subject) {
  os::StartSockets();
  static const std::atomic<bool> never_ended = false;
  std::optional<simulation::LineSocket> peer = simulation::ConnectTo(target, never_ended);
  if (!peer.has_value()) return "no connection";
  std::string reply = Ask(*peer, "");
  for (const std::string& command :
       {std::string("EHLO client.test"), absl::StrCat("MAIL FROM:<", sender, ">"),
        absl::StrCat("RCPT TO:<", recipient, ">"), std::string("DATA"),
        absl::StrCat("From: <", sender, ">\r\nTo: <", recipient, ">\r\nSubject: ", subject,
                     "\r\nMessage-ID: <", subject, "@client.test>\r\n\r\ntext\r\n.")}) {
    if (reply.empty() || (reply[0] != '2' && reply[0] != '3')) return reply;
    reply = Ask(*peer, command);
  }
  (void)Ask(*peer, "QUIT");
  return reply;
}

}  // namespace mailquench::contract
