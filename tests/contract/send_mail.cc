#include "tests/contract/send_mail.h"

#include <atomic>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/os/socket.h"
#include "tests/simulation/smtpsvc/line_socket.h"

namespace mailquench::contract {
namespace {

std::string Ask(simulation::LineSocket& peer, const std::string& command) {
  if (!command.empty() && !peer.Write(command + "\r\n")) return "the connection is lost";
  while (const std::optional<std::string> line = peer.ReadLine()) {
    if (line->size() < 4 || (*line)[3] != '-') return *line;
  }
  return "no reply";
}

}  // namespace

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

int FreePort() {
  os::StartSockets();
  const os::Socket socket = simulation::ListenOn("127.0.0.1", 0);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.sin_port);
}

}  // namespace mailquench::contract
