// What the tests of notices share: a clock that a test moves, a store in a folder of its own, a
// receiver of webhooks, and what was sent to it.
#ifndef MAILQUENCH_TESTS_UNIT_NOTIFY_RIG_H_
#define MAILQUENCH_TESTS_UNIT_NOTIFY_RIG_H_

#include <gmock/gmock.h>
#include <stdio.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/clock/clock.h"
#include "controller/notify/channel.h"
#include "controller/store/store.h"
#include "controller/store/times.h"
#include "nlohmann/json.hpp"
#include "tests/unit/https/peer.h"

namespace mailquench::controller {

// Thread-safe, unlike the other fakes: the outbox has threads.
class MovedClock final : public Clock {
 public:
  absl::Time Now() override { return absl::FromUnixMillis(now_); }
  void Sleep(absl::Duration duration) override { Move(duration); }
  void Move(absl::Duration by) { now_ += absl::ToInt64Milliseconds(by); }
  void Set(absl::Time time) { now_ = absl::ToUnixMillis(time); }

 private:
  std::atomic<std::int64_t> now_ = 1700000000000;
};

inline bool Eventually(const std::function<bool()>& test,
                       absl::Duration within = absl::Seconds(60)) {
  for (const absl::Time end = absl::Now() + within; absl::Now() < end;) {
    if (test()) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return test();
}

inline v1::Notice NoticeOf(const std::string& id, const std::string& kind = "run-failed") {
  v1::Notice notice;
  notice.set_notice_id(id);
  notice.set_kind(kind);
  notice.set_severity("warning");
  notice.set_text("The run contain failed on mx1.test: it was stopped and not swept.");
  notice.set_next("mailquench run show r-1");
  notice.set_incident_id("i-1");
  notice.set_escalation_id("e-1");
  notice.set_run_id("r-1");
  notice.add_hosts("mx1.test");
  (*notice.mutable_fields())["outcome"] = "failed";
  StampTime(absl::FromUnixSeconds(1700000000), notice.mutable_time());
  return notice;
}

inline Attempt AttemptOf(absl::Duration limit = absl::Seconds(20)) {
  Attempt attempt;
  attempt.now = absl::FromUnixSeconds(1700000100);
  attempt.limit = limit;
  return attempt;
}

// Takes notices; answers with `status` and keeps the ids in their order.
class Receiver {
 public:
  Receiver()
      : peer_([this](test::Peer::Link& link) {
          const std::string request = link.Request();
          if (request.empty()) return;
          const auto body =
              nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4), nullptr, false);
          {
            const std::lock_guard<std::mutex> lock(mu_);
            ids_.push_back(body.is_object() ? body.value("id", "") : "no JSON");
            last_ = request;
          }
          std::string answer;
          {
            const std::lock_guard<std::mutex> lock(mu_);
            answer = answer_;
            if (body.is_object() && bad_.count(body.value("id", "")) > 0)
              answer = "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n";
          }
          link.Send(answer);
        }) {}

  std::string Url() const { return peer_.Url("/hook"); }
  void Answer(int status, const std::string& headers = "") {
    const std::lock_guard<std::mutex> lock(mu_);
    answer_ = absl::StrCat("HTTP/1.1 ", status, " X\r\n", headers, "Content-Length: 0\r\n\r\n");
  }
  void AnswerRaw(const std::string& text) {
    const std::lock_guard<std::mutex> lock(mu_);
    answer_ = text;
  }
  void Fail(const std::string& id) {
    const std::lock_guard<std::mutex> lock(mu_);
    bad_.insert(id);
  }
  std::vector<std::string> Ids() {
    const std::lock_guard<std::mutex> lock(mu_);
    return ids_;
  }
  std::string Last() {
    const std::lock_guard<std::mutex> lock(mu_);
    return last_;
  }

 private:
  std::mutex mu_;
  std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::set<std::string> bad_;
  std::vector<std::string> ids_;
  std::string last_;
  test::Peer peer_;
};

inline ChannelConfig Webhook(const std::string& name, const std::string& url) {
  ChannelConfig channel;
  channel.name = name;
  channel.url = url;
  return channel;
}

// What a program prints that gets `input`; "" where it fails.
inline std::string Filtered(const test::TempFolder& folder,
                            const std::string& command,
                            const std::string& input) {
  const std::string file = folder.Write("input", input);
  FILE* const pipe = popen(absl::StrCat(command, " < ", file).c_str(), "r");
  if (pipe == nullptr) return "";
  std::string out;
  char chunk[4096];
  for (std::size_t n = 0; (n = fread(chunk, 1, sizeof chunk, pipe)) > 0;) out.append(chunk, n);
  return pclose(pipe) == 0 ? out : "";
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_NOTIFY_RIG_H_
