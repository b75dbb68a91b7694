// The controller's configuration file, as InitController() writes it.
#ifndef MAILQUENCH_CONTROLLER_APP_CONFIG_H_
#define MAILQUENCH_CONTROLLER_APP_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/antivirus/posture_rules.h"
#include "controller/blacklist/watch.h"
#include "controller/mx/options.h"

namespace mailquench::controller {

struct Config {
  std::string listen;            // host:port of operators and agents; port 0 takes a free one.
  std::string enrolment_listen;  // host:port of first contact.
  std::string store;
  std::string key;
  std::string certificate;
  std::string ca;
  std::string identity_dir;  // With ca.key and ca.pem.
  std::string trust_domain;
  std::string playbooks;     // Optional: a folder.
  std::string https_listen;  // Optional: host:port of alerts and metrics.
  std::string escalation;    // Optional: escalation.yaml.
  WatchOptions blacklists;   // Optional.
  AntivirusPolicy antivirus;
  mx::Options dns;  // Optional.
  // Optional; what they mean is in CoreOptions.
  absl::Duration patience = absl::Seconds(5);
  absl::Duration resume_patience = absl::Seconds(30);
  absl::Duration grace = absl::Seconds(15);
  absl::Duration manual_patience = absl::Hours(4);
  absl::Duration alertmanager_poll = absl::Seconds(10);
  absl::Duration silence_length = absl::Minutes(15);
  absl::Duration own_watch_every = absl::Seconds(5);
};

// Error: INVALID_ARGUMENT / BAD_CONFIG with file and line: malformed, a key that is missing,
// unknown or twice there.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_CONFIG_H_
