#include "common/blacklist/resolver.h"

#include <algorithm>
#include <deque>

#include "absl/time/clock.h"
#include "common/blacklist/resolver_address.h"
#include "common/blacklist/resolver_question.h"
#include "common/blacklist/udp_upstream.h"
#include "common/os/datagrams.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr absl::Duration kLongestPoll = absl::Milliseconds(250);
// What a source may ask in one turn while no server answers: all of it ends at once.
constexpr int kInSilence = 64;
constexpr int kMostCalls = 4096;
constexpr absl::Duration kSilentTurn = absl::Milliseconds(1);

class UdpResolver final : public Resolver {
 public:
  explicit UdpResolver(const ResolverOptions& options) : options_(options) {}
  ~UdpResolver() override { GiveUp(); }

  absl::Status Open() {
    if (!Random::Works())
      return Error(absl::StatusCode::kInternal, "NO_RANDOM",
                   "the kernel gives no random numbers; without them no DNS question is asked");
    for (const std::string& name :
         options_.servers.empty() ? SystemServers(options_.resolv_conf) : options_.servers) {
      MQ_ASSIGN_OR_RETURN(const ServerAddress address, ParseServer(name));
      servers_.push_back(
          std::make_unique<Upstream>(name, address, options_, &random_, &batch_,
                                     [this](Question question, Reply reply, bool failed) {
                                       Ended(std::move(question), std::move(reply), failed);
                                     }));
    }
    again_.resize(servers_.size());
    return absl::OkStatus();
  }

  void Ask(const std::string& name,
           RecordType type,
           Callback done,
           const AskOptions& options) override {
    Question question;
    question.name = name;
    question.type = type;
    question.own_servers_only = options.own_servers_only;
    question.done = std::move(done);
    const bool any = std::any_of(servers_.begin(), servers_.end(),
                                 [&](const auto& server) { return MayAsk(question, *server); });
    if (any) {
      waiting_[question.own_servers_only ? 1 : 0].push_back(std::move(question));
      return;
    }
    Reply reply;
    reply.not_asked = true;
    reply.answer.rcode = Rcode::kRefused;
    settled_.emplace_back(std::move(question), std::move(reply));
  }

  void Run(absl::Time until, const Source& source) override {
    for (const auto& server : servers_) server->NewRun(MonotonicNanos());
    absl::Time wanted = source ? absl::InfinitePast() : absl::InfiniteFuture();
    while (true) {
      const std::int64_t now = MonotonicNanos();
      const bool full = wanted != absl::InfiniteFuture() && !Pull(source, wanted, now);
      EndSettled();
      Fill(now);
      EndWhatIsSilent(now);
      for (const auto& server : servers_) server->Flush(now);
      if (Idle() && wanted == absl::InfiniteFuture()) return;
      const absl::Time time = absl::Now();
      if (time >= until) break;
      PollOnce(
          std::min({kLongestPoll, until - time, full ? absl::InfiniteDuration() : wanted - time,
                    silent_ && (full || AnyWaiting()) ? kSilentTurn : absl::InfiniteDuration()}));
    }
    GiveUp();
  }

  ResolverStats stats() const override {
    ResolverStats sum;
    for (const auto& server : servers_) {
      const ResolverStats& one = server->stats();
      sum.sent += one.sent;
      sum.resent += one.resent;
      sum.answered += one.answered;
      sum.given_up += one.given_up;
      sum.forged += one.forged;
      sum.late += one.late;
      sum.over_tcp += one.over_tcp;
    }
    return sum;
  }

 private:
  static bool MayAsk(const Question& question, const Upstream& server) {
    return !question.own_servers_only || !server.is_public();
  }

  // How many servers after the one at `step` is the next that may be asked; the number of servers:
  // none is.
  std::size_t NextStep(const Question& question) const {
    std::size_t step = question.step + 1;
    while (step < servers_.size() &&
           !MayAsk(question, *servers_[(question.first + step) % servers_.size()]))
      ++step;
    return step;
  }

  bool AnyWaiting() const { return !waiting_[0].empty() || !waiting_[1].empty(); }

  bool Idle() const {
    return !AnyWaiting() && settled_.empty() &&
           std::all_of(servers_.begin(), servers_.end(), [](const auto& s) { return s->Idle(); }) &&
           std::all_of(again_.begin(), again_.end(), [](const auto& q) { return q.empty(); });
  }

  // False: the source wants to ask more, and there is no room.
  bool Pull(const Source& source, absl::Time& wanted, std::int64_t now) {
    int room = silent_ ? kInSilence : 0;
    for (std::size_t i = 0; i < servers_.size(); ++i)
      room += servers_[i]->Room(now) - static_cast<int>(again_[i].size());
    // One that says "at once" and asks nothing must not keep Run() from its work.
    for (int calls = 0; calls < kMostCalls; ++calls) {
      const int waiting = static_cast<int>(waiting_[0].size() + waiting_[1].size());
      if (waiting + static_cast<int>(settled_.size()) >= std::max(room, 0)) return false;
      if (wanted != absl::InfinitePast() && absl::Now() < wanted) return true;
      wanted = source();
      if (wanted == absl::InfiniteFuture()) return true;
    }
    return true;
  }

