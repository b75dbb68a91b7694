// A notice by mail. Mail is what burns when these notices matter: docs/escalation.md says so.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/notify/channel.h"
#include "controller/notify/mail_message.h"
#include "controller/notify/smtp_client.h"

namespace mailquench::controller {

Outcome DeliverByMail(const ChannelConfig& channel,
                      const v1::Notice& notice,
                      const Attempt& attempt) {
  SmtpJob job;
  if (!web::SplitHostPort(channel.relay, &job.relay) || job.relay.port == 0)
    return Outcome::Retry(absl::StrCat("'", channel.relay, "' is no relay"));
  for (const std::string& one : channel.to)
    if (std::find(attempt.delivered_to.begin(), attempt.delivered_to.end(), one) ==
        attempt.delivered_to.end())
      job.recipients.push_back(one);
  if (job.recipients.empty()) return Outcome::Delivered();
  if (!channel.password_file.empty()) {
    auto password = ReadSecret(channel.password_file);
    if (!password.ok()) return Outcome::Retry(std::string(password.status().message()));
    job.password = *std::move(password);
  }
  job.starttls = channel.starttls;
  job.ca_file = channel.ca_file;
  job.user = channel.user;
  job.sender = channel.null_sender ? "" : channel.from;
  job.message = MailMessage(channel, notice);
  job.limit = attempt.limit;
  job.answer_limit = attempt.answer_limit;
  job.wanted = attempt.wanted;
  return SendMail(job);
}

}  // namespace mailquench::controller
