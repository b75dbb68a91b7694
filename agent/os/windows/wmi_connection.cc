#include "agent/os/windows/wmi_connection.h"

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"

namespace mailquench::agent {
namespace {

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
}  // namespace

absl::Status WmiError(HRESULT result, const std::string& what) {
  const auto code = static_cast<DWORD>(result);
  const std::string sentence = absl::StrCat(what, ": WMI error 0x", absl::Hex(code));
  switch (code) {
    case static_cast<DWORD>(WBEM_E_INVALID_NAMESPACE):
    case static_cast<DWORD>(WBEM_E_INVALID_CLASS):
    case static_cast<DWORD>(WBEM_E_NOT_FOUND):
    case static_cast<DWORD>(WBEM_E_INVALID_METHOD):
      return absl::NotFoundError(sentence);
    case static_cast<DWORD>(WBEM_E_ACCESS_DENIED):
    case static_cast<DWORD>(E_ACCESSDENIED):
      return absl::PermissionDeniedError(sentence);
    case static_cast<DWORD>(WBEM_E_INVALID_QUERY):
    case static_cast<DWORD>(WBEM_E_INVALID_QUERY_TYPE):
    case static_cast<DWORD>(WBEM_E_TYPE_MISMATCH):
      return absl::InvalidArgumentError(sentence);
    case 0x800706BA:  // RPC_S_SERVER_UNAVAILABLE
    case 0x800106BA:  // The same, as Defender says it while its service is off.
    case static_cast<DWORD>(WBEM_E_SHUTTING_DOWN):
      return absl::UnavailableError(sentence);
    default:
      return absl::InternalError(sentence);
  }
}

absl::StatusOr<WmiRow> WmiRowOf(IWbemClassObject* object) {
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

absl::Status ConnectWmi(const std::string& name_space, ComPointer<IWbemServices>& services) {
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

}  // namespace mailquench::agent
