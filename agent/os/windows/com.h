// COM for the length of a call.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_COM_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_COM_H_

#include <windows.h>
// After windows.h.
#include <objbase.h>
#include <oleauto.h>

#include <string>

namespace mailquench::agent {

// Initialises COM on this thread, unless it is already, in whatever way.
class ComThread {
 public:
  ComThread() : result_(::CoInitializeEx(nullptr, COINIT_MULTITHREADED)) {}
  ComThread(const ComThread&) = delete;
  ComThread& operator=(const ComThread&) = delete;
  ~ComThread() {
    if (SUCCEEDED(result_)) ::CoUninitialize();
  }
  // RPC_E_CHANGED_MODE: somebody has made it an apartment; calls work there, too.
  bool ok() const { return SUCCEEDED(result_) || result_ == RPC_E_CHANGED_MODE; }
  HRESULT result() const { return result_; }

 private:
  const HRESULT result_;
};

template <typename T>
class ComPointer {
 public:
  ComPointer() = default;
  ComPointer(const ComPointer&) = delete;
  ComPointer& operator=(const ComPointer&) = delete;
  ~ComPointer() { Reset(); }
  void Reset() {
    if (pointer_ != nullptr) pointer_->Release();
    pointer_ = nullptr;
  }
  T* get() const { return pointer_; }
  T* operator->() const { return pointer_; }
  T** put() {
    Reset();
    return &pointer_;
  }
  void** put_void() { return reinterpret_cast<void**>(put()); }

 private:
  T* pointer_ = nullptr;
};

class Bstr {
 public:
  explicit Bstr(const std::wstring& text)
      : text_(::SysAllocStringLen(text.data(), static_cast<UINT>(text.size()))) {}
  Bstr(const Bstr&) = delete;
  Bstr& operator=(const Bstr&) = delete;
  ~Bstr() { ::SysFreeString(text_); }
  BSTR get() const { return text_; }

 private:
  BSTR text_;
};

class Variant {
 public:
  Variant() { ::VariantInit(&value_); }
  Variant(const Variant&) = delete;
  Variant& operator=(const Variant&) = delete;
  ~Variant() { ::VariantClear(&value_); }
  VARIANT* put() {
    ::VariantClear(&value_);
    return &value_;
  }
  const VARIANT& get() const { return value_; }
  VARIANT& operator*() { return value_; }  // As it stands, to be filled by hand.

 private:
  VARIANT value_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_COM_H_
