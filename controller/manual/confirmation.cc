#include "controller/manual/confirmation.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "google/protobuf/util/message_differencer.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kLongest = 4000;  // Of one text, in bytes.
constexpr int kMostNotes = 64;
constexpr std::size_t kMostBytes = 32000;  // Of all notes of one confirmation.
constexpr std::size_t kInATimeline = 300;  // The record of the settings has all of it.

absl::Status Bad(const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIRMATION",
               what + "; nothing was recorded, and the step still waits");
}

std::string Clean(const std::string& text) {
  std::string line = Harmless(text);
  absl::StripAsciiWhitespace(&line);
  return line;
}

bool GoesWell(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_SUCCEEDED || outcome == v1::OUTCOME_UNCHANGED;
}

bool PlainKey(const std::string& key) {
  return !key.empty() && key.size() <= 100 &&
         std::all_of(key.begin(), key.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

// 'All except the list below' lets the world relay but for a list, and of what nobody knows the
// worst is taken: a restore puts neither back without a decision.
bool ReadsAsOpen(const std::string& value) {
  const std::string lower = absl::AsciiStrToLower(value);
  return lower == "unknown" || absl::StrContains(lower, "all except");
}

// Whether a value let strangers relay is said, never guessed.
absl::Status CheckRelay(const std::vector<AskedQuestion>& questions,
                        v1::ManualConfirmation* checked) {
  for (v1::ManualNote& note : *checked->mutable_notes()) {
    const bool asked = std::any_of(questions.begin(), questions.end(), [&](const auto& one) {
      return one.question.relay && one.question.key == note.key();
    });
    if (asked && ReadsAsOpen(note.value())) {
      note.set_opened_relay(true);
      note.clear_relay_was_closed();
    }
    if (note.opened_relay() && note.relay_was_closed())
      return Bad(note.key() + " cannot have let strangers relay and not");
    if (asked && !note.opened_relay() && !note.relay_was_closed())
      return Bad("say of " + note.key() +
                 " whether it let strangers relay (--opened-relay) or did not "
                 "(--relay-was-closed)");
    if (note.opened_relay() && checked->outcome() == v1::OUTCOME_UNCHANGED)
      return Bad(note.key() +
                 " let strangers relay, or may have, and nothing was changed: shut it and answer "
                 "'succeeded', or answer 'failed'");
  }
  return absl::OkStatus();
}

// 'Unchanged' says of a restore that nothing is to be put back.
absl::Status CheckUnchangedRestore(const HandOrder& order) {
  std::string left;
  for (const v1::Obligation& obligation : RestoredBy(order.operation.restore(), order.owed)) {
    for (const v1::Setting& setting : obligation.settings()) {
      std::string why;
      if (RestoreOf(order.operation.restore(), setting, &why) ==
          v1::RestoredSetting::STATE_PUT_BACK)
        absl::StrAppend(&left, left.empty() ? "" : ", ", setting.key());
    }
  }
  if (left.empty()) return absl::OkStatus();
  return Bad("these are recorded to be put back: " + left +
             "; answer 'succeeded' where each is as it was recorded, else 'refused' or 'failed'");
}

absl::Status CheckNotes(const std::vector<AskedQuestion>& questions,
                        v1::ManualConfirmation* checked) {
  if (checked->notes_size() > kMostNotes)
    return Bad(absl::StrCat("at most ", kMostNotes, " values are noted at once"));
  std::set<std::string> keys;
  std::size_t all = 0;
  for (v1::ManualNote& note : *checked->mutable_notes()) {
    if (!PlainKey(note.key()))
      return Bad("'" + Clean(note.key()) + "' is no key: letters, digits, '.', '-' and '_'");
    if (note.value().size() > kLongest)
      return Bad(absl::StrCat("the value of ", note.key(), " is longer than ", kLongest, " bytes"));
    all += note.value().size();
    note.set_value(Clean(note.value()));
    if (note.value().empty())
      return Bad("the value of " + note.key() + " is empty; write 'unknown' where it is not known");
    if (!keys.insert(note.key()).second) return Bad(note.key() + " is there twice");
  }
  if (all > kMostBytes)
    return Bad(absl::StrCat("the values are longer than ", kMostBytes, " bytes together"));
  MQ_RETURN_IF_ERROR(CheckRelay(questions, checked));
  const bool unchanged = checked->outcome() == v1::OUTCOME_UNCHANGED;
  if (checked->outcome() != v1::OUTCOME_SUCCEEDED && !unchanged) return absl::OkStatus();
  std::vector<std::string> missing;
  for (const AskedQuestion& one : questions) {
    if (keys.count(one.question.key) == 0 && (!unchanged || one.also_unchanged))
      missing.push_back(absl::StrCat(one.question.key, " (", one.question.ask, ")"));
  }
  if (missing.empty()) return absl::OkStatus();
  return Bad("what it was before, or where it is now, is not noted: " +
             absl::StrJoin(missing, "; ") + "; write 'unknown' where it is not known");
}

absl::Status CheckVerdict(const GuideEntry* entry, const v1::ManualConfirmation& checked) {
  const std::vector<std::string> none;
  const std::vector<std::string>& all = entry == nullptr ? none : entry->verdicts;
  const bool known = std::find(all.begin(), all.end(), checked.verdict()) != all.end();
  if (checked.verdict().empty() ? (all.empty() || !GoesWell(checked.outcome())) : known)
    return absl::OkStatus();
  if (all.empty()) return Bad("this operation has no verdict");
  return Bad("say the verdict, one of " + absl::StrJoin(all, ", "));
}

// Values of settings before a change, as an agent's record of them.
// `of`: whom it is about, as part of each key; "": one host has one of it.
v1::ChangeResult ChangeOf(const std::vector<const v1::ManualNote*>& notes,
                          const std::string& id,
                          const std::string& of = "") {
  v1::ChangeResult change;
  for (const v1::ManualNote* note : notes) {
    v1::Setting* setting = change.add_settings();
    setting->set_instance("-");
    setting->set_key(of.empty() ? note->key() : absl::StrCat(note->key(), "/", of));
    setting->set_before(note->value());
    setting->set_opened_relay(note->opened_relay());
  }
  if (!notes.empty()) change.set_snapshot_id(id);
  return change;
}

struct SortedNotes {
  std::vector<const v1::ManualNote*> settings, silence;
  std::string directory;
};

SortedNotes Sort(const std::vector<AskedQuestion>& questions,
                 const v1::ManualConfirmation& checked) {
  SortedNotes sorted;
  // What was not touched is not owed.
  if (checked.outcome() != v1::OUTCOME_SUCCEEDED && checked.outcome() != v1::OUTCOME_FAILED)
    return sorted;
  for (const v1::ManualNote& note : checked.notes()) {
    const auto asked = std::find_if(questions.begin(), questions.end(), [&](const auto& one) {
      return one.question.key == note.key();
    });
    if (asked != questions.end() && asked->question.place) {
      if (note.key() == "quarantine.directory" && note.value() != "none")
        sorted.directory = note.value();
    } else if (asked != questions.end() && asked->operation == "ndr.silence") {
      sorted.silence.push_back(&note);
    } else {
      sorted.settings.push_back(&note);
    }
  }
  return sorted;
}

void AddQuarantine(const std::string& directory,
                   const std::string& id,
                   const std::string& reason,
                   const std::string& incident_id,
                   const v1::ManualConfirmation& checked,
                   v1::QueueQuarantineResult* result) {
  if (directory.empty()) return;
  v1::QuarantineInfo* info = result->add_quarantines();
  info->set_quarantine_id(id);
  info->set_instance("-");
  info->set_reason(reason);
  info->set_incident_id(incident_id);
  *info->mutable_create_time() = checked.confirm_time();
  info->set_messages(-1);
  info->set_directory(directory);
}

void AddRestored(const HandOrder& order, v1::RestoreResult* result) {
  const v1::Restore& restore = order.operation.restore();
  for (const v1::Obligation& obligation : RestoredBy(restore, order.owed)) {
    for (const v1::Setting& setting : obligation.settings()) {
      v1::RestoredSetting* one = result->add_settings();
      *one->mutable_setting() = setting;
      std::string why;
      const v1::RestoredSetting::State state = RestoreOf(restore, setting, &why);
      one->set_state(state);
      one->set_why(why);
      if (state == v1::RestoredSetting::STATE_PUT_BACK)
        result->set_put_back(result->put_back() + 1);
      else if (state == v1::RestoredSetting::STATE_KEPT_AS_FIX)
        result->set_kept_as_fix(result->kept_as_fix() + 1);
      else
        result->set_needs_decision(result->needs_decision() + 1);
    }
  }
  for (const v1::Obligation& block : BlocksKeptBy(restore, order.owed)) {
    for (const v1::Setting& setting : block.settings()) {
      v1::RestoredSetting* one = result->add_settings();
      *one->mutable_setting() = setting;
      one->set_state(v1::RestoredSetting::STATE_KEPT_AS_FIX);
      one->set_why("a block stays until sender.unblock");
      result->set_kept_as_fix(result->kept_as_fix() + 1);
    }
  }
}

void AddProbe(const HandOrder& order,
              const v1::ManualConfirmation& checked,
              v1::RelayProbeResult* result) {
  std::vector<std::string> targets(order.operation.relay_probe().targets().begin(),
                                   order.operation.relay_probe().targets().end());
  if (targets.empty()) targets = order.listeners;
  if (targets.empty()) targets.push_back(order.host_name);
  for (const std::string& target : targets) {
    v1::ListenerProbe* one = result->add_listeners();
    one->set_target(target);
    one->set_verdict(checked.verdict() == "open"     ? v1::RELAY_VERDICT_OPEN
                     : checked.verdict() == "closed" ? v1::RELAY_VERDICT_CLOSED
                                                     : v1::RELAY_VERDICT_UNKNOWN);
    one->set_outside(true);  // The instructions ask for that.
    one->set_reply("by hand: " + checked.seen());
  }
}

}  // namespace

absl::StatusOr<v1::ManualConfirmation> Checked(const Guide& guide,
                                               const HandOrder& order,
                                               const v1::ManualConfirmation& said) {
  v1::ManualConfirmation checked = said;
  switch (said.outcome()) {
    case v1::OUTCOME_SUCCEEDED:
    case v1::OUTCOME_UNCHANGED:
    case v1::OUTCOME_FAILED:
    case v1::OUTCOME_REFUSED:
      break;
    default:
      return Bad("a person says succeeded, unchanged, failed or refused");
  }
  if (said.seen().size() > kLongest)
    return Bad(absl::StrCat("what was seen is longer than ", kLongest, " bytes"));
  checked.set_seen(Clean(said.seen()));
  if (checked.seen().empty()) return Bad("say what was seen");
  MQ_RETURN_IF_ERROR(CheckNotes(QuestionsOf(guide, order), &checked));
  if (order.operation.has_restore() && checked.outcome() == v1::OUTCOME_UNCHANGED)
    MQ_RETURN_IF_ERROR(CheckUnchangedRestore(order));
  checked.set_verdict(Clean(said.verdict()));
  MQ_RETURN_IF_ERROR(
      CheckVerdict(guide.Find(order.platform, OperationName(order.operation)), checked));
  return checked;
}

bool SameConfirmation(const v1::ManualConfirmation& a, const v1::ManualConfirmation& b) {
  v1::ManualConfirmation one = a, other = b;
  for (v1::ManualConfirmation* each : {&one, &other}) {
    each->clear_confirmed_by();
    each->clear_confirm_time();
  }
  google::protobuf::util::MessageDifferencer differencer;
  differencer.set_repeated_field_comparison(
      google::protobuf::util::MessageDifferencer::AS_SET);  // Notes have no order.
  return differencer.Compare(one, other);
}

v1::OperationReport ReportByHand(const Guide& guide,
                                 const HandOrder& order,
                                 const v1::ManualConfirmation& checked,
                                 const std::string& command_id,
                                 bool closing) {
  const v1::Operation& operation = order.operation;
  v1::OperationReport report;
  report.set_command_id(command_id);
  report.set_operation(OperationName(operation));
  report.set_outcome(checked.outcome());
  *report.mutable_manual() = checked;
  *report.mutable_end_time() = checked.confirm_time();
  const SortedNotes notes = Sort(QuestionsOf(guide, order), checked);
  const std::string id = "manual-" + command_id;
  v1::OperationResult* result = report.mutable_result();
  if (operation.has_relay_lock()) {
    *result->mutable_relay_lock() = ChangeOf(notes.settings, id);
  } else if (operation.has_ndr_silence()) {
    std::vector<const v1::ManualNote*> all = notes.settings;
    all.insert(all.end(), notes.silence.begin(), notes.silence.end());
    *result->mutable_ndr_silence() = ChangeOf(all, id);
  } else if (operation.has_egress_set()) {
    *result->mutable_egress_set() = ChangeOf(notes.settings, id);
  } else if (operation.has_sender_block()) {
    const v1::SenderBlock& block = operation.sender_block();
    *result->mutable_sender_block() = ChangeOf(notes.settings, id,
                                               Clean(block.has_account()  ? block.account()
                                                     : block.has_client() ? block.client()
                                                                          : block.local_user()));
  } else if (operation.has_contain()) {
    v1::ContainResult* contain = result->mutable_contain();
    *contain->mutable_lock() = ChangeOf(notes.settings, id);
    *contain->mutable_silence() = ChangeOf(notes.silence, id);
    AddQuarantine(notes.directory, id, operation.contain().reason(),
                  operation.contain().incident_id(), checked, contain->mutable_quarantine());
    // One record: the incident takes both parts of the same snapshot together.
    if (contain->lock().snapshot_id().empty() && !notes.silence.empty()) {
      contain->mutable_lock()->Swap(contain->mutable_silence());
      contain->clear_silence();
    }
  } else if (operation.has_queue_quarantine()) {
    AddQuarantine(notes.directory, id, operation.queue_quarantine().reason(),
                  operation.queue_quarantine().incident_id(), checked,
                  result->mutable_queue_quarantine());
    *report.mutable_changed_by_hand() = ChangeOf(notes.settings, id);
  } else if (operation.has_service_stop() || operation.has_service_start()) {
    *report.mutable_changed_by_hand() = ChangeOf(notes.settings, id);
  } else if (operation.has_restore() && checked.outcome() == v1::OUTCOME_SUCCEEDED) {
    AddRestored(order, result->mutable_restore());
  } else if (operation.has_queue_watch() && !checked.verdict().empty()) {
    result->mutable_queue_watch()->set_verdict(
        checked.verdict() == "quiet" ? v1::WATCH_VERDICT_QUIET : v1::WATCH_VERDICT_REFILLING);
  } else if (operation.has_relay_probe() && !checked.verdict().empty()) {
    AddProbe(order, checked, result->mutable_relay_probe());
    if (checked.verdict() == "open" && closing) {
      report.set_outcome(v1::OUTCOME_FAILED);
      *report.mutable_error() = ToProto(
          Error(absl::StatusCode::kFailedPrecondition, "RELAY_STILL_OPEN",
                order.host_name +
                    " still relays for strangers; its settings were left as they are; look at "
                    "its virtual servers and connectors, then lock again"));
    }
  }
  if (report.changed_by_hand().snapshot_id().empty()) report.clear_changed_by_hand();
  if (result->kind_case() == v1::OperationResult::KIND_NOT_SET) report.clear_result();
  return report;
}

std::string InWords(const v1::ManualConfirmation& confirmation) {
  std::string out = OutcomeName(confirmation.outcome());
  if (!confirmation.verdict().empty()) absl::StrAppend(&out, ", ", confirmation.verdict());
  absl::StrAppend(&out, "; seen: ", confirmation.seen());
  const char* between = "; noted: ";
  for (const v1::ManualNote& note : confirmation.notes()) {
    std::string value = note.value().substr(0, kInATimeline);
    value.resize(value.size() - CutAtEnd(value));
    absl::StrAppend(&out, between, note.key(), " = ", value,
                    value.size() < note.value().size() ? " ..." : "",
                    note.opened_relay() ? " (let strangers relay)" : "");
    between = ", ";
  }
  return out;
}

}  // namespace mailquench::controller
