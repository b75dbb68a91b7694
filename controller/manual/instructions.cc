#include "controller/manual/instructions.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/operation/names.h"
#include "common/text/harmless.h"

namespace mailquench::controller {
namespace {

using Values = std::map<std::string, std::string>;

// What a command line of the host could take for more than a value is not put into one: the person
// reads it in the sentence and types it himself.
bool PlainOnACommandLine(const std::string& value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) ||
           std::string(" ._:\\/@+=-").find(static_cast<char>(c)) != std::string::npos;
  });
}

std::string ModeOf(const v1::Operation& operation) {
  const v1::RelayMode mode =
      operation.has_contain() ? operation.contain().mode() : operation.relay_lock().mode();
  if (mode == v1::RELAY_MODE_AUTHENTICATED_ONLY) return "authenticated-only";
  return mode == v1::RELAY_MODE_LISTED ? "listed" : "closed";
}

template <class Who>
std::string WhoOf(const Who& who) {
  if (who.has_account()) return "account";
  if (who.has_client()) return "client";
  return who.has_local_user() ? "local_user" : "";
}

std::set<std::string> FactsOf(const HandOrder& order) {
  const v1::Operation& operation = order.operation;
  std::set<std::string> facts = {ModeOf(operation)};
  if (operation.queue_quarantine().has_filter()) facts.insert("filter");
  facts.insert(WhoOf(operation.sender_block()));
  facts.insert(WhoOf(operation.sender_unblock()));
  if (operation.has_contain()) facts.insert("contain");
  const v1::EgressSet& egress = operation.egress_set();
  if (!egress.source_address().empty()) facts.insert("address");
  if (!egress.helo_name().empty()) facts.insert("helo");
  if (!egress.smarthost().empty())
    facts.insert(egress.smarthost() == "direct" ? "direct" : "smarthost");
  const bool nothing = RestoredBy(operation.restore(), order.owed).empty() &&
                       BlocksKeptBy(operation.restore(), order.owed).empty();
  facts.insert(nothing ? "nothing-recorded" : "recorded");
  return facts;
}

// DOM\ada and ada@example.org: 'net user' takes neither.
std::string WithoutDomain(const std::string& account) {
  const std::string name = account.substr(account.rfind('\\') + 1);
  return name.substr(0, name.find('@'));
}

// A folder whose name does not say that it was set aside is not offered for deletion.
std::string IfSetAside(const std::string& directory) {
  return absl::StrContains(directory, ".mq-") ? directory : "";
}

std::string QuarantineOf(const v1::Operation& operation) {
  if (operation.has_quarantine_analyse()) return operation.quarantine_analyse().quarantine_id();
  if (operation.has_quarantine_release()) return operation.quarantine_release().quarantine_id();
  return operation.quarantine_discard().quarantine_id();
}

Values ValuesOf(const HandOrder& order) {
  const v1::Operation& operation = order.operation;
  const auto& clients =
      operation.has_contain() ? operation.contain().clients() : operation.relay_lock().clients();
  const double rate = operation.queue_watch().refill_per_minute();
  const bool unblocks = operation.has_sender_unblock();
  const auto& block = operation.sender_block();
  const auto& unblock = operation.sender_unblock();
  Values values = {
      {"host", order.host_name},
      {"listeners", absl::StrJoin(order.listeners, ", ")},
      {"stamp", absl::FormatTime("%Y%m%d-%H%M", order.since, absl::UTCTimeZone())},
      {"clients", absl::StrJoin(clients, ", ")},
      {"account", unblocks ? unblock.account() : block.account()},
      {"client", unblocks ? unblock.client() : block.client()},
      {"local_user", unblocks ? unblock.local_user() : block.local_user()},
      {"user", WithoutDomain(unblocks ? absl::StrCat(unblock.account(), unblock.local_user())
                                      : absl::StrCat(block.account(), block.local_user()))},
      {"aside_directory", IfSetAside(order.quarantine_directory)},
      {"directory", order.quarantine_directory.empty()
                        ? absl::StrCat("QUARANTINE ", QuarantineOf(operation))
                        : order.quarantine_directory},
      {"url", operation.delist_fetch().url()},
      {"source", operation.delist_fetch().source_address()},
      {"address", operation.egress_set().source_address()},
      {"helo", operation.egress_set().helo_name()},
      {"smarthost", operation.egress_set().smarthost()},
      {"rate", absl::StrCat(rate > 0 ? rate : 60)}};
  for (auto& [name, value] : values) {
    value = Harmless(value);
    if (value.empty()) value = name == "listeners" ? "none is registered" : "(not given)";
  }
  return values;
}

