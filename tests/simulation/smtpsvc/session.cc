// The SMTP dialogues of the simulated service, with the replies of the real one.
#include <chrono>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/simulation/common/smtp_words.h"
#include "tests/simulation/smtpsvc/virtual_server.h"

namespace mailquench::simulation {
namespace {

constexpr char kVersion[] = "Microsoft ESMTP MAIL Service, Version: 10.0.17763.1697";
constexpr std::uint32_t kAuthAnonymous = 1;
constexpr std::uint32_t kAuthBasic = 2;

}  // namespace

void VirtualServer::Serve(os::Socket socket) {
  const std::string client = PeerOf(socket);
  LineSocket peer(std::move(socket), ended_);
  const auto say = [&](const std::string& text) { return peer.Write(text + "\r\n"); };
  const auto flags = [&] {
    const auto value = metabase_.Read(number_, agent::smtpsvc::Property::kAuthFlags, true);
    return value.ok() && value->has_value() ? NumberOf(**value) : kAuthAnonymous;
  };
  const auto check = [&](const std::string& name, const std::string& password) {
    const auto known = options_.accounts.find(name);
    return known != options_.accounts.end() && known->second == password;
  };
  if (!say(absl::StrCat("220 ", settings_.fqdn, " ", kVersion, " ready"))) return;
  bool authenticated = false;
  bool in_mail = false;
  std::string helo;
  Message message;
  while (const std::optional<std::string> read = peer.ReadLine()) {
    const std::string& line = *read;
    const std::string verb = VerbOf(line);
    bool goes_on = true;
    if (verb == "EHLO" || verb == "HELO") {
      helo = line.size() > 5 ? line.substr(5) : "";
      const bool basic = (flags() & kAuthBasic) != 0;
      goes_on = say(absl::StrCat(verb == "EHLO" ? "250-" : "250 ", settings_.fqdn, " Hello [",
                                 client, "]")) &&
                (verb == "HELO" || say(absl::StrCat(basic ? "250-AUTH LOGIN PLAIN\r\n" : "",
                                                    "250-SIZE 2097152\r\n250 OK")));
    } else if (verb == "AUTH") {
      if ((flags() & kAuthBasic) == 0) {
        goes_on = say("504 5.7.4 Unrecognized authentication type");
        continue;
      }
      const auto given = ReadCredentials(peer, line);
      if (!given.has_value()) return;
      authenticated = check(given->first, given->second);
      goes_on = say(authenticated ? "235 2.7.0 Authentication successful"
                                  : "535 5.7.3 Authentication unsuccessful.");
    } else if (verb == "MAIL") {
      const std::optional<std::string> sender = PathIn(line);
      if (!authenticated && (flags() & kAuthAnonymous) == 0) {
        goes_on =
            say("530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL "
                "FROM");
      } else if (!sender.has_value()) {
        goes_on = say("501 5.5.4 Invalid Address");
      } else {
        message = {*sender, {}, ""};
        in_mail = true;
        goes_on = say(absl::StrCat("250 2.1.0 ", *sender, "....Sender OK"));
      }
    } else if (verb == "RCPT") {
      const std::optional<std::string> recipient = PathIn(line);
      if (!in_mail || !recipient.has_value()) {
        goes_on = say("503 5.5.2 Need mail command.");
      } else if (IsLocal(*recipient) || MayRelay(client, authenticated)) {
        message.recipients.push_back(*recipient);
        goes_on = say(absl::StrCat("250 2.1.5 ", *recipient));
      } else {
        goes_on = say(absl::StrCat("550 5.7.1 Unable to relay for ", *recipient));
      }
    } else if (verb == "DATA") {
      if (message.recipients.empty()) {
        goes_on = say("503 5.5.2 Need Rcpt command.");
        continue;
      }
      if (!say("354 Start mail input; end with <CRLF>.<CRLF>")) return;
      const std::optional<std::string> data = ReadData(peer);
      if (!data.has_value()) return;
      message.content = absl::StrCat(
          "Received: from ", helo, " ([", client, "]) by ", settings_.fqdn,
          " with Microsoft SMTPSVC(10.0.17763.1697);\r\n\t ",
          absl::FormatTime("%a, %d %b %E4Y %H:%M:%S +0000", absl::Now(), absl::UTCTimeZone()),
          "\r\n", *data);
      goes_on = say(WriteMessage(settings_.queue, message).empty()
                        ? "452 4.3.1 Out of memory"
                        : "250 2.6.0 Queued mail for delivery");
      in_mail = false;
      message = {};
    } else if (verb == "RSET") {
      in_mail = false;
      message = {};
      goes_on = say("250 2.0.0 Resetting");
    } else if (verb == "NOOP") {
      goes_on = say("250 2.0.0 OK");
    } else if (verb == "QUIT") {
      (void)say(
          absl::StrCat("221 2.0.0 ", settings_.fqdn, " Service closing transmission channel"));
      return;
    } else {
      goes_on = say("500 5.3.3 Unrecognized command");
    }
    if (!goes_on) return;
  }
}

}  // namespace mailquench::simulation
