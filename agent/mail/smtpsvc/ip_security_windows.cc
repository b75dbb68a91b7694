#include "agent/mail/smtpsvc/ip_security_windows.h"

#include "agent/mail/smtpsvc/com_windows.h"
// After windows.h, and before adshlp.h, which names what this declares.
#include <iads.h>
// After iads.h.
#include <adshlp.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/system_library.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
// iads.h; written out, since each SDK keeps its copy in another library.
constexpr GUID kIidIads = {
    0xfd8256d0, 0xfd15, 0x11ce, {0xab, 0xc4, 0x02, 0x60, 0x8c, 0x9e, 0x75, 0x53}};
constexpr GUID kIidNull = {0, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0}};

absl::Status BadList(const std::string& key, const std::string& name, HRESULT result) {
  return Error(absl::StatusCode::kDataLoss, "BAD_IP_LIST",
               absl::StrCat("IIS cannot read the ", name, " of SmtpSvc/", key, " (",
                            absl::Hex(static_cast<unsigned long>(result), absl::kZeroPad8), ")"));
}

absl::Status Open(const std::string& key, ComPointer<IADs>& out) {
  const std::string path = absl::StrCat("IIS://localhost/SmtpSvc", key.empty() ? "" : "/", key);
  // For good: what it gave out lives in it.
  static const os::SystemLibrary* const directory = new os::SystemLibrary(L"activeds.dll");
  auto* const get = directory->Get<HRESULT WINAPI(const wchar_t*, REFIID, void**)>("ADsGetObject");
  const HRESULT result =
      get == nullptr ? E_NOINTERFACE : get(os::ToWide(path).c_str(), kIidIads, out.put_void());
  return FAILED(result) ? ComError(result, absl::StrCat("ADsGetObject ", path)) : absl::OkStatus();
}

// The object of a property, as a dispatch interface inside `value`.
absl::Status ObjectOf(IADs& object,
                      const std::string& key,
                      const std::string& name,
                      Variant& value) {
  const HRESULT result = object.Get(Bstr(os::ToWide(name)).get(), value.put());
  if (FAILED(result)) return BadList(key, name, result);
  if ((*value).vt != VT_DISPATCH || (*value).pdispVal == nullptr)
    return BadList(key, name, E_NOINTERFACE);
  return absl::OkStatus();
}

absl::StatusOr<DISPID> IdOf(IDispatch& object, const wchar_t* name) {
  DISPID id = 0;
  LPOLESTR names[] = {const_cast<LPOLESTR>(name)};
  const HRESULT result = object.GetIDsOfNames(kIidNull, names, 1, LOCALE_USER_DEFAULT, &id);
  if (FAILED(result)) return ComError(result, "GetIDsOfNames of IIsIPSecurity");
  return id;
}

absl::Status GetOne(IDispatch& object, const wchar_t* name, Variant& out) {
  MQ_ASSIGN_OR_RETURN(const DISPID id, IdOf(object, name));
  DISPPARAMS none{};
  const HRESULT result = object.Invoke(id, kIidNull, LOCALE_USER_DEFAULT, DISPATCH_PROPERTYGET,
                                       &none, out.put(), nullptr, nullptr);
  return FAILED(result) ? ComError(result, "read a property of IIsIPSecurity") : absl::OkStatus();
}

absl::Status PutOne(IDispatch& object, const wchar_t* name, VARIANT& value) {
  MQ_ASSIGN_OR_RETURN(const DISPID id, IdOf(object, name));
  DISPID put = DISPID_PROPERTYPUT;
  DISPPARAMS arguments{};
  arguments.rgvarg = &value;
  arguments.cArgs = 1;
  arguments.rgdispidNamedArgs = &put;
  arguments.cNamedArgs = 1;
  const HRESULT result = object.Invoke(id, kIidNull, LOCALE_USER_DEFAULT, DISPATCH_PROPERTYPUT,
                                       &arguments, nullptr, nullptr, nullptr);
  return FAILED(result) ? ComError(result, "set a property of IIsIPSecurity") : absl::OkStatus();
}

