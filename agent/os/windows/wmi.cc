#include "agent/os/wmi.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/windows/wmi_connection.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

constexpr LONG kCallSlice = 250;  // Milliseconds.

void Fill(const WmiParameter& parameter, VARIANT* to) {
  if (const auto* small = std::get_if<std::uint8_t>(&parameter.value)) {
    to->vt = VT_UI1;
    to->bVal = *small;
  } else if (const auto* number = std::get_if<std::uint32_t>(&parameter.value)) {
    to->vt = VT_I4;  // So does WMI carry an uint32.
    to->lVal = static_cast<LONG>(*number);
  } else {
    const std::wstring text = os::ToWide(std::get<std::string>(parameter.value));
    to->vt = VT_BSTR;
    to->bstrVal = ::SysAllocStringLen(text.data(), static_cast<UINT>(text.size()));
  }
}

// The object that goes into a method; null for one that takes nothing.
absl::Status MakeArguments(IWbemServices* services,
                           const std::string& class_name,
                           const std::string& method,
                           const std::vector<WmiParameter>& parameters,
                           ComPointer<IWbemClassObject>& arguments) {
  const std::string what = absl::StrCat(class_name, ".", method);
  ComPointer<IWbemClassObject> of;
  ComPointer<IWbemClassObject> signature;
  HRESULT result =
      services->GetObject(Bstr(os::ToWide(class_name)).get(), 0, nullptr, of.put(), nullptr);
  if (FAILED(result)) return WmiError(result, absl::StrCat("look up the class ", class_name));
  result = of->GetMethod(os::ToWide(method).c_str(), 0, signature.put(), nullptr);
  if (FAILED(result)) return WmiError(result, absl::StrCat("look up the method ", what));
  if (parameters.empty()) return absl::OkStatus();
  if (signature.get() == nullptr)
    return absl::InvalidArgumentError(absl::StrCat(what, " takes no parameters"));
  result = signature->SpawnInstance(0, arguments.put());
  for (const WmiParameter& parameter : parameters) {
    if (FAILED(result)) break;
    Variant value;
    Fill(parameter, value.put());
    result = arguments->Put(os::ToWide(parameter.name).c_str(), 0, &*value, 0);
    if (FAILED(result))
      return WmiError(result, absl::StrCat("set the parameter ", parameter.name, " of ", what));
  }
  return FAILED(result) ? WmiError(result, absl::StrCat("call ", what)) : absl::OkStatus();
}

// A provider's own error: an object of the class MSFT_WmiError, or __ExtendedStatus of old ones.
void TakeError(WmiAnswer& answer) {
  ComPointer<IErrorInfo> info;
  ComPointer<IWbemClassObject> object;
  if (::GetErrorInfo(0, info.put()) != S_OK ||
      FAILED(info->QueryInterface(IID_IWbemClassObject, object.put_void())))
    return;
  const absl::StatusOr<WmiRow> row = WmiRowOf(object.get());
  if (!row.ok()) return;
  for (const char* name : {"Message", "Description"}) {
    const auto found = row->find(name);
    if (found != row->end() && !found->second.empty() && answer.text.empty())
      answer.text = found->second.front();
  }
  for (const char* name : {"error_Code", "StatusCode"}) {
    const auto found = row->find(name);
    std::int64_t code = 0;
    if (found != row->end() && !found->second.empty() &&
        absl::SimpleAtoi(found->second.front(), &code) && code != 0) {
      answer.code = static_cast<std::uint32_t>(code);
      return;
    }
  }
}

absl::Status TakeValues(IWbemClassObject* object, WmiAnswer& answer) {
  if (object == nullptr) return absl::OkStatus();  // A method that gives nothing back.
  MQ_ASSIGN_OR_RETURN(answer.values, WmiRowOf(object));
  const auto returned = answer.values.find("ReturnValue");
  std::int64_t code = 0;  // An uint32 comes as a negative number.
  if (returned != answer.values.end() && !returned->second.empty() &&
      absl::SimpleAtoi(returned->second.front(), &code))
    answer.code = static_cast<std::uint32_t>(code);
  return absl::OkStatus();
}

class WmiOfHost final : public Wmi {
 public:
  absl::StatusOr<std::vector<WmiRow>> Query(const std::string& name_space,
                                            const std::string& query,
                                            absl::Duration timeout) override;
  absl::StatusOr<WmiAnswer> Call(const std::string& name_space,
                                 const std::string& class_name,
                                 const std::string& method,
                                 const std::vector<WmiParameter>& parameters,
                                 const std::function<absl::Status()>& still_wanted) override;
};

absl::StatusOr<std::vector<WmiRow>> WmiOfHost::Query(const std::string& name_space,
                                                     const std::string& query,
                                                     absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const ComThread com;
  if (!com.ok()) return WmiError(com.result(), "start COM");
  ComPointer<IWbemServices> services;
  MQ_RETURN_IF_ERROR(ConnectWmi(name_space, services));
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
    if (rows.size() == kMaxWmiRows)
      return Error(absl::StatusCode::kResourceExhausted, "WMI_TOO_MANY_ROWS",
                   absl::StrCat("WMI has more than ", kMaxWmiRows, " objects for '", query, "'"));
    MQ_ASSIGN_OR_RETURN(WmiRow row, WmiRowOf(object.get()));
    rows.push_back(std::move(row));
  }
}

absl::StatusOr<WmiAnswer> WmiOfHost::Call(const std::string& name_space,
                                          const std::string& class_name,
                                          const std::string& method,
                                          const std::vector<WmiParameter>& parameters,
                                          const std::function<absl::Status()>& still_wanted) {
  const ComThread com;
  if (!com.ok()) return WmiError(com.result(), "start COM");
  ComPointer<IWbemServices> services;
  MQ_RETURN_IF_ERROR(ConnectWmi(name_space, services));
  ComPointer<IWbemClassObject> arguments;
  MQ_RETURN_IF_ERROR(MakeArguments(services.get(), class_name, method, parameters, arguments));
  MQ_RETURN_IF_ERROR(still_wanted());
  ComPointer<IWbemClassObject> values;
  ComPointer<IWbemCallResult> pending;
  // Semisynchronous: it comes back at once, and the thread can be called off.
  HRESULT result = services->ExecMethod(
      Bstr(os::ToWide(class_name)).get(), Bstr(os::ToWide(method)).get(),
      WBEM_FLAG_RETURN_IMMEDIATELY, nullptr, arguments.get(), values.put(), pending.put());
  const std::string what = absl::StrCat("call ", class_name, ".", method);
  if (FAILED(result)) return WmiError(result, what);
  WmiAnswer answer;
  while (pending.get() != nullptr) {  // Null: it is done already (Wine).
    LONG ended = WBEM_S_NO_ERROR;
    result = pending->GetCallStatus(kCallSlice, &ended);
    if (result == WBEM_S_TIMEDOUT) {
      MQ_RETURN_IF_ERROR(still_wanted());
      continue;
    }
    if (FAILED(result)) return WmiError(result, what);
    result = pending->GetResultObject(kCallSlice, values.put());
    if (SUCCEEDED(ended) && FAILED(result)) return WmiError(result, what);
    if (SUCCEEDED(ended)) break;
    answer.code = static_cast<std::uint32_t>(ended);
    TakeError(answer);
    return answer;
  }
  MQ_RETURN_IF_ERROR(TakeValues(values.get(), answer));
  return answer;
}
}  // namespace

std::unique_ptr<Wmi> MakeWmi() {
  return std::make_unique<WmiOfHost>();
}

}  // namespace mailquench::agent
