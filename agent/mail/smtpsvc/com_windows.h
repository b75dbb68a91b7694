// What the metabase needs of COM. Windows alone.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_COM_WINDOWS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_COM_WINDOWS_H_

#include <windows.h>
// After windows.h.
#include <oleauto.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mailquench::agent::smtpsvc {

// COM on this thread while it lives. One that has another apartment already keeps it.
class ComScope {
 public:
  ComScope() : result_(::CoInitializeEx(nullptr, COINIT_MULTITHREADED)) {}
  ~ComScope() {
    if (SUCCEEDED(result_)) ::CoUninitialize();
  }
  ComScope(const ComScope&) = delete;
  ComScope& operator=(const ComScope&) = delete;

 private:
  const HRESULT result_;
};

template <typename T>
class ComPtr {
 public:
  ComPtr() = default;
  ~ComPtr() {
    if (pointer_ != nullptr) pointer_->Release();
  }
  ComPtr(const ComPtr&) = delete;
  ComPtr& operator=(const ComPtr&) = delete;
  T* operator->() const { return pointer_; }
  T* get() const { return pointer_; }
  void** Receive() { return reinterpret_cast<void**>(&pointer_); }

 private:
  T* pointer_ = nullptr;
};

class Bstr {
 public:
  explicit Bstr(const wchar_t* text) : text_(::SysAllocString(text)) {}
  ~Bstr() { ::SysFreeString(text_); }
  Bstr(const Bstr&) = delete;
  Bstr& operator=(const Bstr&) = delete;
  BSTR get() const { return text_; }

 private:
  BSTR text_;
};

class Variant {
 public:
  Variant() { ::VariantInit(&value_); }
  ~Variant() { ::VariantClear(&value_); }
  Variant(const Variant&) = delete;
  Variant& operator=(const Variant&) = delete;
  VARIANT* get() { return &value_; }
  VARIANT& operator*() { return value_; }

 private:
  VARIANT value_;
};

// kUnavailable/NO_METABASE where no class or service is there for it, kNotFound where a key is not,
// kPermissionDenied, else kInternal; with the number and what was done.
absl::Status ComError(HRESULT result, absl::string_view what);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_COM_WINDOWS_H_
