// A relay for tests, which answers as a test wants and keeps what it took.
#ifndef MAILQUENCH_TESTS_UNIT_NOTIFY_SMTP_SERVER_H_
#define MAILQUENCH_TESTS_UNIT_NOTIFY_SMTP_SERVER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/unit/https/peer.h"

namespace mailquench::test {

class SmtpServer {
 public:
  // `pem`: with STARTTLS.
  explicit SmtpServer(const std::string& pem = "")
      : with_tls_(!pem.empty()), peer_([this](Peer::Link& link) { Serve(link); }, pem) {}

  // Instead of what it would answer to lines that begin with `verb`; "connect" is the greeting,
  // "." the end of the message. An empty answer hangs up.
  void Answer(const std::string& verb, const std::string& answer) {
    const std::lock_guard<std::mutex> lock(mu_);
    answers_[verb] = answer;
  }
  void AsUsual() {
    const std::lock_guard<std::mutex> lock(mu_);
    answers_.clear();
  }
  // The answer to a message is so late.
  void AnswerLate(absl::Duration late) { late_ms_ = absl::ToInt64Milliseconds(late); }
  int port() const { return peer_.port(); }
  std::string relay() const { return absl::StrCat("127.0.0.1:", port()); }
  // Lines as they came, of all connections; those inside TLS begin with "TLS ".
  std::vector<std::string> Lines() {
    const std::lock_guard<std::mutex> lock(mu_);
    return lines_;
  }
  // What stood between DATA and the dot, as it came.
  std::vector<std::string> Messages() {
    const std::lock_guard<std::mutex> lock(mu_);
    return messages_;
  }

 private:
  std::string AnswerTo(const std::string& line, const std::string& usual) {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [verb, answer] : answers_)
      if (absl::StartsWithIgnoreCase(line, verb)) return answer;
    return usual;
  }
  void Serve(Peer::Link& link) {
    if (!Say(link, AnswerTo("connect", "220 relay.test ESMTP\r\n"))) return;
    while (true) {
      const std::string line = link.Line();
      if (line.empty()) return;
      {
        const std::lock_guard<std::mutex> lock(mu_);
        lines_.push_back(absl::StrCat(link.tls() ? "TLS " : "", line.substr(0, line.size() - 2)));
      }
      std::string usual = "250 2.0.0 Ok\r\n";
      if (absl::StartsWith(line, "EHLO")) {
        usual =
            absl::StrCat("250-relay.test\r\n", with_tls_ && !link.tls() ? "250-STARTTLS\r\n" : "",
                         link.tls() ? "250-AUTH LOGIN PLAIN\r\n" : "", "250 8BITMIME\r\n");
      } else if (absl::StartsWith(line, "STARTTLS")) {
        const std::string answer = AnswerTo(line, "220 Go\r\n");
        link.Send(answer);
        if (!absl::StartsWith(answer, "220")) continue;
        if (!link.StartTls()) return;
        continue;
      } else if (absl::StartsWith(line, "AUTH")) {
        usual = "235 2.7.0 Welcome\r\n";
      } else if (absl::StartsWith(line, "DATA")) {
        const std::string answer = AnswerTo(line, "354 Go\r\n");
        if (!Say(link, answer)) return;
        if (!absl::StartsWith(answer, "354")) continue;
        std::string message;
        for (std::string one; (one = link.Line()) != ".\r\n";) {
          if (one.empty()) return;
          message += one;
        }
        {
          const std::lock_guard<std::mutex> lock(mu_);
          messages_.push_back(message);
        }
        const absl::Time until = absl::Now() + absl::Milliseconds(late_ms_.load());
        while (absl::Now() < until && !link.ending()) absl::SleepFor(absl::Milliseconds(10));
        if (!Say(link, AnswerTo(".", usual))) return;
        continue;
      } else if (absl::StartsWith(line, "QUIT")) {
        link.Send("221 Bye\r\n");
        return;
      }
      if (!Say(link, AnswerTo(line, usual))) return;
    }
  }
  static bool Say(Peer::Link& link, const std::string& answer) {
    return !answer.empty() && link.Send(answer);
  }
  const bool with_tls_;
  std::atomic<std::int64_t> late_ms_{0};
  std::mutex mu_;
  std::map<std::string, std::string> answers_;
  std::vector<std::string> lines_;
  std::vector<std::string> messages_;
  Peer peer_;
};

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_UNIT_NOTIFY_SMTP_SERVER_H_
