// Our end of a pipe to a child, with deadlines. For child.cc.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_OVERLAPPED_PIPE_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_OVERLAPPED_PIPE_H_

#include <windows.h>

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/os/windows/handle.h"

namespace mailquench::agent {

// A named pipe of one instance, since anonymous ones cannot wait. One operation of the kernel at a
// time; it is over, or has been taken back, before its memory goes.
class OverlappedPipe {
 public:
  OverlappedPipe() = default;
  OverlappedPipe(const OverlappedPipe&) = delete;
  OverlappedPipe& operator=(const OverlappedPipe&) = delete;
  ~OverlappedPipe() { Close(); }

  // `theirs` becomes the inheritable end of a child that reads, or one that writes.
  absl::Status Open(bool child_reads, Handle& theirs);
  void Close();
  bool pending() const { return pending_; }
  bool open() const { return ours_.valid(); }

  // Begins to read, where that is not going on. event() is set when Taken() has something to say.
  void StartRead();
  // What came; "" where nothing did yet. Closes the pipe at its end.
  std::string Taken();
  // Begins to write the first of these bytes, as many as there is room for here. Then Written().
  void StartWrite(absl::string_view bytes);
  // How many of them went; 0 where it is not over yet, or where the child has closed its end, by
  // which ours is closed, too.
  std::size_t Written();
  HANDLE event() const { return event_.get(); }

 private:
  bool Over(DWORD& bytes);

  Handle ours_;
  Handle event_;
  OVERLAPPED operation_{};
  bool pending_ = false;
  std::array<char, 16384> room_{};
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_OVERLAPPED_PIPE_H_
