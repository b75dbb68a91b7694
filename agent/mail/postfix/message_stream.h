// The message in a queue file, as it would be sent: what a scanner must read, since a queue file
// itself hides what is in it. Attachments are in lines of base64, and between two lines stand the
// heads of records.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_MESSAGE_STREAM_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_MESSAGE_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/mail/postfix/queue_records.h"

namespace mailquench::agent::postfix {

// Lines end with LF, as postcat(1) has them. The content is hostile: pointers are followed a
// limited number of times, and no more is read than a few times the file.
class MessageStream {
 public:
  MessageStream(ByteSource& source, std::int64_t file_bytes)
      : source_(source), file_bytes_(file_bytes) {
    Rewind();
  }

  // The next bytes; 0 is the end. kDataLoss/BAD_QUEUE_FILE where the file does not end as a queue
  // file, or begin as one.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);
  void Rewind();

 private:
  bool ToContent();
  bool Follow(const Record& record);
  absl::Status Fill();

  ByteSource& source_;
  const std::int64_t file_bytes_;
  std::unique_ptr<RecordReader> reader_;
  bool in_content_ = false;
  bool ended_ = false;
  int pointers_ = 0;
  Record record_;
  std::string ready_;
  std::size_t given_ = 0;  // Of ready_.
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_MESSAGE_STREAM_H_
