// Rows of the store that are no protocol messages.
#ifndef MAILQUENCH_CONTROLLER_STORE_RECORDS_H_
#define MAILQUENCH_CONTROLLER_STORE_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::controller {

// A join token. Only the hash of its secret is known here.
struct TokenRow {
  std::string id;
  std::string secret_hash;
  std::map<std::string, std::string> labels;
  absl::Time expire;
  std::string created_by;
  bool revoked = false;
  // Set by its one use. The same key may ask again and gets the same certificate.
  std::string used_key_fingerprint;
  std::string certificate_pem;
  std::string host_id;
};

// One command that a run has given, or is about to give, to one agent.
struct CommandRow {
  std::string command_id;
  std::string run_id;
  std::string host_id;  // The host that the step is about.
  int step = 0;
  std::string sent_to;  // The host that was asked; another one for a probe from outside.
  bool outside = false;
  bool sent = false;  // Committed before the message leaves: "may have been sent".
  bool answered = false;
  v1::OperationReport report;
};

// When a list was last asked about a subject, and what it said.
struct AnswerTime {
  std::string subject;
  std::string zone;
  v1::BlacklistVerdict verdict = v1::BLACKLIST_VERDICT_UNSPECIFIED;
  absl::Time time;
};

// An alert on its way into the inbox. The same event key is the same event, and has one
// fingerprint: one index then serves both, and each costs a flood of alerts much.
struct AlertEvent {
  std::string event_key;
  v1::Alert alert;
  // Of an end that was concluded and not sent: the event that may be news again after it, "" for
  // none.
  std::string renews;
  // Set: there is nothing to be done about it, and this says why.
  std::string note;
};

struct AlertSourceRow {
  v1::AlertSource source;
  std::string hash;
};

struct DueNotice {
  v1::Notice notice;
  v1::NoticeDelivery delivery;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_RECORDS_H_
