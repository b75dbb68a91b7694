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

// A child with these three streams and no other handle of ours, in a job that dies with it.
class Child {
 public:
  absl::Status Start(const std::wstring& program,
                     std::wstring line,
                     std::wstring environment,
                     HANDLE in,
                     HANDLE out,
                     HANDLE err) {
    job_.Reset(::CreateJobObjectW(nullptr, nullptr));
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (!job_.valid() || !::SetInformationJobObject(job_.get(), JobObjectExtendedLimitInformation,
                                                    &limits, sizeof limits))
      return os::WindowsError(::GetLastError(), "a job for a child");
    std::vector<HANDLE> handed = {in, out, err};
    std::sort(handed.begin(), handed.end());
    handed.erase(std::unique(handed.begin(), handed.end()), handed.end());  // Twice is refused.
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    std::vector<std::uint64_t> room(size / sizeof(std::uint64_t) + 1);
    auto* const list = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(room.data());
    if (!::InitializeProcThreadAttributeList(list, 1, 0, &size))
      return os::WindowsError(::GetLastError(), "the handles of a child");
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = in;
    startup.StartupInfo.hStdOutput = out;
    startup.StartupInfo.hStdError = err;
    startup.lpAttributeList = list;
    PROCESS_INFORMATION made{};
    const bool started =
        ::UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handed.data(),
                                    handed.size() * sizeof(HANDLE), nullptr, nullptr) &&
        ::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE,
                         CREATE_SUSPENDED | CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT |
                             EXTENDED_STARTUPINFO_PRESENT,
                         environment.data(), SystemFolder().c_str(), &startup.StartupInfo, &made);
    const DWORD error = ::GetLastError();
    ::DeleteProcThreadAttributeList(list);
    if (!started) return os::WindowsError(error, absl::StrCat("cannot run ", os::ToUtf8(program)));
    process_.Reset(made.hProcess);
    const Handle thread(made.hThread);
    // Before its first instruction, so that nothing that it starts is outside.
    if (!::AssignProcessToJobObject(job_.get(), process_.get())) {
      const DWORD unassigned = ::GetLastError();
      // Before Windows 8 a process is in one job at most; it is already where ours is in one
      // (learn.microsoft.com/windows/win32/procthread/nested-jobs). Then the child alone is killed.
      BOOL in_one = FALSE;
      if (unassigned != ERROR_ACCESS_DENIED ||
          !::IsProcessInJob(process_.get(), nullptr, &in_one) || !in_one) {
        ::TerminateProcess(process_.get(), 1);
        return os::WindowsError(unassigned, "put a child into its job");
      }
      job_.Reset();
    }
    ::ResumeThread(thread.get());
    return absl::OkStatus();
  }
  bool AwaitEnd(absl::Time deadline) const {
    const std::int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    return ::WaitForSingleObject(process_.get(), static_cast<DWORD>(std::clamp<std::int64_t>(
                                                     left, 0, 0x7ffffffe))) == WAIT_OBJECT_0;
  }
  // It and all that it started: so that every writer of the pipes is gone.
  void Kill() {
    if (job_.valid())
      ::TerminateJobObject(job_.get(), 137);
    else
      ::TerminateProcess(process_.get(), 137);
  }
  // It has ended; what it has left running stays.
  void LetGo() {
    if (!job_.valid()) return;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION none{};
    (void)::SetInformationJobObject(job_.get(), JobObjectExtendedLimitInformation, &none,
                                    sizeof none);
  }
  int ExitCode() const {
    DWORD code = 0;
    return ::GetExitCodeProcess(process_.get(), &code) ? static_cast<int>(code) : -1;
  }

 private:
  Handle job_;
  Handle process_;
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
  Child child;
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
