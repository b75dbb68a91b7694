#include "agent/mail/exchange/survey.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/queue_view.h"
#include "agent/mail/exchange/tracking_log.h"
#include "agent/mail/folders/paths.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr char kDatabase[] = "mail.que";
constexpr std::size_t kMostQueues = 200;

constexpr char kNoAccounts[] =
    "Message tracking names no account that somebody logged in with; the protocol log of the "
    "receive connector does.";

void AddNotice(const std::string& sentence, v1::InstanceSurvey& survey) {
  if (!sentence.empty())
    survey.set_notice(absl::StrCat(survey.notice(), survey.notice().empty() ? "" : " ", sentence));
}

struct Database {
  FileIdentity identity;
  absl::Time modified;
};

// nullopt: there is none, and Transport would make a new one.
absl::StatusOr<std::optional<Database>> DatabaseIn(const std::string& folder) {
  std::string name;
  Database database;
  MQ_ASSIGN_OR_RETURN(const std::string volume, MountedVolume(folder));
  const absl::Status walked = ForEachEntry(volume.empty() ? folder : volume,
                                           [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
                                             if (absl::EqualsIgnoreCase(entry.name, kDatabase)) {
                                               name = entry.name;
                                               database.modified = entry.modified;
                                             }
                                             return name.empty();
                                           });
  if (!walked.ok() && !absl::IsNotFound(walked)) return walked;
  if (name.empty()) return std::nullopt;
  MQ_ASSIGN_OR_RETURN(database.identity, IdentityOf(JoinPath(folder, name)));
  return database;
}

// One that was written since it was stopped has worked meanwhile.
std::string FirstLine(const Database& database) {
  return absl::StrCat(database.identity.volume, " ", database.identity.number, " ",
                      absl::ToUnixNanos(database.modified), "\n");
}

struct NamedFolder {
  const char* name;
  const std::string& path;
};

std::int64_t FilesIn(const std::string& path, std::int64_t* bytes) {
  std::int64_t files = 0;
  // One that is missing holds nothing.
  ForEachEntry(path, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
    if (entry.kind != FolderEntry::Kind::kFile) return true;
    if (!absl::EndsWithIgnoreCase(entry.name, ".eml") &&
        !absl::EndsWithIgnoreCase(entry.name, ".tmp"))
      return true;
    ++files;
    *bytes += entry.bytes;
    return true;
  }).IgnoreError();
  return files;
}

std::int64_t FilesOf(const TransportPaths& paths) {
  std::int64_t bytes = 0, files = 0;
  for (const std::string* path : {&paths.pickup, &paths.replay})
    if (!path->empty()) files += FilesIn(*path, &bytes);
  return files;
}

void AddFolders(const TransportPaths& paths, v1::InstanceSurvey& survey) {
  for (const NamedFolder& one :
       {NamedFolder{"Pickup", paths.pickup}, NamedFolder{"Replay", paths.replay}}) {
    if (one.path.empty()) continue;
    std::int64_t bytes = 0;
    const std::int64_t files = FilesIn(one.path, &bytes);
    v1::QueueCount* count = survey.add_queues();
    count->set_queue(one.name);
    count->set_messages(files);
    count->set_bytes(bytes);
    survey.set_messages(survey.messages() + files);
    survey.set_bytes(survey.bytes() + bytes);
  }
}

absl::Status AddPicture(const TransportPaths& paths,
                        const SurveyOptions& options,
                        const CallContext& context,
                        v1::InstanceSurvey& survey) {
  if (paths.tracking.empty()) {
    AddNotice("Message tracking is switched off: who is behind the queue is not known.", survey);
    return absl::OkStatus();
  }
  const absl::StatusOr<TrackedPicture> tracked =
      PictureOf(paths.tracking, absl::Now() - options.window, options.most_events, context);
  if (absl::IsNotFound(tracked.status())) {
    AddNotice(absl::StrCat("There is no message tracking log in ", paths.tracking, "."), survey);
    return absl::OkStatus();
  }
  MQ_RETURN_IF_ERROR(tracked.status());
  *survey.mutable_picture() = tracked->picture;
  AddNotice(absl::StrCat("The picture is of all ", tracked->messages,
                         " messages that Transport took in the last ",
                         absl::FormatDuration(options.window), ", delivered ones among them",
                         tracked->partial ? ", as far as they were read. " : ". ", kNoAccounts),
            survey);
  if (tracked->messages > 0 && survey.messages() > 0) {
    survey.set_bytes(tracked->bytes / tracked->messages * survey.messages());
    AddNotice("Bytes are messages times their mean size in the log.", survey);
  }
  return absl::OkStatus();
}

v1::InstanceSurvey Empty(const SurveyOptions& options) {
  v1::InstanceSurvey survey;
  survey.set_instance(options.server);
  return survey;
}
}  // namespace

