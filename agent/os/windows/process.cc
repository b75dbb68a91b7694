#include "agent/os/process.h"

#include <windows.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/os/windows/command_line.h"
#include "agent/os/windows/handle.h"
#include "agent/os/windows/job_process.h"
#include "agent/os/windows/surroundings.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

struct Pipe {
  Handle read, write;
  // The end of the child's is inheritable; it goes to this child alone, by the list below.
  absl::Status Open(bool child_reads) {
    HANDLE r = nullptr;
    HANDLE w = nullptr;
    if (!::CreatePipe(&r, &w, nullptr, 65536)) return os::WindowsError(::GetLastError(), "a pipe");
    read.Reset(r);
    write.Reset(w);
    HANDLE const theirs = child_reads ? r : w;
    if (!::SetHandleInformation(theirs, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT))
      return os::WindowsError(::GetLastError(), "a pipe for a child");
    return absl::OkStatus();
  }
};

// Writes the input beside whoever reads the outputs. Its end never waits for a reader that is there
// but does not read: such a one may be left over when the child has ended.
class Feeder {
 public:
  Feeder(Handle pipe, const std::string& input)
      : pipe_(std::move(pipe)), input_(input), thread_([this] { Run(); }) {}
  ~Feeder() {
    while (!done_) {
      const Handle thread(::OpenThread(THREAD_TERMINATE, FALSE, id_));
      // Nothing where it does not write just now; hence again.
      if (thread.valid()) (void)::CancelSynchronousIo(thread.get());
      stop_ = true;
      ::Sleep(1);
    }
    thread_.join();
  }

 private:
  void Run() {
    id_ = ::GetCurrentThreadId();
    std::size_t sent = 0;
    while (sent < input_.size() && !stop_) {
      DWORD n = 0;
      const DWORD part = static_cast<DWORD>(std::min<std::size_t>(input_.size() - sent, 65536));
      if (!::WriteFile(pipe_.get(), input_.data() + sent, part, &n, nullptr)) break;
      sent += n;
    }
    pipe_.Reset();  // End of file.
    done_ = true;
  }
  Handle pipe_;
  const std::string& input_;
  std::atomic<DWORD> id_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> done_ = false;
  std::thread thread_;  // Last: it uses the others.
};

// Reads one output to its end.
class Drain {
 public:
  Drain(Handle pipe, std::size_t max_output)
      : pipe_(std::move(pipe)), max_output_(max_output), thread_([this] { Run(); }) {}
  ~Drain() {
    if (thread_.joinable()) thread_.join();
  }
  bool AwaitEnd(absl::Time deadline) {
    return end_.get_future().wait_until(absl::ToChronoTime(deadline)) == std::future_status::ready;
  }
  std::string Take() {
    thread_.join();
    return std::move(text_);
  }
  // What is still to come is left: somebody outside the job may keep the pipe open.
  void Abandon() {
    while (!done_) {
      stop_ = true;
      const Handle thread(::OpenThread(THREAD_TERMINATE, FALSE, id_));
      if (thread.valid()) (void)::CancelSynchronousIo(thread.get());
      ::Sleep(1);
    }
  }

 private:
  void Run() {
    id_ = ::GetCurrentThreadId();
    char buffer[16384];
    DWORD n = 0;
    while (!stop_ && ::ReadFile(pipe_.get(), buffer, sizeof buffer, &n, nullptr) && n > 0) {
      const std::size_t room = max_output_ - std::min(max_output_, text_.size());
      text_.append(buffer, std::min<std::size_t>(room, n));
    }
    end_.set_value();
    done_ = true;
  }
  Handle pipe_;
  const std::size_t max_output_;
  std::string text_;
  std::promise<void> end_;
  std::atomic<DWORD> id_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> done_ = false;
  std::thread thread_;  // Last: it uses the others.
};

// The null device, for a child.
absl::StatusOr<Handle> Null() {
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  Handle null(::CreateFileW(L"NUL", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                            OPEN_EXISTING, 0, nullptr));
  if (!null.valid()) return os::WindowsError(::GetLastError(), "open NUL");
  return null;
}
}  // namespace

absl::StatusOr<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                         const ProcessOptions& options) {
  if (argv.empty()) return absl::InvalidArgumentError("no program to run");
  const absl::Time deadline = absl::Now() + options.timeout;
  MQ_ASSIGN_OR_RETURN(const std::wstring program, LocateProgram(argv[0]));
  Pipe in, out, err;
  MQ_RETURN_IF_ERROR(in.Open(/*child_reads=*/true));
  MQ_RETURN_IF_ERROR(out.Open(/*child_reads=*/false));
  MQ_RETURN_IF_ERROR(err.Open(/*child_reads=*/false));
  MQ_ASSIGN_OR_RETURN(const Handle null, Null());
  JobProcess child;
  MQ_RETURN_IF_ERROR(child.Start(program, CommandLine(argv), EnvironmentBlock(options.environment),
                                 in.read.get(), options.capture ? out.write.get() : null.get(),
                                 options.capture ? err.write.get() : null.get()));
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  ProcessResult result;
  bool ended = false;
  {
    const Feeder feeder(std::move(in.write), options.input);
    Drain from_out(std::move(out.read), options.max_output);
    Drain from_err(std::move(err.read), options.max_output);
    // As on POSIX the end is that of the outputs, too: a child of the child may write on.
    ended = from_out.AwaitEnd(deadline) && from_err.AwaitEnd(deadline) && child.AwaitEnd(deadline);
    if (ended) {
      result.exit_code = child.ExitCode();
      child.LetGo();
    } else {
      child.Kill();  // In a job nobody is left then who could keep a pipe open.
      from_out.Abandon();
      from_err.Abandon();
    }
    result.out = from_out.Take();
    result.err = from_err.Take();
  }
  if (!ended)
    return Error(absl::StatusCode::kDeadlineExceeded, "PROCESS_TIMED_OUT",
                 absl::StrCat("'", absl::StrJoin(argv, " "), "' did not end within ",
                              absl::FormatDuration(options.timeout), " and was killed"));
  return result;
}

}  // namespace mailquench::agent
