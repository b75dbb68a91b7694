// What analyses are made of, and one of several instances.
#ifndef MAILQUENCH_AGENT_MAIL_ANALYSIS_SUM_H_
#define MAILQUENCH_AGENT_MAIL_ANALYSIS_SUM_H_

#include <string>

#include "agent/quarantine/message_facts.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// Of a preview, in all.
inline constexpr int kPreviewSamples = 20;

// A message as an analysis shows it: whatever bytes stood in it, for the wire.
v1::MessageSample SampleOf(const std::string& id, const MessageFacts& facts);

// Adds the counts, samples (at most `max_samples` in all) and picture of `one` to `sum`. A
// picture's lists stay at most 20 long, the largest first; values that one of two lists does not
// name may be short by what that list left out, which makes the sum approximate where a list was
// full.
void AddAnalysis(const v1::QuarantineAnalyseResult& one,
                 int max_samples,
                 v1::QuarantineAnalyseResult* sum);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_ANALYSIS_SUM_H_