  void EndSettled() {
    std::deque<std::pair<Question, Reply>> settled;
    settled.swap(settled_);
    for (auto& [question, reply] : settled) End(question, std::move(reply));
  }

  void Fill(std::int64_t now) {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      for (int room = servers_[i]->Room(now); room > 0 && !again_[i].empty(); --room)
        Send(i, Take(again_[i]), now);
    }
    for (std::size_t full = 0; full < servers_.size();) {
      const std::size_t i = next_;
      next_ = (next_ + 1) % servers_.size();
      // Those who may not be asked of all servers come first where they may.
      auto& questions = waiting_[servers_[i]->is_public() || waiting_[1].empty() ? 0 : 1];
      if (questions.empty() || servers_[i]->Room(now) == 0) {
        ++full;
        continue;
      }
      full = 0;
      Question question = Take(questions);
      question.first = i;
      Send(i, std::move(question), now);
    }
  }

  void Send(std::size_t server, Question question, std::int64_t now) {
    question.last = NextStep(question) >= servers_.size();
    if (servers_[server]->Take(question, now)) return;
    Reply reply;
    reply.answer.rcode = Rcode::kFormErr;
    settled_.emplace_back(std::move(question), std::move(reply));
  }

  // What no server will answer: all that may be asked have been silent for the whole patience.
  void EndWhatIsSilent(std::int64_t now) {
    silent_ = false;
    for (auto& questions : waiting_) {
      const bool own = &questions == &waiting_[1];
      bool any = false, silent = true;
      for (const auto& server : servers_) {
        if (own && server->is_public()) continue;
        any = true;
        silent = silent && server->Silent(now);
      }
      if (!any || !silent) continue;
      silent_ = true;
      EndAll(questions);
    }
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (!again_[i].empty() && servers_[i]->Silent(now)) HandOn(again_[i]);
    }
  }

  void EndAll(std::deque<Question>& questions) {
    std::deque<Question> all;
    all.swap(questions);
    while (!all.empty()) End(Take(all), Reply());
  }

  // To the server after the one that it waits for.
  void HandOn(std::deque<Question>& questions) {
    std::deque<Question> all;
    all.swap(questions);
    while (!all.empty()) Ended(Take(all), Reply(), true);
  }

  void Ended(Question question, Reply reply, bool failed) {
    if (failed) {
      question.step = NextStep(question);
      if (question.step < servers_.size()) {
        again_[(question.first + question.step) % servers_.size()].push_back(std::move(question));
        return;
      }
    }
    End(question, std::move(reply));
  }

  static Question Take(std::deque<Question>& questions) {
    Question question = std::move(questions.front());
    questions.pop_front();
    return question;
  }

  static void End(const Question& question, Reply reply) {
    if (question.begun != 0) reply.time = absl::Nanoseconds(MonotonicNanos() - question.begun);
    question.done(reply);
  }

  // Ends all that is asked. Taken out first: what a callback asks meanwhile waits for the next
  // Run(), or this would never end.
  void GiveUp() {
    std::deque<std::pair<Question, Reply>> settled;
    settled.swap(settled_);
    std::deque<Question> all;
    const auto take = [&all](std::deque<Question>& questions) {
      while (!questions.empty()) all.push_back(Take(questions));
    };
    for (const auto& server : servers_) server->GiveUp(all, MonotonicNanos());
    for (auto& questions : again_) take(questions);
    for (auto& questions : waiting_) take(questions);
    for (auto& [question, reply] : settled) End(question, std::move(reply));
    while (!all.empty()) End(Take(all), Reply());
  }

  void PollOnce(absl::Duration most) {
    std::int64_t wait = std::max<std::int64_t>(0, absl::ToInt64Nanoseconds(most));
    std::int64_t now = MonotonicNanos();
    polls_.clear();
    begins_.clear();
    for (const auto& server : servers_) {
      begins_.push_back(polls_.size());
      server->AddPolls(polls_);
      wait = server->UntilNext(now, wait);
    }
    // After a failure nothing counts as ready; what the time brings is done all the same.
    if (os::PollSocketsFor(polls_.data(), polls_.size(), wait) < 0) {
      for (pollfd& one : polls_) one.revents = 0;
    }
    now = MonotonicNanos();
    for (std::size_t i = 0; i < servers_.size(); ++i)
      servers_[i]->Process(polls_.data() + begins_[i], now);
  }

  const ResolverOptions options_;
  Random random_;
  os::ReceiveBatch batch_;
  std::vector<std::unique_ptr<Upstream>> servers_;
  std::vector<std::deque<Question>> again_;         // By server: what another has not answered.
  std::deque<Question> waiting_[2];                 // For any server; for one of our own.
  std::deque<std::pair<Question, Reply>> settled_;  // Without a server.
  std::size_t next_ = 0;
  bool silent_ = false;
  std::vector<pollfd> polls_;
  std::vector<std::size_t> begins_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ServersOf(const ResolverOptions& options) {
  return options.servers;
}

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Make(const ResolverOptions& options) {
  auto resolver = std::make_unique<UdpResolver>(options);
  MQ_RETURN_IF_ERROR(resolver->Open());
  return resolver;
}

}  // namespace mailquench::blacklist
