#include "tests/simulation/exchange/smtp_session.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/common/smtp_words.h"
#include "tests/simulation/exchange/access.h"
#include "tests/simulation/exchange/item.h"

namespace mailquench::simulation::exchange {
namespace {

constexpr std::size_t kMaxRecipients = 200;  // MaxRecipientsPerMessage
constexpr char kInactive[] = "421 4.3.2 Service not active";

class Session {
 public:
  Session(SmtpService& service, os::Socket socket, const std::atomic<bool>& ended)
      : service_(service),
        client_(PeerOf(socket)),
        settings_(service.SettingsNow()),
        connector_(ChooseConnector(*settings_, service.role(), LocalOf(socket), client_)),
        peer_(std::move(socket), ended) {}

  void Run() {
    if (connector_.is_null() || !IsActive()) {
      (void)Say(kInactive);
      return;
    }
    if (!Say(absl::StrCat("220 ", fqdn(), " Microsoft ESMTP MAIL Service ready"))) return;
    while (const std::optional<std::string> line = peer_.ReadLine()) {
      if (!Obey(*line)) return;
    }
  }

 private:
  std::string fqdn() const { return settings_->Fqdn(); }
  bool Say(const std::string& text) { return peer_.Write(text + "\r\n"); }
  bool IsActive() {
    return service_.SettingsNow()->Component(service_.component()) == ComponentState::kActive;
  }
  Access access() const {
    return proxied_ ? Access{true, true} : AccessOf(connector_, !envelope_.user.empty());
  }
  std::size_t MostRecipients() const {
    const auto it = connector_.find("MaxRecipientsPerMessage");
    return it != connector_.end() && it->is_number_unsigned() ? it->get<std::size_t>()
                                                              : kMaxRecipients;
  }
  void Reset() {
    in_mail_ = false;
    envelope_.sender.clear();
    envelope_.recipients.clear();
  }

  // False: the dialogue is over.
  bool Obey(const std::string& line) {
    const std::string verb = VerbOf(line);
    if (verb == "EHLO" || verb == "HELO") return Greet(line, verb == "EHLO");
    if (verb == "AUTH") return Authenticate(line);
    if (verb == "XPROXYFROM") return BeProxied(line);
    if (verb == "MAIL") return Mail(line);
    if (verb == "RCPT") return Recipient(line);
    if (verb == "DATA") return Data();
    if (verb == "RSET") {
      Reset();
      return Say("250 2.0.0 Resetting");
    }
    if (verb == "NOOP") return Say("250 2.0.0 OK");
    if (verb == "QUIT") {
      (void)Say("221 2.0.0 Service closing transmission channel");
      return false;
    }
    return Say("500 5.3.3 Unrecognized command");
  }

  bool Greet(const std::string& line, bool extended) {
    envelope_.helo = line.size() > 5 ? line.substr(5) : "";
    Reset();
    const std::string hello = absl::StrCat(fqdn(), " Hello [", client_, "]");
    if (!extended) return Say("250 " + hello);
    std::string mechanisms = HasFlag(connector_, "AuthMechanism", "Integrated") ? " NTLM" : "";
    if (OffersBasic(connector_)) mechanisms += " LOGIN PLAIN";
    return Say(absl::StrCat("250-", hello, "\r\n250-SIZE 37748736\r\n250-PIPELINING\r\n250-DSN\r\n",
                            "250-ENHANCEDSTATUSCODES\r\n",
                            mechanisms.empty() ? "" : "250-AUTH" + mechanisms + "\r\n",
                            "250-8BITMIME\r\n250 SMTPUTF8"));
  }

  bool Authenticate(const std::string& line) {
    const bool known = absl::StartsWithIgnoreCase(line, "AUTH LOGIN") ||
                       absl::StartsWithIgnoreCase(line, "AUTH PLAIN");
    if (!known || !OffersBasic(connector_))
      return Say("504 5.7.4 Unrecognized authentication type");
    const auto given = ReadCredentials(peer_, line);
    if (!given.has_value()) return false;
    if (!service_.SettingsNow()->IsPassword(given->first, given->second))
      return Say("535 5.7.3 Authentication unsuccessful");
    envelope_.user = given->first;
    return Say("235 2.7.0 Authentication successful");
  }

  // XPROXYFROM SECRET CLIENT CONNECTOR USER, the last two in base64.
  bool BeProxied(const std::string& line) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const std::string secret = service_.proxy_secret();
    if (words.size() != 5 || secret.empty() || words[1] != secret)
      return Say("550 5.7.1 Not authorized");
    proxied_ = true;
    client_ = words[2];
    proxied_connector_ = Unbase64(words[3]);
    envelope_.user = Unbase64(words[4]);
    return Say("250 XPROXYFROM accepted");
  }

  bool Mail(const std::string& line) {
    const std::optional<std::string> sender = PathIn(line);
    if (!IsActive()) {
      (void)Say(kInactive);
      return false;
    }
    if (const std::string refusal = service_.RefuseNow(); !refusal.empty()) return Say(refusal);
    if (!access().submit)
      return Say(
          envelope_.user.empty()
              ? "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during "
                "MAIL FROM"
              : "550 5.7.1 Client does not have permission to submit mail to this server");
    if (!sender.has_value()) return Say("501 5.5.4 Invalid arguments");
    Reset();
    in_mail_ = true;
    envelope_.sender = *sender;
    return Say("250 2.1.0 Sender OK");
  }

  bool Recipient(const std::string& line) {
    const std::optional<std::string> recipient = PathIn(line);
    if (!in_mail_) return Say("503 5.5.2 Need mail command");
    if (!recipient.has_value()) return Say("501 5.5.4 Invalid arguments");
    if (envelope_.recipients.size() >= MostRecipients())
      return Say("452 4.5.3 Too many recipients");
    const std::string refusal = RefuseRecipient(*service_.SettingsNow(), access(), *recipient);
    if (!refusal.empty()) return Say(refusal);
    envelope_.recipients.push_back(*recipient);
    return Say("250 2.1.5 Recipient OK");
  }

  bool Data() {
    if (envelope_.recipients.empty()) return Say("503 5.5.2 Need rcpt command");
    if (!Say("354 Start mail input; end with <CRLF>.<CRLF>")) return false;
    std::optional<std::string> content = ReadData(peer_);
    if (!content.has_value()) return false;
    envelope_.content = *std::move(content);
    envelope_.client_ip = client_;
    envelope_.connector = proxied_ ? proxied_connector_ : TextIn(connector_, "Name");
    const std::string reply = service_.Take(envelope_);
    Reset();
    return Say(reply);
  }

  SmtpService& service_;
  std::string client_;
  const std::shared_ptr<const Settings> settings_;  // As they were when it began.
  const Json& connector_;
  LineSocket peer_;
  bool proxied_ = false, in_mail_ = false;
  std::string proxied_connector_;
  Envelope envelope_;
};

}  // namespace

void Converse(SmtpService& service, os::Socket socket, const std::atomic<bool>& ended) {
  Session(service, std::move(socket), ended).Run();
}

}  // namespace mailquench::simulation::exchange
