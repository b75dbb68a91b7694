#include "agent/os/wmi.h"

#include "agent/os/windows/com.h"
// After windows.h.
#include <wbemidl.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

absl::Status WmiError(HRESULT result, const std::string& what) {
  const auto code = static_cast<DWORD>(result);
  const std::string sentence = absl::StrCat(what, ": WMI error 0x", absl::Hex(code));
  switch (code) {
    case static_cast<DWORD>(WBEM_E_INVALID_NAMESPACE):
    case static_cast<DWORD>(WBEM_E_INVALID_CLASS):
    case static_cast<DWORD>(WBEM_E_NOT_FOUND):
      return absl::NotFoundError(sentence);
    case static_cast<DWORD>(WBEM_E_ACCESS_DENIED):
    case static_cast<DWORD>(E_ACCESSDENIED):
      return absl::PermissionDeniedError(sentence);
    case static_cast<DWORD>(WBEM_E_INVALID_QUERY):
    case static_cast<DWORD>(WBEM_E_INVALID_QUERY_TYPE):
      return absl::InvalidArgumentError(sentence);
    case 0x800706BA:  // RPC_S_SERVER_UNAVAILABLE
    case static_cast<DWORD>(WBEM_E_SHUTTING_DOWN):
      return absl::UnavailableError(sentence);
    default:
      return absl::InternalError(sentence);
  }
}

// "" for what has no text.
std::string TextOf(const VARIANT& value) {
  if (value.vt == VT_BSTR) return value.bstrVal == nullptr ? "" : os::ToUtf8(value.bstrVal);
  if (value.vt == VT_BOOL) return value.boolVal == VARIANT_FALSE ? "false" : "true";
  Variant text;
  // Not in the user's language: numbers as everywhere. mingw wants what it only reads not const.
  if (FAILED(::VariantChangeTypeEx(text.put(), const_cast<VARIANT*>(&value), LOCALE_INVARIANT, 0,
                                   VT_BSTR)) ||
      text.get().vt != VT_BSTR || text.get().bstrVal == nullptr)
    return "";
  return os::ToUtf8(text.get().bstrVal);
}

std::vector<std::string> TextsOf(const VARIANT& value) {
  if (value.vt == VT_NULL || value.vt == VT_EMPTY) return {};
  if ((value.vt & VT_ARRAY) == 0) return {TextOf(value)};
  std::vector<std::string> texts;
  SAFEARRAY* const array = value.parray;
  LONG low = 0;
  LONG high = -1;
  if (array == nullptr || FAILED(::SafeArrayGetLBound(array, 1, &low)) ||
      FAILED(::SafeArrayGetUBound(array, 1, &high)))
    return {};
  for (LONG i = low; i <= high; ++i) {
    Variant element;
    VARIANT* const to = element.put();
    to->vt = static_cast<VARTYPE>(value.vt & ~VT_ARRAY);
    // Every plain type has its place at the same address.
    if (FAILED(::SafeArrayGetElement(array, &i, &to->llVal))) {
      to->vt = VT_EMPTY;
      continue;
    }
    texts.push_back(TextOf(*to));
  }
  return texts;
}

absl::StatusOr<WmiRow> RowOf(IWbemClassObject* object) {
  WmiRow row;
  HRESULT result = object->BeginEnumeration(WBEM_FLAG_NONSYSTEM_ONLY);
  while (SUCCEEDED(result)) {
    BSTR name = nullptr;
    Variant value;
    result = object->Next(0, &name, value.put(), nullptr, nullptr);
    if (result == WBEM_S_NO_MORE_DATA) break;
    if (SUCCEEDED(result)) row[os::ToUtf8(name)] = TextsOf(value.get());
    ::SysFreeString(name);
  }
  object->EndEnumeration();
  if (FAILED(result)) return WmiError(result, "read the properties of an object");
  return row;
}

absl::Status Connect(const std::string& name_space, ComPointer<IWbemServices>& services) {
  ComPointer<IWbemLocator> locator;
  HRESULT result = ::CoCreateInstance(CLSID_WbemLocator, nullptr, CLSCTX_INPROC_SERVER,
                                      IID_IWbemLocator, locator.put_void());
  if (FAILED(result)) return WmiError(result, "start WMI");
  result = locator->ConnectServer(Bstr(os::ToWide(name_space)).get(), nullptr, nullptr, nullptr,
                                  WBEM_FLAG_CONNECT_USE_MAX_WAIT, nullptr, nullptr, services.put());
  if (FAILED(result)) return WmiError(result, absl::StrCat("open the namespace ", name_space));
  result = ::CoSetProxyBlanket(reinterpret_cast<IUnknown*>(services.get()), RPC_C_AUTHN_WINNT,
                               RPC_C_AUTHZ_NONE, nullptr, RPC_C_AUTHN_LEVEL_CALL,
                               RPC_C_IMP_LEVEL_IMPERSONATE, nullptr, EOAC_NONE);
  // E_NOINTERFACE: no proxy, it is in this process (Wine).
  if (FAILED(result) && result != E_NOINTERFACE) return WmiError(result, "speak to WMI");
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<std::vector<WmiRow>> QueryWmi(const std::string& name_space,
                                             const std::string& query,
                                             absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const ComThread com;
  if (!com.ok()) return WmiError(com.result(), "start COM");
  ComPointer<IWbemServices> services;
  MQ_RETURN_IF_ERROR(Connect(name_space, services));
  ComPointer<IEnumWbemClassObject> found;
  HRESULT result = services->ExecQuery(Bstr(L"WQL").get(), Bstr(os::ToWide(query)).get(),
                                       WBEM_FLAG_FORWARD_ONLY | WBEM_FLAG_RETURN_IMMEDIATELY,
                                       nullptr, found.put());
  if (FAILED(result)) return WmiError(result, query);
  std::vector<WmiRow> rows;
  while (true) {
    const std::int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    ComPointer<IWbemClassObject> object;
    ULONG count = 0;
    result = left <= 0 ? static_cast<HRESULT>(WBEM_S_TIMEDOUT)
                       : found->Next(static_cast<LONG>(std::min<std::int64_t>(left, 0x7fffffff)), 1,
                                     object.put(), &count);
    if (result == WBEM_S_TIMEDOUT)
      return Error(absl::StatusCode::kDeadlineExceeded, "WMI_TIMED_OUT",
                   absl::StrCat("WMI has not answered '", query, "' within ",
                                absl::FormatDuration(timeout)));
    if (FAILED(result)) return WmiError(result, query);
    if (count == 0) return rows;
    MQ_ASSIGN_OR_RETURN(WmiRow row, RowOf(object.get()));
    rows.push_back(std::move(row));
  }
}

}  // namespace mailquench::agent