// An array of variants that hold texts, as scripts have them. Empty and null are no texts.
absl::StatusOr<std::vector<std::string>> GetList(IDispatch& object, const wchar_t* name) {
  Variant value;
  MQ_RETURN_IF_ERROR(GetOne(object, name, value));
  std::vector<std::string> out;
  if ((*value).vt == VT_EMPTY || (*value).vt == VT_NULL) return out;
  if ((*value).vt != (VT_ARRAY | VT_VARIANT) || ::SafeArrayGetDim((*value).parray) != 1)
    return absl::InternalError("a list of IIsIPSecurity is no array of texts");
  LONG first = 0, last = -1;
  (void)::SafeArrayGetLBound((*value).parray, 1, &first);
  (void)::SafeArrayGetUBound((*value).parray, 1, &last);
  for (LONG i = first; i <= last; ++i) {
    Variant element;
    const HRESULT result = ::SafeArrayGetElement((*value).parray, &i, element.put());
    if (FAILED(result)) return ComError(result, "read a list of IIsIPSecurity");
    if ((*element).vt == VT_BSTR && (*element).bstrVal != nullptr)
      out.push_back(os::ToUtf8((*element).bstrVal));
  }
  return out;
}

absl::Status PutList(IDispatch& object, const wchar_t* name, const std::vector<std::string>& list) {
  Variant value;
  SAFEARRAY* array = ::SafeArrayCreateVector(VT_VARIANT, 0, static_cast<ULONG>(list.size()));
  if (array == nullptr) return absl::ResourceExhaustedError("no memory for a list of addresses");
  (*value).vt = VT_ARRAY | VT_VARIANT;
  (*value).parray = array;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Variant element;
    (*element).vt = VT_BSTR;
    (*element).bstrVal = ::SysAllocString(os::ToWide(list[i]).c_str());
    LONG at = static_cast<LONG>(i);
    const HRESULT result = ::SafeArrayPutElement(array, &at, &*element);
    if (FAILED(result)) return ComError(result, "make a list of IIsIPSecurity");
  }
  return PutOne(object, name, *value);
}
}  // namespace

absl::StatusOr<IpSecurity> GetIpSecurity(const std::string& key, const std::string& name) {
  ComPointer<IADs> object;
  MQ_RETURN_IF_ERROR(Open(key, object));
  Variant property;
  MQ_RETURN_IF_ERROR(ObjectOf(*object.get(), key, name, property));
  IDispatch& list = *(*property).pdispVal;
  IpSecurity out;
  Variant by_default;
  MQ_RETURN_IF_ERROR(GetOne(list, L"GrantByDefault", by_default));
  const HRESULT changed = ::VariantChangeType(&*by_default, &*by_default, 0, VT_BOOL);
  if (FAILED(changed)) return ComError(changed, "read GrantByDefault of IIsIPSecurity");
  out.grant_by_default = (*by_default).boolVal != VARIANT_FALSE;
  MQ_ASSIGN_OR_RETURN(out.ip_grant, GetList(list, L"IPGrant"));
  MQ_ASSIGN_OR_RETURN(out.ip_deny, GetList(list, L"IPDeny"));
  MQ_ASSIGN_OR_RETURN(out.domain_grant, GetList(list, L"DomainGrant"));
  MQ_ASSIGN_OR_RETURN(out.domain_deny, GetList(list, L"DomainDeny"));
  return out;
}

absl::Status SetIpSecurity(const std::string& key,
                           const std::string& name,
                           const IpSecurity& value,
                           const std::string& object_of) {
  ComPointer<IADs> object;
  MQ_RETURN_IF_ERROR(Open(key, object));
  Variant property;
  MQ_RETURN_IF_ERROR(ObjectOf(*object.get(), key, object_of, property));
  IDispatch& list = *(*property).pdispVal;
  Variant by_default;
  (*by_default).vt = VT_BOOL;
  (*by_default).boolVal = value.grant_by_default ? VARIANT_TRUE : VARIANT_FALSE;
  MQ_RETURN_IF_ERROR(PutOne(list, L"GrantByDefault", *by_default));
  // The lists of the other sense do not count and are emptied with the sense itself; those of
  // another property are emptied by hand.
  if (value.grant_by_default || object_of != name) {
    MQ_RETURN_IF_ERROR(PutList(list, L"IPDeny", value.ip_deny));
    MQ_RETURN_IF_ERROR(PutList(list, L"DomainDeny", value.domain_deny));
  }
  if (!value.grant_by_default || object_of != name) {
    MQ_RETURN_IF_ERROR(PutList(list, L"IPGrant", value.ip_grant));
    MQ_RETURN_IF_ERROR(PutList(list, L"DomainGrant", value.domain_grant));
  }
  HRESULT result = object->Put(Bstr(os::ToWide(name)).get(), *property);
  if (FAILED(result)) return ComError(result, absl::StrCat("put ", name));
  result = object->SetInfo();
  return FAILED(result) ? ComError(result, absl::StrCat("SetInfo of SmtpSvc/", key))
                        : absl::OkStatus();
}

}  // namespace mailquench::agent::smtpsvc
