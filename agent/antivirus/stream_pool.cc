#include "agent/antivirus/stream_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kWaiting = 64;  // Open files at most, beside those in work.
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr absl::Duration kBetweenTries = absl::Milliseconds(200);

constexpr absl::string_view kProbe = "Subject: probe\n\nprobe\n";
class ProbeBytes final : public ByteStream {
 public:
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    const std::size_t got = kProbe.copy(buffer, size, given_);
    given_ += got;
    return got;
  }
  absl::Status Rewind() override {
    given_ = 0;
    return absl::OkStatus();
  }

 private:
  std::size_t given_ = 0;
};
}  // namespace

StreamPool::StreamPool(Antivirus& product, const WorkContext& context, absl::Duration patience)
    : product_(product), context_(context), patience_(patience) {
  const int width = std::max(1, product.ScannersAtOnce());
  try {
    for (int i = 0; i < width; ++i) threads_.emplace_back([this] { Work(); });
  } catch (const std::system_error& error) {
    if (threads_.empty())
      failed_ = Error(absl::StatusCode::kResourceExhausted, "NO_THREAD",
                      "this host gives the agent no thread to scan with; nothing was scanned");
  }
}

StreamPool::~StreamPool() {
  stop_ = true;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    closed_ = true;
    waiting_.clear();
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

absl::Status StreamPool::Stop(const absl::Status& why) {
  stop_ = true;
  const std::lock_guard<std::mutex> lock(mu_);
  if (failed_.ok()) failed_ = why;
  waiting_.clear();
  work_.notify_all();
  room_.notify_all();
  return failed_;
}

absl::Status StreamPool::Add(Job job) {
  std::unique_lock<std::mutex> lock(mu_);
  while (failed_.ok() && waiting_.size() >= kWaiting) {
    room_.wait_for(lock, kTick);
    lock.unlock();
    const absl::Status wanted = CheckWork(context_);
    if (!wanted.ok()) return Stop(wanted);
    lock.lock();
  }
  if (!failed_.ok()) return failed_;
  waiting_.push_back(std::move(job));
  work_.notify_one();
  return absl::OkStatus();
}

absl::Status StreamPool::Finish() {
  std::unique_lock<std::mutex> lock(mu_);
  while (failed_.ok() && (!waiting_.empty() || busy_ > 0)) {
    room_.wait_for(lock, kTick);
    lock.unlock();
    const absl::Status wanted = CheckWork(context_);
    if (!wanted.ok()) (void)Stop(wanted);
    lock.lock();
  }
  // What is still in the threads' hands tells its verdict, or sees that it is stopped.
  while (busy_ > 0) room_.wait_for(lock, kTick);
  return failed_;
}

void StreamPool::Work() {
  std::unique_ptr<StreamScanner> scanner;
  std::unique_lock<std::mutex> lock(mu_);
  for (;;) {
    work_.wait(lock, [this] { return closed_ || !failed_.ok() || !waiting_.empty(); });
    if (closed_ || !failed_.ok()) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    lock.unlock();
    absl::StatusOr<Verdict> verdict = Judge(job, scanner);
    if (verdict.ok()) {
      const std::lock_guard<std::mutex> one(done_mu_);
      job.done(*verdict);
    } else {
      (void)Stop(verdict.status());
    }
    job = Job();
    lock.lock();
    --busy_;
    room_.notify_one();
  }
}

absl::StatusOr<Verdict> StreamPool::Judge(Job& job, std::unique_ptr<StreamScanner>& scanner) {
  std::string why;
  for (bool again : {false, true}) {
    // One at a time: whoever makes the product end is then found out, and the others are not
    // blamed.
    std::unique_lock<std::mutex> alone(alone_, std::defer_lock);
    if (again) alone.lock();
    if (scanner == nullptr) MQ_RETURN_IF_ERROR(Open(scanner));
    if (again) {
      const absl::Status rewound = job.stream->Rewind();
      if (!rewound.ok())
        return Verdict{Verdict::Kind::kNotScanned, Shown(std::string(rewound.message()))};
    }
    absl::StatusOr<Verdict> verdict = scanner->Scan(*job.stream, job.bytes, stop_);
    if (absl::IsUnavailable(verdict.status())) {
      scanner.reset();
      why = "the scanner ended twice while it read this";
    } else if (absl::IsResourceExhausted(verdict.status())) {
      // One message may be more than it has room for, while it reads all others.
      if (again && !Probe(scanner).ok()) return verdict;
      why = Shown(verdict.status().message());
    } else {
      return verdict;
    }
  }
  return Verdict{Verdict::Kind::kNotScanned, std::move(why)};
}

absl::Status StreamPool::Probe(std::unique_ptr<StreamScanner>& scanner) {
  if (scanner == nullptr) MQ_RETURN_IF_ERROR(Open(scanner));
  ProbeBytes probe;
  return scanner->Scan(probe, static_cast<std::int64_t>(kProbe.size()), stop_).status();
}

absl::Status StreamPool::Open(std::unique_ptr<StreamScanner>& scanner) {
  const absl::Time until = absl::Now() + patience_;
  for (;;) {
    if (stop_) return absl::CancelledError("stopped");
    absl::StatusOr<std::unique_ptr<StreamScanner>> opened = product_.OpenScanner(stop_);
    if (opened.ok()) {
      scanner = *std::move(opened);
      return absl::OkStatus();
    }
    if (!absl::IsUnavailable(opened.status()) || absl::Now() >= until) return opened.status();
    absl::SleepFor(kBetweenTries);
  }
}

}  // namespace mailquench::agent
