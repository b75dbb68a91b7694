#include "agent/os/child.h"

#include <windows.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "agent/os/child_text.h"
#include "agent/os/windows/command_line.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/job_process.h"
#include "agent/os/windows/overlapped_pipe.h"
#include "agent/os/windows/surroundings.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

class WindowsChild : public Child {
 public:
  ~WindowsChild() override { Kill(); }

  absl::Status Begin(const std::vector<std::string>& argv, const ChildOptions& options) {
    MQ_ASSIGN_OR_RETURN(const std::wstring program, LocateProgram(argv[0]));
    Handle in, out, err;
    MQ_RETURN_IF_ERROR(in_.Open(/*child_reads=*/true, in));
    MQ_RETURN_IF_ERROR(out_.Open(/*child_reads=*/false, out));
    MQ_RETURN_IF_ERROR(err_.Open(/*child_reads=*/false, err));
    MQ_RETURN_IF_ERROR(process_.Start(program, CommandLine(argv),
                                      InheritedEnvironmentBlock(options.environment), in.get(),
                                      out.get(), err.get()));
    running_ = true;
    return absl::OkStatus();
  }

  absl::Status Write(absl::string_view bytes, absl::Time deadline) override {
    while (!bytes.empty()) {
      in_.StartWrite(bytes);
      while (in_.pending()) {
        if (Wait(&in_, deadline))
          bytes.remove_prefix(in_.Written());
        else if (in_.pending()) {
          in_.Close();  // Nobody knows how much of it went.
          return absl::DeadlineExceededError("it does not read its input");
        }
      }
      if (!in_.open()) return absl::UnavailableError("it does not take input any more");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadLine(std::size_t max_length, absl::Time deadline) override {
    while (true) {
      if (overlong_) return absl::ResourceExhaustedError("a line without an end");
      if (std::optional<std::string> line = lines_.Take()) return *std::move(line);
      if (lines_.size() > max_length) {
        overlong_ = true;
        lines_.Clear();
        continue;
      }
      out_.StartRead();
      if (!out_.open()) return absl::UnavailableError("its output has ended");
      if (!Wait(&out_, deadline)) return absl::DeadlineExceededError("no line came");
      lines_.Append(out_.Taken());
    }
  }

  std::string Remainder() override { return lines_.TakeRest(); }

  std::string ErrorTail() override {
    while (true) {
      err_.StartRead();
      const std::string bytes = err_.Taken();
      if (bytes.empty()) return tail_.text();
      tail_.Append(bytes);
    }
  }

  void CloseInput() override { in_.Close(); }

  bool AwaitEnd(absl::Time deadline) override {
    while (!Ended()) {
      if (absl::Now() >= deadline) return false;
      out_.StartRead();
      const absl::Time soon = std::min(deadline, absl::Now() + absl::Milliseconds(20));
      if (!out_.open())
        (void)process_.AwaitEnd(soon);
      else if (Wait(&out_, soon))
        (void)out_.Taken();
    }
    return true;
  }

  void Kill() override {
    if (running_) {
      process_.Kill();
      // Its last handles are closed some time after; not for ever, whatever a driver does.
      (void)process_.AwaitEnd(absl::Now() + absl::Seconds(30));
      exit_code_ = process_.ExitCode();
      running_ = false;
    }
    ErrorTail();
    in_.Close();
    out_.Close();
    err_.Close();
  }

  std::int64_t pid() const override { return process_.pid(); }
  std::optional<int> exit_code() const override { return exit_code_; }

 private:
  // What it has left goes with it.
  bool Ended() {
    if (running_ && process_.AwaitEnd(absl::Now())) {
      exit_code_ = process_.ExitCode();
      process_.Kill();
      running_ = false;
    }
    return !running_;
  }

  // Until `pipe` has something to say; reads standard error along. False at the deadline.
  bool Wait(OverlappedPipe* pipe, absl::Time deadline) {
    while (true) {
      ErrorTail();
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      HANDLE events[2] = {pipe->event(), err_.event()};
      const DWORD count = err_.open() ? 2 : 1;
      const auto ms =
          static_cast<DWORD>(absl::ToInt64Milliseconds(std::min(left, absl::Seconds(1)))) + 1;
      const DWORD which = ::WaitForMultipleObjects(count, events, FALSE, ms);
      if (which == WAIT_OBJECT_0) return true;
      // It may be gone and leave its pipes to others, who then go, too.
      if (which == WAIT_TIMEOUT) (void)Ended();
    }
  }

  JobProcess process_;
  OverlappedPipe in_, out_, err_;
  LineBuffer lines_;
  Tail tail_;
  bool overlong_ = false;
  bool running_ = false;
  std::optional<int> exit_code_;
};
}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const std::vector<std::string>& argv,
                                                    const ChildOptions& options) {
  if (argv.empty()) return absl::InvalidArgumentError("no program to run");
  auto child = std::make_unique<WindowsChild>();
  MQ_RETURN_IF_ERROR(child->Begin(argv, options));
  return child;
}

}  // namespace mailquench::agent
