// ClamAV on Linux, by its daemon: clamd judges, freshclam updates.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMAV_ANTIVIRUS_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMAV_ANTIVIRUS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/clamav/clamd_config.h"
#include "agent/antivirus/clamav/freshclam.h"

namespace mailquench::agent::clamav {

struct ClamAvOptions {
  std::string clamd_config;  // Empty: the first of the usual places.
  FreshclamOptions freshclam;
  // Of a quick scan; those that are missing are passed over. Empty: DefaultQuickPlaces().
  std::vector<std::string> quick_places;
  // How long a clamd that has ended is waited for, in mid scan.
  absl::Duration patience = absl::Seconds(15);
};

// Where malware on a mail host is dropped and started from: temporary folders, what runs by time
// or at the start, the mail system's programs and scripts, web pages.
std::vector<std::string> DefaultQuickPlaces();

// Thread-safe: everything is looked up at each call, since an operator may change it.
class ClamAv final : public Antivirus {
 public:
  explicit ClamAv(ClamAvOptions options) : options_(std::move(options)) {}

  bool IsPresent(const WorkContext& context = {}) override;
  v1::AntivirusProduct Status(const WorkContext& context = {}) override;
  absl::StatusOr<Updated> Update(const WorkContext& context) override;
  // Hands the files to clamd. It removes nothing: clamd(8) has no quarantine.
  absl::Status Scan(const ScanOrder& order,
                    const WorkContext& context,
                    v1::AntivirusScanResult& result) override;
  int ScannersAtOnce() override;
  absl::StatusOr<std::unique_ptr<StreamScanner>> OpenScanner(
      const std::atomic<bool>& stop) override;
  std::string ScannerCaveat() override;

 private:
  absl::StatusOr<ClamdConfig> Config() const;

  const ClamAvOptions options_;
};

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_CLAMAV_ANTIVIRUS_H_
