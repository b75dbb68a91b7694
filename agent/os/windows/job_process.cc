#include "agent/os/windows/job_process.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/windows/surroundings.h"
#include "common/os/wide.h"

namespace mailquench::agent {

absl::Status JobProcess::Start(const std::wstring& program,
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
  pid_ = made.dwProcessId;
  const Handle thread(made.hThread);
  // Before its first instruction, so that nothing that it starts is outside.
  if (!::AssignProcessToJobObject(job_.get(), process_.get())) {
    const DWORD unassigned = ::GetLastError();
    // Before Windows 8 a process is in one job at most; it is already where ours is in one
    // (learn.microsoft.com/windows/win32/procthread/nested-jobs). Then the child alone is killed.
    BOOL in_one = FALSE;
    if (unassigned != ERROR_ACCESS_DENIED || !::IsProcessInJob(process_.get(), nullptr, &in_one) ||
        !in_one) {
      ::TerminateProcess(process_.get(), 1);
      return os::WindowsError(unassigned, "put a child into its job");
    }
    job_.Reset();
  }
  ::ResumeThread(thread.get());
  return absl::OkStatus();
}

bool JobProcess::AwaitEnd(absl::Time deadline) const {
  const std::int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
  return ::WaitForSingleObject(process_.get(), static_cast<DWORD>(std::clamp<std::int64_t>(
                                                   left, 0, 0x7ffffffe))) == WAIT_OBJECT_0;
}

void JobProcess::Kill() {
  if (job_.valid())
    ::TerminateJobObject(job_.get(), 137);
  else
    ::TerminateProcess(process_.get(), 137);
}

void JobProcess::LetGo() {
  if (!job_.valid()) return;
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION none{};
  (void)::SetInformationJobObject(job_.get(), JobObjectExtendedLimitInformation, &none,
                                  sizeof none);
}

int JobProcess::ExitCode() const {
  DWORD code = 0;
  return ::GetExitCodeProcess(process_.get(), &code) ? static_cast<int>(code) : -1;
}

}  // namespace mailquench::agent
