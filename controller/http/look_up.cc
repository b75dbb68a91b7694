#include "controller/http/look_up.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {
// A name server that is gone must not fill the process with threads that wait for it.
constexpr int kMostAtOnce = 64;
std::atomic<int> at_once{0};

// Counts one look-up until it ends, however it does.
class Turn {
 public:
  Turn() : others_(at_once.fetch_add(1)) {}
  ~Turn() { at_once.fetch_sub(1); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool too_many() const { return others_ >= kMostAtOnce; }

 private:
  const int others_;
};

// Shared with a thread that is left behind where it takes too long.
struct Question {
  std::mutex mu;
  std::condition_variable done;
  bool ended = false;
  int error = 0;
  std::vector<std::string> found;
};

void End(Question& question, int error) {
  const std::lock_guard<std::mutex> lock(question.mu);
  question.error = error;
  question.ended = true;
  question.done.notify_all();
}

void Ask(const std::string& host, Question& question) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error == EAI_NONAME || error == EAI_ADDRFAMILY) {  // A host with nothing but loopback.
    hints.ai_flags = 0;
    error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(error == 0 ? found : nullptr,
                                                             freeaddrinfo);
  {
    const std::lock_guard<std::mutex> lock(question.mu);
    for (const addrinfo* one = owner.get(); one != nullptr; one = one->ai_next) {
      char text[NI_MAXHOST];
      if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0)
        question.found.emplace_back(text);
    }
  }
  End(question, error);
}
}  // namespace

absl::StatusOr<std::vector<std::string>> LookUp(const web::HostPort& host,
                                                absl::Duration limit,
                                                const std::function<bool()>& wanted) {
  if (host.literal) return std::vector<std::string>{host.host};
  auto turn = std::make_unique<Turn>();
  if (turn->too_many())
    return Error(absl::StatusCode::kUnavailable, "NO_ANSWER",
                 absl::StrCat("the address of ", host.host, " was not looked up: ", kMostAtOnce,
                              " other look-ups have had no answer yet; check the name servers"));
  const auto question = std::make_shared<Question>();
  try {
    std::thread([question, name = host.host, turn = std::move(turn)] {
      try {
        Ask(name, *question);
      } catch (...) {  // No memory, as far as one knows.
        End(*question, EAI_MEMORY);
      }
    }).detach();
  } catch (const std::system_error& failure) {
    return Error(absl::StatusCode::kUnavailable, "NO_ANSWER",
                 absl::StrCat("the address of ", host.host,
                              " was not looked up: no thread is to be had: ", failure.what()));
  }
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit);
  std::unique_lock<std::mutex> lock(question->mu);
  while (!question->ended) {
    if (wanted && !wanted())
      return Error(absl::StatusCode::kCancelled, "STOPPED", "it is not wanted any more");
    if (std::chrono::steady_clock::now() >= deadline)
      return Error(
          absl::StatusCode::kDeadlineExceeded, "NO_ANSWER",
          absl::StrCat("the time ended while the address of ", host.host, " was looked up"));
    question->done.wait_for(lock, std::chrono::milliseconds(100));
  }
  if (question->found.empty())
    return Error(
        absl::StatusCode::kUnavailable, "NO_ANSWER",
        absl::StrCat(host.host, " has no address: ", os::AddressErrorText(question->error)));
  return question->found;
}

}  // namespace mailquench::controller
