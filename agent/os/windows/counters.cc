#include "agent/os/counters.h"

#include <windows.h>
// After windows.h.
#include <pdh.h>
#include <pdhmsg.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
// PDH's codes have no text in the system's table.
std::string Code(PDH_STATUS status) {
  return absl::StrCat("PDH error 0x", absl::Hex(static_cast<DWORD>(status), absl::kZeroPad8));
}

bool IsMissing(PDH_STATUS status) {
  switch (static_cast<DWORD>(status)) {
    case static_cast<DWORD>(PDH_CSTATUS_NO_OBJECT):
    case static_cast<DWORD>(PDH_CSTATUS_NO_COUNTER):
    case static_cast<DWORD>(PDH_CSTATUS_NO_INSTANCE):
    case static_cast<DWORD>(PDH_CSTATUS_NO_MACHINE):
    case static_cast<DWORD>(PDH_CSTATUS_BAD_COUNTERNAME):
      return true;
    default:
      return false;
  }
}

// A query of its own for each value: one that is kept does not see instances that came later.
struct Query {
  ~Query() {
    if (handle != nullptr) ::PdhCloseQuery(handle);
  }
  PDH_HQUERY handle = nullptr;
};

class Pdh final : public Counters {
 public:
  absl::StatusOr<double> Read(const std::string& path) override {
    const auto failed = [&](PDH_STATUS status) {
      if (IsMissing(status))
        return absl::NotFoundError(absl::StrCat("there is no performance counter ", path));
      return Error(
          absl::StatusCode::kUnavailable, "NO_COUNTER",
          absl::StrCat("the performance counter ", path, " has no value just now: ", Code(status)));
    };
    Query query;
    PDH_STATUS status = ::PdhOpenQueryW(nullptr, 0, &query.handle);
    if (status != ERROR_SUCCESS) return failed(status);
    PDH_HCOUNTER counter = nullptr;
    // English on every Windows: PdhAddCounterW() wants the names of its language.
    status = ::PdhAddEnglishCounterW(query.handle, os::ToWide(path).c_str(), 0, &counter);
    if (status != ERROR_SUCCESS) return failed(status);
    status = ::PdhCollectQueryData(query.handle);
    if (status != ERROR_SUCCESS) return failed(status);
    PDH_FMT_COUNTERVALUE value{};
    status =
        ::PdhGetFormattedCounterValue(counter, PDH_FMT_DOUBLE | PDH_FMT_NOCAP100, nullptr, &value);
    // A rate has a value from the second look on.
    if (static_cast<DWORD>(status) == static_cast<DWORD>(PDH_INVALID_DATA) ||
        static_cast<DWORD>(status) == static_cast<DWORD>(PDH_CALC_NEGATIVE_DENOMINATOR)) {
      absl::SleepFor(absl::Seconds(1));
      status = ::PdhCollectQueryData(query.handle);
      if (status == ERROR_SUCCESS)
        status = ::PdhGetFormattedCounterValue(counter, PDH_FMT_DOUBLE | PDH_FMT_NOCAP100, nullptr,
                                               &value);
    }
    if (status != ERROR_SUCCESS) return failed(status);
    if (value.CStatus != PDH_CSTATUS_VALID_DATA && value.CStatus != PDH_CSTATUS_NEW_DATA)
      return failed(static_cast<PDH_STATUS>(value.CStatus));
    return value.doubleValue;
  }
};
}  // namespace

std::unique_ptr<Counters> MakeCounters() {
  return std::make_unique<Pdh>();
}

}  // namespace mailquench::agent
