// What Windows' Security Center knows of antivirus products: that they are there, on or off, and
// whether they call themselves out of date. Workstations alone have it.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_SECURITY_CENTER_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_SECURITY_CENTER_H_

#include <memory>
#include <vector>

#include "agent/antivirus/antivirus.h"
#include "agent/os/wmi.h"

namespace mailquench::agent::defender {

// Products other than Defender, which is asked itself. Namespace ROOT\SecurityCenter2, class
// AntiVirusProduct; what productState means is written down by others than Microsoft:
// 0xF000: 0x1000 on, 0x0000 off, 0x2000 snoozed, 0x3000 expired; 0x00F0: 0x0010 out of date;
// 0x0F00: 0x0100 a product of Microsoft. Thread-safe.
class SecurityCenter final : public Antivirus {
 public:
  explicit SecurityCenter(std::shared_ptr<Wmi> wmi) : wmi_(std::move(wmi)) {}

  bool IsPresent(const WorkContext& context = {}) override;
  v1::AntivirusProduct Status(const WorkContext& context = {}) override;  // Of the first.
  std::vector<v1::AntivirusProduct> Look(const WorkContext& context = {}) override;
  bool ScansOnRequest() override { return false; }
  // Both are kUnimplemented/NOT_DESCRIBED.
  absl::StatusOr<Updated> Update(const WorkContext& context) override;
  absl::Status Scan(const ScanOrder& order,
                    const WorkContext& context,
                    v1::AntivirusScanResult& result) override;

 private:
  const std::shared_ptr<Wmi> wmi_;
};

}  // namespace mailquench::agent::defender

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_DEFENDER_SECURITY_CENTER_H_
