// The records of a Postfix queue file: a letter, a length in groups of seven bits, the data.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_RECORDS_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_RECORDS_H_

#include <cstdint>
#include <string>

#include "agent/mail/postfix/queue_file.h"

namespace mailquench::agent::postfix {

struct Record {
  char type = 0;
  std::int64_t size = 0;  // Of the data.
  std::string data;       // At most the reader's `kept` bytes of it.
};

// A window over the source: one read for the usual file.
class RecordReader {
 public:
  // Reads at most about `budget` bytes, however often it is sent back.
  RecordReader(ByteSource& source, std::int64_t budget, std::int64_t kept = 8192)
      : source_(source), kept_(kept), budget_(budget) {}

  std::int64_t at() const { return at_; }
  // False where it is outside what may be read.
  bool Seek(std::int64_t offset);
  // False at the end, at the limit, and where what stands there is no record.
  bool Next(Record& record);

 private:
  int Byte();
  // Makes the byte at `at_` be in the window. False at the end or the limit.
  bool Fill();

  ByteSource& source_;
  const std::int64_t kept_;
  std::string window_;
  std::int64_t begin_ = 0;
  std::int64_t at_ = 0;
  std::int64_t budget_;
  bool first_ = true;
};

// The number a pointer record leads to; false where it is none, or negative.
bool NumberOf(const std::string& text, std::int64_t& out);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_QUEUE_RECORDS_H_
