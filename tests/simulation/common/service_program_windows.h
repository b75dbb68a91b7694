// A simulation as a service of Windows' SCM.
#ifndef MAILQUENCH_TESTS_SIMULATION_COMMON_SERVICE_PROGRAM_WINDOWS_H_
#define MAILQUENCH_TESTS_SIMULATION_COMMON_SERVICE_PROGRAM_WINDOWS_H_

#include <functional>
#include <string>
#include <vector>

namespace mailquench::simulation {

// Exit codes of the program; what fails is said on standard error.
int InstallService(const std::string& name,
                   const std::string& display_name,
                   const std::vector<std::string>& arguments);
int UninstallService(const std::string& name);

struct ServiceWork {
  std::function<bool()> start;  // False: the service ends at once.
  // `progress` tells the SCM that the stop goes on.
  std::function<void(const std::function<void()>& progress)> stop;
};
// What the SCM starts; returns when the service has ended.
int RunService(const std::string& name, ServiceWork work);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_COMMON_SERVICE_PROGRAM_WINDOWS_H_
