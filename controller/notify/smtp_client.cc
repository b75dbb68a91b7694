#include "controller/notify/smtp_client.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/http/client_connection.h"
#include "controller/notify/words.h"

namespace mailquench::controller {
namespace {
constexpr std::size_t kMaxReply = std::size_t{64} * 1024;
constexpr std::size_t kMaxSaid = 200;

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // Without the code.

  bool ok() const { return code >= 200 && code < 300; }
  bool for_good() const { return code >= 500; }
  std::string Text() const {
    return CutTo(Harmless(absl::StrCat(code, " ", absl::StrJoin(lines, " "))), kMaxSaid);
  }
  // The keyword's line of an EHLO, in capitals; "" where it is not offered.
  std::string Offer(const std::string& keyword) const {
    for (std::size_t i = 1; i < lines.size(); ++i) {
      std::string line = absl::AsciiStrToUpper(lines[i]);
      if (line == keyword || absl::StartsWith(line, keyword + " ")) return line;
    }
    return "";
  }
};

absl::Status Said(const std::string& to, const Reply& reply) {
  return Error(absl::StatusCode::kUnavailable, "SMTP_REFUSED",
               absl::StrCat("the relay answered ", to, " with: ", reply.Text()));
}

absl::Status NotSmtp(const std::string& why) {
  return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", why);
}

class Session {
 public:
  explicit Session(const SmtpJob& job) : job_(job), connection_(job.limit, job.wanted) {}

  // Up to the point where MAIL may be said.
  absl::Status Open() {
    MQ_RETURN_IF_ERROR(connection_.Connect(job_.relay));
    MQ_ASSIGN_OR_RETURN(const Reply greeting, ReadReply());
    if (greeting.code != 220) return Said("the connection", greeting);
    MQ_ASSIGN_OR_RETURN(Reply hello, Hello());
    if (job_.starttls) {
      if (hello.Offer("STARTTLS").empty())
        return Error(
            absl::StatusCode::kUnavailable, "SMTP_REFUSED",
            "the relay offers no STARTTLS; nothing was sent. Say 'starttls: no' only where "
            "nobody else can read that network");
      MQ_ASSIGN_OR_RETURN(const Reply ready, Ask("STARTTLS"));
      if (ready.code != 220) return Said("STARTTLS", ready);
      // What came in plain text behind it would count as said inside TLS (CVE-2011-0411).
      if (!buffer_.empty()) return NotSmtp("the relay spoke before TLS had begun");
      MQ_RETURN_IF_ERROR(connection_.StartTls(job_.relay, job_.ca_file));
      MQ_ASSIGN_OR_RETURN(hello, Hello());
    }
    return job_.user.empty() ? absl::OkStatus() : LogIn(hello);
  }

  absl::StatusOr<Reply> Ask(const std::string& line) {
    MQ_RETURN_IF_ERROR(connection_.Write(absl::StrCat(line, "\r\n")));
    return ReadReply();
  }

  absl::StatusOr<Reply> Body() {
    // Dots are doubled (4.5.2), so that no line of it ends the message.
    MQ_RETURN_IF_ERROR(connection_.Write(
        absl::StrCat(absl::StartsWith(job_.message, ".") ? "." : "",
                     absl::StrReplaceAll(job_.message, {{"\r\n.", "\r\n.."}}), ".\r\n")));
    connection_.SetLimit(job_.answer_limit);
    return ReadReply();
  }

  void Quit() { static_cast<void>(connection_.Write("QUIT\r\n")); }

 private:
  absl::StatusOr<Reply> Hello() {
    MQ_ASSIGN_OR_RETURN(Reply reply, Ask(absl::StrCat("EHLO ", OwnName())));
    if (!reply.ok()) return Said("EHLO", reply);
    return reply;
  }

  absl::Status LogIn(const Reply& hello) {
    if (!connection_.tls())
      return Error(absl::StatusCode::kFailedPrecondition, "SMTP_REFUSED",
                   "a password is given over TLS alone; nothing was sent");
    if (!absl::StrContains(absl::StrCat(hello.Offer("AUTH"), " "), " PLAIN "))
      return Error(absl::StatusCode::kUnavailable, "SMTP_REFUSED",
                   "the relay offers no AUTH PLAIN; nothing was sent");
    // RFC 4616.
    const std::string plain = absl::StrCat(absl::string_view("\0", 1), job_.user,
                                           absl::string_view("\0", 1), job_.password);
    MQ_ASSIGN_OR_RETURN(const Reply reply,
                        Ask(absl::StrCat("AUTH PLAIN ", absl::Base64Escape(plain))));
    if (reply.ok()) return absl::OkStatus();
    // The code alone: a relay that does not know a line likes to say which, and this one is secret.
    return Error(absl::StatusCode::kUnavailable, "SMTP_REFUSED",
                 absl::StrCat("the relay answered the log-in with ", reply.code,
                              "; nothing was sent; check user and password_file"));
  }