std::string Filled(const std::string& text, const Values& values, bool command) {
  // All at once, so that no value is taken for a placeholder.
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : values) {
    std::string upper = name;
    absl::AsciiStrToUpper(&upper);
    pairs.emplace_back(absl::StrCat("{", name, "}"),
                       command && !PlainOnACommandLine(value) ? upper : value);
  }
  return absl::StrReplaceAll(text, pairs);
}

void AddEntry(const GuideEntry& entry,
              const std::set<std::string>& facts,
              const Values& values,
              v1::ManualStep* out) {
  for (const GuideStep& step : entry.steps) {
    const bool negated = !step.when.empty() && step.when[0] == '!';
    const std::string fact = negated ? step.when.substr(1) : step.when;
    if (!fact.empty() && (facts.count(fact) > 0) == negated) continue;
    v1::ManualInstruction* one = out->add_instructions();
    one->set_text(Filled(step.text, values, false));
    one->set_command(Filled(step.command, values, true));
  }
}

// Which parts of a whole this order asks for.
std::vector<std::string> PartsOf(const GuideEntry& entry, const HandOrder& order) {
  std::vector<std::string> parts;
  for (const std::string& part : entry.parts) {
    if (part == "ndr.silence" && order.operation.contain().keep_notifications()) continue;
    if (part == "service.start" && order.operation.contain().leave_stopped()) continue;
    parts.push_back(part);
  }
  return parts;
}

void AddRecorded(const HandOrder& order, v1::ManualStep* out) {
  const v1::Restore& restore = order.operation.restore();
  // Changed twice, a setting goes back to how it was before the first time.
  std::set<std::pair<std::string, std::string>> shown;
  for (const v1::Obligation& obligation : RestoredBy(restore, order.owed)) {
    for (const v1::Setting& setting : obligation.settings()) {
      if (!shown.insert({setting.instance(), setting.key()}).second) continue;
      std::string why;
      const v1::RestoredSetting::State state = RestoreOf(restore, setting, &why);
      const std::string before =
          setting.before_absent() ? "(was not there)" : Harmless(setting.before());
      out->add_instructions()->set_text(
          state == v1::RestoredSetting::STATE_PUT_BACK
              ? absl::StrCat("PUT BACK ", setting.key(), " (", obligation.operation(),
                             "), as it was: ", before)
              : absl::StrCat("LEAVE ", setting.key(), " as it is now: ", why));
    }
  }
  for (const v1::Obligation& block : BlocksKeptBy(restore, order.owed)) {
    for (const v1::Setting& setting : block.settings())
      out->add_instructions()->set_text(absl::StrCat(
          "LEAVE ", setting.key(), " as it is now: a block stays until sender.unblock"));
  }
}

// Of contain and relay.lock: whether the relay was shut before is the whole question.
bool AlsoUnchanged(const v1::Operation& operation, const GuideQuestion& question) {
  return (operation.has_contain() || operation.has_relay_lock()) && !question.place;
}

}  // namespace

std::vector<v1::Obligation> RestoredBy(const v1::Restore& restore,
                                       const std::vector<v1::Obligation>& owed) {
  std::vector<v1::Obligation> out;
  for (const v1::Obligation& one : owed) {
    const auto& ids = restore.snapshot_ids();
    const bool named = std::find(ids.begin(), ids.end(), one.snapshot_id()) != ids.end();
    if (one.state() != v1::Obligation::STATE_OUTSTANDING) continue;
    if (ids.empty() ? one.operation() != "sender.block" : named) out.push_back(one);
  }
  return out;
}

