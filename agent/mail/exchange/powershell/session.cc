#include "agent/mail/exchange/powershell/session.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/powershell/conversation.h"
#include "agent/mail/exchange/powershell/fault_status.h"
#include "agent/mail/exchange/powershell/pipeline_text.h"
#include "agent/os/interruptible.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

class Session : public Shell {
 public:
  explicit Session(SessionOptions options) : options_(std::move(options)) {}
  ~Session() override { Recycle(); }

  absl::StatusOr<Answer> Run(const Pipeline& pipeline, absl::Time deadline) override {
    MQ_ASSIGN_OR_RETURN(const std::string text, PipelineText(pipeline));
    Turn turn(*this, deadline);
    MQ_RETURN_IF_ERROR(turn.status());
    MQ_RETURN_IF_ERROR(BeReady(deadline));
    const absl::Time asked = absl::Now();
    absl::StatusOr<Reply> reply = child_->Ask(text, pipeline, deadline);
    if (!reply.ok()) {
      Failed(reply.status(), absl::Now() - asked);
      return reply.status();
    }
    if (!reply->faults.empty()) {
      absl::Status status = FaultStatus(*reply, text);
      const std::string reason = ReasonOf(status);
      if (reason == "NO_SHELL" || reason == "SESSION_LOST") {
        Failed(status);
        return status;
      }
      failures_ = 0;
      return status;
    }
    Answer answer{std::move(reply->rows), std::move(reply->warnings), child_->noise()};
    if (reply->lost) Recycle();  // What it said is whole all the same.
    failures_ = 0;
    return answer;
  }

  absl::StatusOr<ShellFacts> Facts(absl::Time deadline) override {
    Turn turn(*this, deadline);
    MQ_RETURN_IF_ERROR(turn.status());
    MQ_RETURN_IF_ERROR(BeReady(deadline));
    return child_->facts();
  }

  bool Busy() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !idle_;
  }

 private:
  static constexpr absl::Duration kLongest = absl::Hours(24);
  // Who would wait longer than so for a new start is told so instead.
  static constexpr absl::Duration kPatience = absl::Seconds(5);
  static constexpr std::chrono::milliseconds kSlice{250};  // See Interruptible.
  static constexpr absl::Duration kMostWait = absl::Minutes(1);

  // One call at a time; who waits does not wait longer than he may.
  class Turn {
   public:
    Turn(Session& session, absl::Time deadline) : session_(session) {
      // An infinite time is none that the clocks of the library can add to.
      const auto until = absl::ToChronoTime(std::min(deadline, absl::Now() + kLongest));
      std::unique_lock<std::mutex> lock(session_.mutex_);
      const auto idle = [this] { return session_.idle_; };
      if (!Interruptible::IsThere()) {
        mine_ = session_.idled_.wait_until(lock, until, idle);
      } else {
        while (!mine_ && !Interruptible::IsOver() && std::chrono::system_clock::now() < until)
          mine_ = session_.idled_.wait_for(lock, kSlice, idle);
      }
      if (mine_) session_.idle_ = false;
    }
    ~Turn() {
      if (!mine_) return;
      {
        const std::lock_guard<std::mutex> lock(session_.mutex_);
        session_.idle_ = true;
      }
      session_.idled_.notify_one();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    absl::Status status() const {
      if (mine_) return absl::OkStatus();
      return Error(absl::StatusCode::kUnavailable, "NO_SHELL",
                   "Windows PowerShell is busy with another call; nothing was sent to Exchange");
    }

   private:
    Session& session_;
    bool mine_ = false;
  };

  // A child that can be asked.
  absl::Status BeReady(absl::Time deadline) {
    if (child_ != nullptr && (absl::Now() - child_->begin() >= options_.max_age ||
                              child_->calls() >= options_.max_calls))
      Recycle();
    if (child_ != nullptr && child_->Ended())
      Failed(Error(absl::StatusCode::kUnavailable, "SHELL_ENDED",
                   "Windows PowerShell ended between two calls"));
    if (child_ == nullptr) {
      const absl::Duration wait = next_start_ - absl::Now();
      if (wait >= deadline - absl::Now() || wait > kPatience)
        return Error(
            absl::StatusCode::kUnavailable, "NO_SHELL",
            absl::StrCat("Windows PowerShell failed ", failures_,
                         " times in a row and is not started again before ",
                         absl::FormatTime("%H:%M:%SZ", next_start_, absl::UTCTimeZone()),
                         "; nothing was sent to Exchange; the last time: ", last_.message()));
      if (wait > absl::ZeroDuration()) absl::SleepFor(wait);
      const absl::Time begin = absl::Now();
      auto started = Conversation::Start(options_, deadline);
      if (!started.ok()) {
        Failed(started.status(), absl::Now() - begin);
        return started.status();
      }
      child_ = *std::move(started);
    }
    if (absl::Now() >= deadline)
      return Error(absl::StatusCode::kUnavailable, "NO_SHELL",
                   "no time was left to ask Windows PowerShell; nothing was sent to Exchange");
    return absl::OkStatus();
  }

  // The first failure is nobody's fault; a broken PowerShell is not started over and over, and one
  // that let somebody wait in vain twice lets nobody wait as long again at once: the calls of a
  // containment follow each other.
  void Failed(const absl::Status& why, absl::Duration waited = absl::ZeroDuration()) {
    child_.reset();
    last_ = why;
    ++failures_;
    if (failures_ < 2) return;
    const int doublings = std::min(failures_ - 2, 10);
    const absl::Duration pause = std::max(options_.retry_after * (1 << doublings), waited * 2);
    next_start_ = absl::Now() + std::min(pause, kMostWait);
  }

  void Recycle() {
    if (child_ != nullptr) child_->End();
    child_.reset();
  }

  const SessionOptions options_;
  std::mutex mutex_;
  std::condition_variable idled_;
  bool idle_ = true;  // Guarded by mutex_; what follows belongs to who has the turn.
  std::unique_ptr<Conversation> child_;
  int failures_ = 0;  // In a row.
  absl::Status last_;
  absl::Time next_start_ = absl::InfinitePast();
};
}  // namespace

SessionOptions OptionsFor(const Installation& installation) {
  SessionOptions options;
  options.role = installation.role;
  options.connection_uri = absl::StrCat("http://", installation.fqdn, "/PowerShell/");
  options.install_path = installation.path;
  return options;
}

std::unique_ptr<Shell> MakeSession(SessionOptions options) {
  return std::make_unique<Session>(std::move(options));
}

}  // namespace mailquench::agent::exchange
