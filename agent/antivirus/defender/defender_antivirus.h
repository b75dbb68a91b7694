// Microsoft Defender Antivirus, by its classes in WMI: no PowerShell is needed. Windows 10, Server
// 2016 and later; portable but for who gives it the WMI and the services of the host.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_DEFENDER_ANTIVIRUS_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_DEFENDER_ANTIVIRUS_H_

#include <memory>
#include <string>
#include <vector>

#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/defender/exclusions.h"
#include "agent/antivirus/defender/threats.h"
#include "agent/os/service_manager.h"
#include "agent/os/wmi.h"

namespace mailquench::agent::defender {

struct DefenderOptions {
  // How long after a scan it is waited for what Defender makes of what it has found, and how often
  // that is looked at.
  absl::Duration settle = absl::Seconds(20);
  absl::Duration look_every = absl::Seconds(2);
};

// Thread-safe. Defender acts on what it finds by its own settings, whether `remove` asks for it or
// not, and its scan cannot be told to leave a folder out: one that would enter such a folder is
// refused unless Defender's exclusions name it.
class DefenderAntivirus final : public Antivirus {
 public:
  DefenderAntivirus(std::shared_ptr<Wmi> wmi,
                    std::unique_ptr<ServiceManager> services,
                    DefenderOptions options = {})
      : wmi_(std::move(wmi)), services_(std::move(services)), options_(options) {}

  bool IsPresent(const WorkContext& context = {}) override;
  v1::AntivirusProduct Status(const WorkContext& context = {}) override;
  // kUnavailable/UPDATE_SOURCE_AWAY, kPermissionDenied/NO_RIGHTS,
  // kFailedPrecondition/UPDATE_FAILED, ANTIVIRUS_NOT_RUNNING; as the contract says.
  absl::StatusOr<Updated> Update(const WorkContext& context) override;
  // kFailedPrecondition/FOLDERS_NOT_EXCLUDED, SCAN_FAILED, ANTIVIRUS_NOT_RUNNING.
  absl::Status Scan(const ScanOrder& order,
                    const WorkContext& context,
                    v1::AntivirusScanResult& result) override;

 private:
  static absl::Status NotRunning(const v1::AntivirusProduct& product, absl::string_view left);
  absl::StatusOr<WmiRow> Only(const std::string& class_name);
  absl::StatusOr<Exclusions> ReadExclusions();
  absl::StatusOr<WmiAnswer> Call(const std::string& class_name,
                                 const std::string& method,
                                 const std::vector<WmiParameter>& parameters,
                                 const std::string& doing,
                                 const WorkContext& context);
  absl::Status CheckLeftOut(const ScanOrder& order);
  absl::Status ScanOnce(v1::ScanKind kind,
                        const std::string& path,
                        const WorkContext& context,
                        std::string& more_to_do);
  absl::Status TakeThreats(const ThreatScope& scope,
                           bool passive,
                           const WorkContext& context,
                           v1::AntivirusScanResult& result);

  const std::shared_ptr<Wmi> wmi_;
  const std::unique_ptr<ServiceManager> services_;
  const DefenderOptions options_;
};

}  // namespace mailquench::agent::defender

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_DEFENDER_ANTIVIRUS_H_