std::vector<v1::Obligation> BlocksKeptBy(const v1::Restore& restore,
                                         const std::vector<v1::Obligation>& owed) {
  std::vector<v1::Obligation> out;
  if (restore.snapshot_ids_size() > 0) return out;
  for (const v1::Obligation& one : owed) {
    if (one.state() == v1::Obligation::STATE_OUTSTANDING && one.operation() == "sender.block")
      out.push_back(one);
  }
  return out;
}

v1::RestoredSetting::State RestoreOf(const v1::Restore& restore,
                                     const v1::Setting& setting,
                                     std::string* why) {
  for (const v1::RestoreDecision& decision : restore.decisions()) {
    if (decision.key() != setting.key() ||
        (!decision.instance().empty() && decision.instance() != setting.instance()))
      continue;
    *why = Harmless(decision.reason());
    if (decision.choice() == v1::RESTORE_CHOICE_KEEP_AS_FIX)
      return v1::RestoredSetting::STATE_KEPT_AS_FIX;
    if (decision.choice() == v1::RESTORE_CHOICE_PUT_BACK)
      return v1::RestoredSetting::STATE_PUT_BACK;
  }
  if (!setting.opened_relay()) return v1::RestoredSetting::STATE_PUT_BACK;
  *why = "the value from before let strangers relay; a restore with a decision changes it";
  return v1::RestoredSetting::STATE_NEEDS_DECISION;
}

std::vector<AskedQuestion> QuestionsOf(const Guide& guide, const HandOrder& order) {
  const std::string operation = OperationName(order.operation);
  std::vector<AskedQuestion> all;
  const GuideEntry* entry = guide.Find(order.platform, operation);
  if (entry == nullptr) return all;
  for (const GuideQuestion& one : entry->questions)
    all.push_back({one, operation, AlsoUnchanged(order.operation, one)});
  for (const std::string& part : PartsOf(*entry, order)) {
    const GuideEntry* of = guide.Find(order.platform, part);
    if (of == nullptr) continue;
    for (const GuideQuestion& one : of->questions)
      all.push_back({one, part, AlsoUnchanged(order.operation, one)});
  }
  return all;
}

void Instruct(const Guide& guide, const HandOrder& order, v1::ManualStep* out) {
  const std::string operation = OperationName(order.operation);
  out->set_operation(operation);
  out->set_platform(order.platform);
  out->set_host_name(order.host_name);
  const GuideEntry* entry = guide.Find(order.platform, operation);
  if (entry == nullptr || !entry->refused.empty()) return;
  const std::set<std::string> facts = FactsOf(order);
  const Values values = ValuesOf(order);
  if (order.operation.has_restore()) AddRecorded(order, out);
  AddEntry(*entry, facts, values, out);
  for (const std::string& part : PartsOf(*entry, order)) {
    const std::string why = guide.WhyNot(order.platform, part);
    out->add_instructions()->set_text(
        absl::StrCat("== ", part, why.empty() ? "" : absl::StrCat(": leave it out, ", why)));
    if (why.empty()) AddEntry(*guide.Find(order.platform, part), facts, values, out);
  }
  if (order.operation.contain().leave_stopped())
    out->add_instructions()->set_text("Leave the service stopped: the order says so.");
  for (const AskedQuestion& one : QuestionsOf(guide, order)) {
    v1::ManualQuestion* question = out->add_questions();
    question->set_key(one.question.key);
    question->set_text(one.question.ask);
    question->set_relay(one.question.relay);
    question->set_also_unchanged(one.also_unchanged);
  }
  for (const std::string& verdict : entry->verdicts) out->add_verdicts(verdict);
}

}  // namespace mailquench::controller
