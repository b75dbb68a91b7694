// One message of the SMTP service as it stands on the disk: who sent it, to whom, from where.
#ifndef MAILQUENCH_AGENT_MAIL_FOLDERS_MESSAGE_FILE_H_
#define MAILQUENCH_AGENT_MAIL_FOLDERS_MESSAGE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/os/folder.h"
#include "agent/quarantine/message_facts.h"

namespace mailquench::agent {

// Where sender and recipients were taken from. The envelope of a queued message is in NTFS streams
// whose layout is not documented: what is found there are the addresses in it, in their order, and
// which of them is the sender is a guess unless the headers name it too.
enum class EnvelopeSource {
  kStreams,  // Guessed.
  kLines,    // x-sender and x-receiver, as Pickup and Drop have them.
  kHeaders,  // Return-Path or From, To, Cc: what the sender claims.
};

struct ReadMessage {
  MessageFacts facts;  // Without bytes and arrival.
  EnvelopeSource source = EnvelopeSource::kHeaders;
};

// `head`: the first bytes of the file. A report of delivery status has the null sender (RFC 3464,
// 2), unless x-sender or Return-Path names another. The client and its account come from the first
// Received header, which this server itself has written; none where that is another's. Error:
// kDataLoss/BAD_QUEUE_FILE: no message.
absl::StatusOr<ReadMessage> ParseMessage(const std::string& head,
                                         const std::vector<NamedStream>& streams);

// Addresses in bytes of unknown layout, in ASCII or UTF-16, in their order, without repetition.
std::vector<std::string> AddressesIn(const std::string& bytes);

// The same of a file. Errors beside: those of ReadHead().
absl::StatusOr<ReadMessage> ReadMessageFile(const std::string& path);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_FOLDERS_MESSAGE_FILE_H_
