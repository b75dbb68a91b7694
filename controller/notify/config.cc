// Section `notifications` of the rules' file.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/web/url.h"
#include "common/yaml/fields.h"
#include "controller/http/client.h"
#include "controller/notify/kinds.h"
#include "controller/notify/mail_message.h"
#include "controller/notify/notices.h"
#include "controller/notify/syslog_line.h"
#include "controller/notify/words.h"

namespace mailquench::controller {
namespace {
const yaml::Kind kKind = {"BAD_RULES", "the rules that were in force stay"};
constexpr std::size_t kMaxChannels = 20;
constexpr std::size_t kMaxRecipients = 50;

absl::Status ReadWebhook(const std::string& file, const YAML::Node& node, ChannelConfig& channel) {
  yaml::Fields fields(kKind, file, node,
                      {"url", "url_file", "ca_file", "secret_file", "token_file"});
  fields.Text("url", channel.url);
  fields.Text("url_file", channel.url_file);
  fields.Text("ca_file", channel.ca_file);
  fields.Text("secret_file", channel.secret_file);
  fields.Text("token_file", channel.token_file);
  if (channel.url.empty() == channel.url_file.empty())
    fields.Fault("url", "a webhook has either 'url' or 'url_file'");
  if (!channel.url.empty()) {
    if (const absl::Status url = CheckUrl(channel.url); !url.ok())
      fields.Fault("url", std::string(url.message()));
  }
  return fields.status();
}

absl::Status ReadSmtp(const std::string& file, const YAML::Node& node, ChannelConfig& channel) {
  yaml::Fields fields(
      kKind, file, node,
      {"relay", "from", "to", "starttls", "ca_file", "user", "password_file", "null_sender"});
  for (const char* key : {"relay", "from", "to"}) fields.Need(key);
  fields.Text("relay", channel.relay);
  fields.Text("from", channel.from);
  fields.Texts("to", channel.to);
  fields.Flag("starttls", channel.starttls);
  fields.Flag("null_sender", channel.null_sender);
  fields.Text("ca_file", channel.ca_file);
  fields.Text("user", channel.user);
  fields.Text("password_file", channel.password_file);
  web::HostPort relay;
  if (!web::SplitHostPort(channel.relay, &relay) || relay.port == 0)
    fields.Fault("relay", "'relay' is a host and a port, such as relay.example.org:587");
  if (!IsMailAddress(channel.from))
    fields.Fault("from", "'from' is a mail address, such as mailquench@example.org");
  if (channel.to.empty() || channel.to.size() > kMaxRecipients ||
      !std::all_of(channel.to.begin(), channel.to.end(), IsMailAddress))
    fields.Fault("to", absl::StrCat("'to' is a list of 1 to ", kMaxRecipients, " mail addresses"));
  if (channel.user.empty() != channel.password_file.empty())
    fields.Fault("user", "'user' and 'password_file' belong together");
  if (!channel.user.empty() && !channel.starttls)
    fields.Fault("starttls",
                 "a password is given over TLS alone: 'user' and 'starttls: no' exclude "
                 "each other");
  return fields.status();
}

absl::Status ReadSyslog(const std::string& file, const YAML::Node& node, ChannelConfig& channel) {
  yaml::Fields fields(kKind, file, node, {"target", "facility"});
  fields.Text("target", channel.target);
  fields.Text("facility", channel.facility);
  const bool remote =
      absl::StartsWith(channel.target, "udp://") || absl::StartsWith(channel.target, "tcp://");
  web::HostPort peer;
  if (remote ? !web::SplitHostPort(channel.target.substr(6), &peer)
             : channel.target.empty() || channel.target[0] != '/')
    fields.Fault("target", "'target' is the path of a socket, udp://host:port or tcp://host:port");
  if (SyslogFacilities().count(channel.facility) == 0)
    fields.Fault("facility", "'facility' is mail, daemon, user, auth or local0 to local7");
  return fields.status();
}

absl::StatusOr<ChannelConfig> ReadChannel(const std::string& file, const YAML::Node& node) {
  yaml::Fields fields(
      kKind, file, node,
      {"name", "webhook", "smtp", "syslog", "kinds", "severity", "subject", "body"});
  ChannelConfig channel;
  fields.Need("name");
  fields.Text("name", channel.name);
  std::vector<std::string> kinds;
  fields.Texts("kinds", kinds);
  channel.kinds.insert(kinds.begin(), kinds.end());
  for (const std::string& kind : kinds) {
    if (FindNoticeKind(kind) == nullptr)
      fields.Fault("kinds", absl::StrCat("there is no kind of notice '", kind, "'"));
  }
  fields.Text("severity", channel.severity);
  if (SeverityRank(channel.severity) < 0)
    fields.Fault("severity", "'severity' is info, warning or page");
  fields.Text("subject", channel.subject);
  fields.Lines("body", channel.body);
  for (const char* key : {"subject", "body"}) {
    const std::string fault =
        FaultOfTemplate(key == std::string("subject") ? channel.subject : channel.body);
    if (!fault.empty()) fields.Fault(key, fault);
  }
  const int ways = fields.Has("webhook") + fields.Has("smtp") + fields.Has("syslog");
  if (ways != 1) fields.Fault("name", "a channel has one of 'webhook', 'smtp' and 'syslog'");
  if (!fields.status().ok()) return fields.status();
  if (node["webhook"]) {
    channel.kind = ChannelKind::kWebhook;
    if (fields.Has("subject") || fields.Has("body"))
      fields.Fault(fields.Has("subject") ? "subject" : "body",
                   "a webhook gets the whole notice and has no template");
    MQ_RETURN_IF_ERROR(ReadWebhook(file, node["webhook"], channel));
  } else if (node["smtp"]) {
    channel.kind = ChannelKind::kSmtp;
    MQ_RETURN_IF_ERROR(ReadSmtp(file, node["smtp"], channel));
  } else {
    channel.kind = ChannelKind::kSyslog;
    if (fields.Has("subject")) fields.Fault("subject", "syslog has no subject");
    MQ_RETURN_IF_ERROR(ReadSyslog(file, node["syslog"], channel));
  }
  if (!fields.status().ok()) return fields.status();
  return channel;
}
}  // namespace

absl::StatusOr<NotifyOptions> ReadNotifications(const std::string& file, const YAML::Node& node) {
  NotifyOptions options;
  if (!node || node.IsNull()) return options;
  yaml::Fields fields(kKind, file, node,
                      {"channels", "first_retry", "last_retry", "give_up", "limit"});
  fields.Length("first_retry", absl::Seconds(1), absl::Hours(1), options.first_retry);
  fields.Length("last_retry", absl::Seconds(1), absl::Hours(6), options.last_retry);
  fields.Length("give_up", absl::Minutes(1), absl::Hours(24 * 30), options.give_up);
  fields.Length("limit", absl::Seconds(1), absl::Minutes(2), options.limit);
  if (options.last_retry < options.first_retry)
    fields.Fault("last_retry", "'last_retry' is at least as long as 'first_retry'");
  if (!fields.status().ok()) return fields.status();
  const YAML::Node channels = node["channels"];
  if (!channels) return options;
  if (!channels.IsSequence() || channels.size() > kMaxChannels)
    return yaml::Fault(kKind, file, channels.Mark(),
                       absl::StrCat("'channels' is a list of at most ", kMaxChannels));
  std::set<std::string> names;
  for (const YAML::Node& one : channels) {
    MQ_ASSIGN_OR_RETURN(ChannelConfig channel, ReadChannel(file, one));
    if (!names.insert(channel.name).second)
      return yaml::Fault(kKind, file, one.Mark(),
                         absl::StrCat("two channels have the name '", channel.name, "'"));
    options.channels.push_back(std::move(channel));
  }
  return options;
}

}  // namespace mailquench::controller
