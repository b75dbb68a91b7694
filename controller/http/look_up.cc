#include "controller/http/look_up.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {
// A name server that is gone must not fill the process with threads that wait for it.
constexpr int kMostAtOnce = 64;
std::atomic<int> at_once{0};

// Shared with a thread that is left behind where it takes too long.
struct Question {
  std::mutex mu;
  std::condition_variable done;
  bool ended = false;
  int error = 0;
  std::vector<std::string> found;
};

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
  const std::lock_guard<std::mutex> lock(question.mu);
  for (const addrinfo* one = found; error == 0 && one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0)
      question.found.emplace_back(text);
  }
  if (error == 0) freeaddrinfo(found);
  question.error = error;
  question.ended = true;
  question.done.notify_all();
}
}  // namespace

absl::StatusOr<std::vector<std::string>> LookUp(const web::HostPort& host,
                                                absl::Time deadline,
                                                const std::function<bool()>& wanted) {
  if (host.literal) return std::vector<std::string>{host.host};
  if (at_once.fetch_add(1) >= kMostAtOnce) {
    at_once.fetch_sub(1);
    return Error(absl::StatusCode::kUnavailable, "NO_ANSWER",
                 absl::StrCat("the address of ", host.host, " was not looked up: ", kMostAtOnce,
                              " other look-ups have had no answer yet; check the name servers"));
  }
  const auto question = std::make_shared<Question>();
  std::thread([question, name = host.host] {
    Ask(name, *question);
    at_once.fetch_sub(1);
  }).detach();
  std::unique_lock<std::mutex> lock(question->mu);
  while (!question->ended) {
    if (wanted && !wanted())
      return Error(absl::StatusCode::kCancelled, "STOPPED", "it is not wanted any more");
    if (absl::Now() >= deadline)
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
