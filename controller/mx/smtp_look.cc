#include "controller/mx/smtp_look.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/http/client_connection.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostReply = 8192;

struct SmtpReply {
  int code = 0;
  std::string text;  // All lines.
};

class Talk {
 public:
  explicit Talk(absl::Duration limit) : connection_(limit) {}
  absl::Status Connect(const web::HostPort& peer) { return connection_.Connect(peer); }
  absl::StatusOr<SmtpReply> Say(const std::string& line) {
    MQ_RETURN_IF_ERROR(connection_.Write(absl::StrCat(line, "\r\n")));
    return Hear();
  }
  // Lines until one whose code is followed by no hyphen (RFC 5321 section 4.2.1).
  absl::StatusOr<SmtpReply> Hear() {
    SmtpReply reply;
    while (true) {
      MQ_ASSIGN_OR_RETURN(const std::string line, Line());
      absl::StrAppend(&reply.text, reply.text.empty() ? "" : " ", line);
      if (line.size() < 3 || !absl::SimpleAtoi(line.substr(0, 3), &reply.code) ||
          reply.text.size() > kMostReply)
        return Error(absl::StatusCode::kUnavailable, "NO_SMTP", "it does not speak SMTP");
      if (line.size() == 3 || line[3] != '-') return reply;
    }
  }

 private:
  absl::StatusOr<std::string> Line() {
    while (true) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (absl::EndsWith(line, "\r")) line.pop_back();
        return line;
      }
      if (buffer_.size() > kMostReply)
        return Error(absl::StatusCode::kUnavailable, "NO_SMTP", "its line does not end");
      char bytes[1024];
      MQ_ASSIGN_OR_RETURN(const std::size_t got, connection_.Read(bytes, sizeof bytes));
      if (got == 0)
        return Error(absl::StatusCode::kUnavailable, "NO_SMTP", "it closed the connection");
      buffer_.append(bytes, got);
    }
  }

  ClientConnection connection_;
  std::string buffer_;
};

// Only a refusal to relay, or to take anything without a login, shows that it does not relay.
SmtpLook::Relay JudgeRelay(const SmtpReply& reply) {
  if (reply.code / 100 == 2) return SmtpLook::Relay::kOpen;
  if (reply.code == 530) return SmtpLook::Relay::kClosed;
  if (reply.code / 100 != 5) return SmtpLook::Relay::kUnknown;
  const std::string text = absl::AsciiStrToLower(reply.text);
  for (const char* word : {" 5.7.", "relay", "access denied", "authenticat", "authoriz"}) {
    if (absl::StrContains(text, word)) return SmtpLook::Relay::kClosed;
  }
  return SmtpLook::Relay::kUnknown;
}

absl::Status Converse(const std::string& address, int port, Talk* talk, SmtpLook* look) {
  web::HostPort peer;
  peer.host = address;
  peer.literal = true;
  peer.port = port;
  MQ_RETURN_IF_ERROR(talk->Connect(peer));
  MQ_ASSIGN_OR_RETURN(SmtpReply reply, talk->Hear());
  look->banner = Harmless(reply.text.substr(0, 200));
  look->reply = look->banner;
  if (reply.code != 220) return absl::OkStatus();
  look->answered = true;
  for (const char* line : {"EHLO probe.mailquench.invalid", "MAIL FROM:<>"}) {
    MQ_ASSIGN_OR_RETURN(reply, talk->Say(line));
    look->reply = Harmless(reply.text.substr(0, 200));
    if (reply.code / 100 == 2) continue;
    look->relay = reply.code == 530 ? SmtpLook::Relay::kClosed : SmtpLook::Relay::kUnknown;
    return absl::OkStatus();
  }
  MQ_ASSIGN_OR_RETURN(reply, talk->Say("RCPT TO:<probe@mailquench.invalid>"));
  look->reply = Harmless(reply.text.substr(0, 200));
  look->relay = JudgeRelay(reply);
  talk->Say("QUIT").status().IgnoreError();
  return absl::OkStatus();
}

}  // namespace

SmtpLook LookAtSmtp(const std::string& address, int port, absl::Duration limit) {
  SmtpLook look;
  Talk talk(limit);
  if (const absl::Status status = Converse(address, port, &talk, &look); !status.ok())
    look.reply = std::string(status.message());
  return look;
}

}  // namespace mailquench::controller::mx
