// The verbs of `escalation`, a file each where they are large.
#ifndef MAILQUENCH_CLI_NOUNS_ESCALATION_H_
#define MAILQUENCH_CLI_NOUNS_ESCALATION_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/core/session.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::cli {

absl::StatusOr<v1::Escalation> GetEscalation(Session* session, const std::string& id);
// The story, and of what is proposed the dry run; -o json and yaml: the escalation.
absl::Status PrintEscalation(Session* session, const v1::Escalation& escalation);

void AddEscalationApproval(CLI::App* noun, Session* session);  // approve, reject, propose
void AddEscalationAlerts(CLI::App* noun, Session* session);    // raise, test, history
void AddEscalationRules(CLI::App* noun, Session* session);     // rules, pause, resume
void AddEscalationSources(CLI::App* noun, Session* session);   // source

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_ESCALATION_H_
