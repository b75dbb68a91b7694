#include "common/status/error.h"
#include "tests/contract/smtpsvc_services.h"
#include "tests/simulation/smtpsvc/smtp_service.h"

namespace mailquench::contract {
namespace {
using agent::ServiceInfo;
using agent::ServiceProgress;
using agent::ServiceState;

class InProcess final : public Services, public agent::ServiceManager {
 public:
  explicit InProcess(agent::smtpsvc::Metabase& metabase) : service_(metabase, {}) {}
  agent::ServiceManager& manager() override { return *this; }

  absl::StatusOr<ServiceInfo> Query(const std::string& name) override {
    if (name != "SMTPSVC") return Error(absl::StatusCode::kNotFound, "NO_SERVICE", name);
    ServiceInfo info;
    info.state = runs_ ? ServiceState::kRunning : ServiceState::kStopped;
    info.start_type = agent::StartType::kManual;
    return info;
  }
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string&) override {
    return std::vector<std::string>();
  }
  absl::Status Stop(const std::string&, absl::Time, const ServiceProgress&) override {
    service_.Stop([] {});
    runs_ = false;
    return absl::OkStatus();
  }
  absl::Status Start(const std::string&, absl::Time, const ServiceProgress&) override {
    const std::string problems = service_.Start();
    runs_ = true;
    return problems.empty() ? absl::OkStatus() : absl::InternalError(problems);
  }

 private:
  simulation::SmtpService service_;
  bool runs_ = false;
};

}  // namespace

std::unique_ptr<Services> MakeServices(const std::string&,
                                       agent::smtpsvc::Metabase& metabase,
                                       std::string*) {
  return std::make_unique<InProcess>(metabase);
}

}  // namespace mailquench::contract
