// Alertmanager's API, version 2, as far as we use it: silences, and which alerts it has.
#ifndef MAILQUENCH_CONTROLLER_ALERTMANAGER_ALERTMANAGER_H_
#define MAILQUENCH_CONTROLLER_ALERTMANAGER_ALERTMANAGER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::controller {

struct AlertmanagerConfig {
  std::string name;
  std::string url;         // http(s)://host:port, with a path prefix if it has one.
  std::string ca_file;     // Of https; empty: the system's.
  std::string token_file;  // Bearer; empty: none.
  std::vector<std::string>
      sources;  // Alerts of these sources come from it; empty: all of kind alertmanager.
  absl::Duration limit = absl::Seconds(5);
  // For how long an alert has to be missing before it has ended. One that was started again has no
  // alert until Prometheus sends it once more: after its rules.alert.resend-delay (1 min) and an
  // evaluation interval (1 min).
  absl::Duration resolved_after = absl::Minutes(3);
};

// Section `alertmanagers`: a list. kInvalidArgument/BAD_RULES with file, line and column.
absl::StatusOr<std::vector<AlertmanagerConfig>> ReadAlertmanagers(const std::string& file,
                                                                  const YAML::Node& node);

struct SilenceMatcher {
  std::string name;
  std::vector<std::string> values;  // Any of them; written as an anchored expression, escaped.
};
struct SilenceWish {
  std::string silence_id;  // Of one that is to be changed; empty: a new one.
  std::vector<SilenceMatcher> matchers;
  absl::Time start, end;
  std::string comment;  // Holds the escalation's id, by which it is found again.
};
struct KnownAlert {
  std::string fingerprint;
  std::map<std::string, std::string> labels;
  absl::Time start, end;
  bool silenced = false;
};

// Each call blocks at most config.limit, with all its requests. Errors: those of Fetch(), and
// kInternal/ALERTMANAGER_ANSWER with status and the beginning of what it said; of SetSilence()
// kInvalidArgument/BAD_SILENCE, which asked nobody. Thread-safe.
class Alertmanager {
 public:
  explicit Alertmanager(AlertmanagerConfig config) : config_(std::move(config)) {}
  const AlertmanagerConfig& config() const { return config_; }

  // Its id, which is another one where what was to be changed had expired. Same wish, same id.
  absl::StatusOr<std::string> SetSilence(const SilenceWish& wish);
  // OK also where it is expired or not known any more.
  absl::Status LiftSilence(const std::string& silence_id);
  // Of the silence, active or pending, whose comment holds this text; "" where there is none: what
  // was set and not written down before a crash.
  absl::StatusOr<std::string> FindSilence(const std::string& comment);
  // All that it has, silenced and inhibited ones too. What ended is not among them.
  absl::StatusOr<std::vector<KnownAlert>> Alerts();

 private:
  const AlertmanagerConfig config_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ALERTMANAGER_ALERTMANAGER_H_
