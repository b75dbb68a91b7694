#include "agent/mail/analysis_sum.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "agent/quarantine/top_k.h"

namespace mailquench::agent {
namespace {
using List = google::protobuf::RepeatedPtrField<v1::CountOf>;
constexpr int kLongest = 20;

// False where something may have been left out.
bool AddList(const List& from, List* to) {
  const bool full = from.size() >= kLongest || to->size() >= kLongest;
  std::map<std::string, v1::CountOf> sums;
  for (const List* list : {&from, static_cast<const List*>(to)}) {
    for (const v1::CountOf& count : *list) {
      v1::CountOf& sum = sums[count.value()];
      sum.set_value(count.value());
      sum.set_messages(sum.messages() + count.messages());
      sum.set_bytes(sum.bytes() + count.bytes());
    }
  }
  std::vector<v1::CountOf> sorted;
  for (auto& [value, count] : sums) sorted.push_back(std::move(count));
  std::stable_sort(sorted.begin(), sorted.end(), [](const v1::CountOf& a, const v1::CountOf& b) {
    return a.messages() > b.messages();
  });
  to->Clear();
  for (v1::CountOf& count : sorted) {
    if (to->size() < kLongest) *to->Add() = std::move(count);
  }
  return !full;
}
}  // namespace

v1::MessageSample SampleOf(const std::string& id, const MessageFacts& facts) {
  v1::MessageSample sample;
  sample.set_queue_id(Printable(id));
  sample.set_sender(Printable(facts.sender));
  sample.set_client(Printable(facts.client));
  sample.set_account(Printable(facts.account));
  for (const std::string& recipient : facts.recipients) sample.add_recipients(Printable(recipient));
  sample.set_subject(Printable(facts.subject));
  sample.set_bytes(facts.bytes);
  sample.mutable_arrival_time()->set_seconds(absl::ToUnixSeconds(facts.arrival));
  return sample;
}

void AddAnalysis(const v1::QuarantineAnalyseResult& one,
                 int max_samples,
                 v1::QuarantineAnalyseResult* sum) {
  const bool first = sum->matching() == 0 && sum->unreadable() == 0;
  sum->set_matching(sum->matching() + one.matching());
  sum->set_matching_bytes(sum->matching_bytes() + one.matching_bytes());
  sum->set_unreadable(sum->unreadable() + one.unreadable());
  if (!one.notice().empty())
    sum->set_notice(sum->notice().empty() ? one.notice() : sum->notice() + " " + one.notice());
  for (const v1::MessageSample& sample : one.samples()) {
    if (sum->samples_size() < max_samples) *sum->add_samples() = sample;
  }
  if (first) {
    *sum->mutable_picture() = one.picture();
    return;
  }
  if (one.matching() == 0) return;
  v1::TrafficPicture& to = *sum->mutable_picture();
  const v1::TrafficPicture& from = one.picture();
  bool exact = AddList(from.senders(), to.mutable_senders());
  exact = AddList(from.clients(), to.mutable_clients()) && exact;
  exact = AddList(from.accounts(), to.mutable_accounts()) && exact;
  exact = AddList(from.recipient_domains(), to.mutable_recipient_domains()) && exact;
  exact = AddList(from.subjects(), to.mutable_subjects()) && exact;
  to.set_approximate(to.approximate() || from.approximate() || !exact);
  to.set_error_bound(to.error_bound() + from.error_bound());
}

}  // namespace mailquench::agent
