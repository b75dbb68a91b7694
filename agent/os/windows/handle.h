// One owned handle of the kernel. For files under windows/ and *_windows.cc alone.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_HANDLE_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_HANDLE_H_

#include <windows.h>

#include <string>

namespace mailquench::agent {

// Takes both values that calls return for "none".
class Handle {
 public:
  Handle() = default;
  explicit Handle(HANDLE handle) : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  Handle(Handle&& other) noexcept : handle_(other.Release()) {}
  Handle& operator=(Handle&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~Handle() { Reset(); }

  bool valid() const { return handle_ != nullptr; }
  HANDLE get() const { return handle_; }
  HANDLE Release() {
    HANDLE const handle = handle_;
    handle_ = nullptr;
    return handle;
  }
  void Reset(HANDLE handle = nullptr) {
    if (handle_ != nullptr) ::CloseHandle(handle_);
    handle_ = handle == INVALID_HANDLE_VALUE ? nullptr : handle;
  }

 private:
  HANDLE handle_ = nullptr;
};

// Memory that a call wants back by LocalFree().
template <typename T>
class LocalMemory {
 public:
  LocalMemory() = default;
  LocalMemory(const LocalMemory&) = delete;
  LocalMemory& operator=(const LocalMemory&) = delete;
  ~LocalMemory() {
    if (memory_ != nullptr) ::LocalFree(memory_);
  }
  T get() const { return memory_; }
  T* put() { return &memory_; }

 private:
  T memory_ = nullptr;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_HANDLE_H_
