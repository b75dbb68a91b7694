// A queue and a Badmail folder with known messages, and what a test asks of them.
#ifndef MAILQUENCH_TESTS_UNIT_SMTPSVC_FILLED_QUEUE_H_
#define MAILQUENCH_TESTS_UNIT_SMTPSVC_FILLED_QUEUE_H_

#include <string>

#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {

// What a move answers while somebody has the file open.
inline absl::Status Busy() {
  return Error(absl::StatusCode::kUnavailable, "SHARING_VIOLATION", "open elsewhere");
}

// Queue: five of spam@example.org, one of anna@example.org. Badmail: two messages in four files.
inline void Fill(SmtpHost& host, int server = 1) {
  for (int i = 0; i < 5; ++i)
    host.Queue(server, absl::StrCat("NTFS_", i, ".EML"), "spam@example.org");
  host.Queue(server, "NTFS_9.EML", "anna@example.org");
  for (const char* name : {"a.BAD", "a.BDP", "a.BDR", "b.BAD"})
    SmtpHost::Put(host.Folder(server, "Badmail") + "/" + name,
                  SmtpHost::Message("spam@example.org"));
}

inline v1::QueueQuarantine Selective(const std::string& sender) {
  v1::QueueQuarantine request;
  request.mutable_filter()->add_senders(sender);
  return request;
}

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_TESTS_UNIT_SMTPSVC_FILLED_QUEUE_H_
