// Escalations, alerts and decisions in words and tables.
#ifndef MAILQUENCH_CLI_OUTPUT_ESCALATION_H_
#define MAILQUENCH_CLI_OUTPUT_ESCALATION_H_

#include <google/protobuf/map.h>

#include <string>

#include "cli/output/printer.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::cli {

std::string WordOf(v1::EscalationState state);    // "proposed"
std::string WordOf(v1::EscalationAction action);  // "start"
std::string WordOf(v1::AlertStatus status);       // "firing"
std::string WordOf(v1::SourceKind kind);          // "alertmanager"

// "playbook contain (mode=listed)", "operation queue.watch", "nothing".
std::string WhatOf(const v1::PlanRunRequest& request);
// "playbook contain on mx1, mx2 (rule queue-flood)".
std::string TitleOf(const v1::Escalation& escalation);
// "QueueFlood" and its other labels, "{instance=mx1, severity=page}".
std::string NameOf(const v1::Alert& alert);
std::string LabelText(const google::protobuf::Map<std::string, std::string>& labels);
// What a person does now, with the command where there is one; "" where nothing is to be done.
std::string NextStep(const v1::Escalation& escalation);

Table EscalationsTable(const v1::ListEscalationsResponse& all, bool wide);
// The story of one: what wanted it, why, on what, what became of it, what comes next. Without the
// dry run, which is a PlanTable().
Table StoryTable(const v1::Escalation& escalation);
Table AlertsTable(const v1::ListAlertsResponse& all, bool wide);
Table DecisionsTable(const v1::TestAlertsResponse& tested);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_ESCALATION_H_
