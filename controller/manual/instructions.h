// From an order to the words that a person follows.
#ifndef MAILQUENCH_CONTROLLER_MANUAL_INSTRUCTIONS_H_
#define MAILQUENCH_CONTROLLER_MANUAL_INSTRUCTIONS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/manual/guide.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// One step of a run on one manual host, with what its words are filled from. Placeholders: {host},
// {listeners}, {stamp}, {clients}, {account}, {client}, {local_user}, {user} (either of them,
// without its domain), {directory}, {aside_directory} (the same, where its name says that it was
// set aside), {url}, {source}, {rate}.
struct HandOrder {
  v1::Operation operation;
  std::string platform;
  std::string host_name;
  std::vector<std::string> listeners;
  absl::Time since;                  // When it began to wait: names what is renamed.
  std::vector<v1::Obligation> owed;  // Of this host, oldest first: for restore.
  std::string quarantine_directory;  // Of the operation's quarantine_id, where that is known.
};

// Which of `owed` a restore is about: the named ones, or all but blocks of senders.
std::vector<v1::Obligation> RestoredBy(const v1::Restore& restore,
                                       const std::vector<v1::Obligation>& owed);
// The blocks of senders that a restore which names no record keeps, as an agent's does.
std::vector<v1::Obligation> BlocksKeptBy(const v1::Restore& restore,
                                         const std::vector<v1::Obligation>& owed);

// What restore does with one recorded setting: the operator's decision where there is one; a value
// that had opened the relay stays without one. `why`: for the person.
v1::RestoredSetting::State RestoreOf(const v1::Restore& restore,
                                     const v1::Setting& setting,
                                     std::string* why);

// The questions of an order, with the operation that each belongs to (a part of contain).
struct AskedQuestion {
  GuideQuestion question;
  std::string operation;
  bool also_unchanged = false;  // How it is must be said where nothing was to be changed, too.
};
std::vector<AskedQuestion> QuestionsOf(const Guide& guide, const HandOrder& order);

// Fills instructions, questions, verdicts, operation and platform. The caller has asked
// Guide::WhyNot().
void Instruct(const Guide& guide, const HandOrder& order, v1::ManualStep* step);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_MANUAL_INSTRUCTIONS_H_
