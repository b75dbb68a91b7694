// WMI as Microsoft documents it for Defender and the Security Center: classes with the properties
// and methods that they have, and no others. A class, property, method or parameter that is not
// declared is the error that the real one has.
// learn.microsoft.com/en-us/previous-versions/windows/desktop/defender/windows-defender-wmiv2-apis-portal
#ifndef MAILQUENCH_TESTS_UNIT_ANTIVIRUS_SIMULATED_WMI_H_
#define MAILQUENCH_TESTS_UNIT_ANTIVIRUS_SIMULATED_WMI_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "agent/os/service_manager.h"
#include "agent/os/wmi.h"

namespace mailquench::agent {

inline constexpr char kDefenderSpace[] = "ROOT\\Microsoft\\Windows\\Defender";
inline constexpr char kCenterSpace[] = "ROOT\\SecurityCenter2";

class SimulatedWmi final : public Wmi {
 public:
  using Arguments = std::map<std::string, std::string>;  // By name, as text.
  using Method = std::function<WmiAnswer(const Arguments&)>;

  // With both namespaces, without objects; a method that nobody has set answers 0.
  SimulatedWmi();

  // The objects of a class; a property that the class lacks fails the test.
  void Put(const std::string& name_space, const std::string& class_name, std::vector<WmiRow> rows);
  void Set(const std::string& class_name, const std::string& method, Method body);
  void RemoveClass(const std::string& name_space, const std::string& class_name);
  void RemoveNamespace(const std::string& name_space);
  // Every query of the class fails so.
  void Fail(const std::string& class_name, absl::Status status) { failures_[class_name] = status; }
  // A call takes so many of its looks at whether it is wanted.
  int looks = 0;
  std::vector<std::string> calls;  // "MSFT_MpScan.Start ScanPath=C:\x ScanType=3"

  absl::StatusOr<std::vector<WmiRow>> Query(const std::string& name_space,
                                            const std::string& query,
                                            absl::Duration timeout) override;
  absl::StatusOr<WmiAnswer> Call(const std::string& name_space,
                                 const std::string& class_name,
                                 const std::string& method,
                                 const std::vector<WmiParameter>& parameters,
                                 const std::function<absl::Status()>& still_wanted) override;

 private:
  struct MethodShape {
    std::map<std::string, std::size_t> parameters;  // To the index in WmiParameter's variant.
    Method body;
  };
  struct Class {
    std::set<std::string> properties;
    std::map<std::string, MethodShape> methods;
    std::vector<WmiRow> rows;
  };

  std::map<std::string, std::map<std::string, Class>> spaces_;
  std::map<std::string, absl::Status> failures_;
};

// Services that are there and run, or not.
class ListedServices final : public ServiceManager {
 public:
  std::map<std::string, ServiceState> states;

  absl::StatusOr<ServiceInfo> Query(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string&) override {
    return std::vector<std::string>();
  }
  absl::Status Stop(const std::string&, absl::Time, const ServiceProgress&) override {
    return absl::UnimplementedError("nothing is stopped here");
  }
  absl::Status Start(const std::string&, absl::Time, const ServiceProgress&) override {
    return absl::UnimplementedError("nothing is started here");
  }
};

// A time as WMI writes it.
std::string CimText(absl::Time time);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_UNIT_ANTIVIRUS_SIMULATED_WMI_H_
