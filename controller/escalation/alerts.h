// What monitoring sends, as alerts of ours.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_ALERTS_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_ALERTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// Reads a document of a source of this kind. All of its alerts or none:
// kInvalidArgument/BAD_ALERTS says where and why. `now` is the receive time, and the start of an
// alert that names none. Limits: 10,000 alerts a document, 64 labels an alert, 4 KiB a text: a
// longer label is refused, a longer annotation is cut.
absl::StatusOr<std::vector<v1::Alert>> ReadAlerts(v1::SourceKind kind,
                                                  const std::string& source,
                                                  const std::string& document,
                                                  absl::Time now);

// Alertmanager's webhook, version 4
// (prometheus.io/docs/alerting/latest/configuration/#webhook_config).
absl::StatusOr<std::vector<v1::Alert>> ReadAlertmanager(const std::string& source,
                                                        const std::string& document,
                                                        absl::Time now);
// What deploy/icinga/mailquench-notify sends of the macros of Nagios and Icinga. A recovery starts
// at its own time there, so that only the fingerprint is that of the trouble. A SOFT state makes no
// alert.
absl::StatusOr<std::vector<v1::Alert>> ReadNagios(const std::string& source,
                                                  const std::string& document,
                                                  absl::Time now);
// Our own form, docs/escalation.md "A plain script".
absl::StatusOr<std::vector<v1::Alert>> ReadGeneric(const std::string& source,
                                                   const std::string& document,
                                                   absl::Time now);

// Fills in source, fingerprint (where it is empty: of the labels), start, end, receive time and
// alert_key; checks the limits and makes every text harmless. kInvalidArgument/BAD_ALERTS.
absl::Status Complete(const std::string& source, absl::Time now, v1::Alert* alert);

// What an inbox row is unique by: alert_key and status.
std::string EventKey(const v1::Alert& alert);

// Whether `resolved` is the end of `firing`: of the same trouble, that began before it. Their keys
// need not be the same, since a recovery in Nagios has a start of its own, and a script may name
// none.
bool Ends(const v1::Alert& resolved, const v1::Alert& firing);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_ALERTS_H_