  static std::string OwnName() {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    web::HostPort split;
    return web::SplitHostPort(name, &split) ? split.host : "localhost";
  }

  absl::StatusOr<std::string> ReadLine() {
    while (true) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        return line;
      }
      char chunk[4096];
      MQ_ASSIGN_OR_RETURN(const std::size_t count, connection_.Read(chunk, sizeof chunk));
      if (count == 0) return NotSmtp("the relay hung up");
      buffer_.append(chunk, count);
      if (buffer_.size() > kMaxReply) return NotSmtp("the relay's answer has no end");
    }
  }

  absl::StatusOr<Reply> ReadReply() {
    Reply reply;
    std::size_t size = 0;
    while (true) {
      MQ_ASSIGN_OR_RETURN(const std::string line, ReadLine());
      size += line.size();
      int code = 0;
      const bool shaped = line.size() >= 3 && absl::ascii_isdigit(line[0]) &&
                          absl::SimpleAtoi(line.substr(0, 3), &code) && code >= 200 && code < 600 &&
                          (line.size() == 3 || line[3] == ' ' || line[3] == '-');
      if (!shaped || (reply.code != 0 && reply.code != code))
        return NotSmtp(
            absl::StrCat("the relay's answer is no SMTP: ", CutTo(Harmless(line), kMaxSaid)));
      if (size > kMaxReply) return NotSmtp("the relay's answer has no end");
      reply.code = code;
      reply.lines.push_back(line.size() > 4 ? line.substr(4) : "");
      if (line.size() == 3 || line[3] == ' ') return reply;
    }
  }

  const SmtpJob& job_;
  ClientConnection connection_;
  std::string buffer_;
};

// What the recipients were answered.
struct Recipients {
  std::vector<std::string> taken;
  std::vector<std::string> refused;  // For good.
  std::vector<std::string> later;
  std::string said;
};

absl::StatusOr<Outcome> Transact(Session& session, const SmtpJob& job) {
  const auto outcome = [](const Reply& reply, const std::string& to) {
    std::string error = absl::StrCat("the relay answered ", to, " with: ", reply.Text());
    return reply.for_good() ? Outcome::Refused(std::move(error)) : Outcome::Retry(std::move(error));
  };
  MQ_ASSIGN_OR_RETURN(const Reply mail, session.Ask(absl::StrCat("MAIL FROM:<", job.sender, ">")));
  if (!mail.ok()) return outcome(mail, "MAIL");
  Recipients recipients;
  for (const std::string& one : job.recipients) {
    MQ_ASSIGN_OR_RETURN(const Reply reply, session.Ask(absl::StrCat("RCPT TO:<", one, ">")));
    if (reply.code == 421) return outcome(reply, "RCPT");  // It hangs up.
    (reply.ok()         ? recipients.taken
     : reply.for_good() ? recipients.refused
                        : recipients.later)
        .push_back(one);
    if (!reply.ok())
      absl::StrAppend(&recipients.said, recipients.said.empty() ? "" : "; ", one, ": ",
                      reply.Text());
  }
  if (recipients.taken.empty())
    return recipients.later.empty() ? Outcome::Refused(recipients.said)
                                    : Outcome::Retry(recipients.said);
  MQ_ASSIGN_OR_RETURN(const Reply data, session.Ask("DATA"));
  if (data.code != 354) return outcome(data, "DATA");
  MQ_ASSIGN_OR_RETURN(const Reply end, session.Body());
  if (!end.ok()) return outcome(end, "the message");
  session.Quit();
  Outcome done = recipients.later.empty() ? Outcome::Delivered() : Outcome::Retry("");
  done.error = recipients.said;
  done.delivered_to = recipients.taken;
  return done;
}
}  // namespace

Outcome SendMail(const SmtpJob& job) {
  const std::string relay = absl::StrCat("relay ", job.relay.host, " port ", job.relay.port, ": ");
  Session session(job);
  if (const absl::Status open = session.Open(); !open.ok())
    return Outcome::Retry(absl::StrCat(relay, open.message()));
  absl::StatusOr<Outcome> outcome = Transact(session, job);
  if (!outcome.ok()) return Outcome::Retry(absl::StrCat(relay, outcome.status().message()));
  if (!outcome->error.empty()) outcome->error.insert(0, relay);
  return *std::move(outcome);
}

}  // namespace mailquench::controller