v1::InstanceSurvey CountQueues(Shell& shell,
                               const SurveyOptions& options,
                               const CallContext& context) {
  v1::InstanceSurvey survey = Empty(options);
  const absl::StatusOr<std::vector<QueueRow>> queues = ReadQueues(shell, options.server, context);
  if (!queues.ok()) {
    survey.set_partial(true);
    AddNotice(absl::StrCat("Transport's queues could not be counted: ", queues.status().message()),
              survey);
  } else {
    std::size_t left_out = 0;
    for (const QueueRow& one : *queues) {
      if (one.shadow) continue;  // Another server's mail, which it has itself.
      survey.set_messages(survey.messages() + one.messages);
      if (static_cast<std::size_t>(survey.queues_size()) >= kMostQueues) {
        ++left_out;
        continue;
      }
      v1::QueueCount* count = survey.add_queues();
      count->set_queue(Printable(
          one.next_hop.empty() ? one.identity : absl::StrCat(one.identity, " ", one.next_hop)));
      count->set_messages(one.messages);
      if (one.velocity.has_value()) count->set_velocity(*one.velocity);
    }
    if (left_out > 0)
      AddNotice(absl::StrCat(left_out, " more queues are counted and not named."), survey);
  }
  return survey;
}

absl::StatusOr<v1::InstanceSurvey> SurveyRunning(Shell& shell,
                                                 const TransportPaths& paths,
                                                 const SurveyOptions& options,
                                                 const CallContext& context) {
  v1::InstanceSurvey survey = CountQueues(shell, options, context);
  MQ_RETURN_IF_ERROR(AddPicture(paths, options, context, survey));
  AddFolders(paths, survey);
  return survey;
}

absl::StatusOr<v1::InstanceSurvey> SurveyStopped(const TransportPaths& paths,
                                                 const SurveyOptions& options,
                                                 const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const auto database, DatabaseIn(paths.queue));
  absl::StatusOr<v1::InstanceSurvey> survey = RecallAtStop(paths, options);
  if (survey.ok()) {
    // Pickup and Replay are counted anew: files may have come.
    for (int i = survey->queues_size() - 1; i >= 0; --i) {
      v1::QueueCount& one = *survey->mutable_queues(i);
      one.clear_velocity();  // Nothing moves.
      if (one.queue() != "Pickup" && one.queue() != "Replay") continue;
      survey->set_messages(survey->messages() - one.messages());
      survey->set_bytes(survey->bytes() - one.bytes());
      survey->mutable_queues()->DeleteSubrange(i, 1);
    }
    AddNotice("Transport is stopped: this was counted just before its stop.", *survey);
  } else {
    survey = Empty(options);
    if (database.has_value()) {
      survey->set_partial(true);
      AddNotice(
          "Transport is stopped, nobody counted before, and its database can be read by "
          "nobody else: how much is queued is not known.",
          *survey);
    }
    MQ_RETURN_IF_ERROR(AddPicture(paths, options, context, *survey));
  }
  AddFolders(paths, *survey);
  return survey;
}

absl::Status RememberAtStop(const v1::InstanceSurvey& survey,
                            const TransportPaths& paths,
                            const SurveyOptions& options) {
  MQ_ASSIGN_OR_RETURN(const auto database, DatabaseIn(paths.queue));
  if (!database.has_value() || survey.partial()) return RemoveFile(options.at_stop);
  return WriteFileAtomically(options.at_stop, FirstLine(*database) + survey.SerializeAsString(),
                             0600);
}

absl::Status RememberCount(v1::InstanceSurvey counted,
                           const TransportPaths& paths,
                           const SurveyOptions& options,
                           const CallContext& context) {
  v1::InstanceSurvey whole = counted;
  AddFolders(paths, whole);
  MQ_RETURN_IF_ERROR(RememberAtStop(whole, paths, options));
  // The mean size in it is that of Transport's messages: the folders come after.
  const absl::Status pictured = AddPicture(paths, options, context, counted);
  if (!pictured.ok()) return absl::OkStatus();  // The count is written down.
  AddFolders(paths, counted);
  return RememberAtStop(counted, paths, options);
}

absl::StatusOr<v1::InstanceSurvey> RecallAtStop(const TransportPaths& paths,
                                                const SurveyOptions& options) {
  MQ_ASSIGN_OR_RETURN(const auto database, DatabaseIn(paths.queue));
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.at_stop));
  v1::InstanceSurvey survey;
  const std::size_t end = text.find('\n');
  if (!database.has_value() || end == std::string::npos ||
      text.substr(0, end + 1) != FirstLine(*database) ||
      !survey.ParseFromString(text.substr(end + 1)))
    return absl::NotFoundError("nothing is written down of this database");
  return survey;
}

absl::StatusOr<std::int64_t> CountRunning(Shell& shell,
                                          const TransportPaths& paths,
                                          const SurveyOptions& options,
                                          const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<QueueRow> queues,
                      ReadQueues(shell, options.server, context));
  return Sum(queues) + FilesOf(paths);
}

absl::StatusOr<std::int64_t> CountStopped(const TransportPaths& paths,
                                          const SurveyOptions& options) {
  MQ_ASSIGN_OR_RETURN(const auto database, DatabaseIn(paths.queue));
  if (!database.has_value()) return FilesOf(paths);
  const absl::StatusOr<v1::InstanceSurvey> survey = RecallAtStop(paths, options);
  if (!survey.ok())
    return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_UNKNOWN",
                 absl::StrCat("Transport is stopped, and nobody counted ", paths.queue,
                              " before its stop; its database can be read by nobody else; nothing "
                              "was touched, ask again when it runs"));
  std::int64_t files_then = 0;
  for (const v1::QueueCount& one : survey->queues()) {
    if (one.queue() == "Pickup" || one.queue() == "Replay") files_then += one.messages();
  }
  return survey->messages() - files_then + FilesOf(paths);
}

}  // namespace mailquench::agent::exchange
