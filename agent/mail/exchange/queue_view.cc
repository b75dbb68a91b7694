#include "agent/mail/exchange/queue_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "agent/mail/folders/check_time.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr absl::Duration kCallWait = absl::Minutes(2);
constexpr std::size_t kShownRecipients = 5;

using RowVisitor = std::function<absl::Status(Row&)>;

// All pages; the last object of one is where the next begins.
absl::Status EachRow(Shell& shell,
                     const Cmdlet& cmdlet,
                     const std::vector<std::string>& fields,
                     const CallContext& context,
                     const RowVisitor& visit) {
  std::string last;
  for (;;) {
    MQ_RETURN_IF_ERROR(CheckTime(context));
    Cmdlet page = cmdlet;
    page.parameters.emplace_back("ResultSize", kPage);
    if (!last.empty()) {
      page.parameters.emplace_back("BookmarkObject", last);
      page.parameters.emplace_back("IncludeBookmark", false);
    }
    MQ_ASSIGN_OR_RETURN(
        Answer answer,
        shell.Run({{page}, fields, false}, std::min(context.deadline, absl::Now() + kCallWait)));
    for (Row& row : answer.rows) MQ_RETURN_IF_ERROR(visit(row));
    if (static_cast<std::int64_t>(answer.rows.size()) < kPage) return absl::OkStatus();
    const std::string next = answer.rows.back()["Identity"].text();
    // One that goes round in a circle would never end.
    if (next.empty() || next == last)
      return Error(absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
                   "the queues were not read to their end, since a page ends in no identity; "
                   "nothing was changed, ask again");
    last = next;
  }
}

// "anna@example.org;2;2;..." as a recipient is written, "@{Status=0; Address=anna@example.org;
// ...}" as an object without words of its own is, or the address alone.
std::string AddressOf(const std::string& recipient) {
  if (absl::StartsWith(recipient, "@{")) {
    for (absl::string_view part :
         absl::StrSplit(absl::string_view(recipient).substr(2), absl::ByAnyChar(";}"))) {
      part = absl::StripAsciiWhitespace(part);
      if (absl::ConsumePrefix(&part, "Address="))
        return std::string(absl::StripAsciiWhitespace(part));
    }
    return "";
  }
  return std::string(absl::StripAsciiWhitespace(recipient.substr(0, recipient.find(';'))));
}

const std::vector<std::string>& MessageFields() {
  static const std::vector<std::string> fields = {"Identity",          "FromAddress", "Subject",
                                                  "InternetMessageId", "Status",      "Size",
                                                  "DateReceived",      "SourceIP",    "Recipients"};
  return fields;
}

MessageRow MessageOf(Row& row) {
  MessageRow out;
  out.identity = row["Identity"].text();
  out.message_id = row["InternetMessageId"].text();
  out.status = row["Status"].text();
  MessageFacts& facts = out.facts;
  facts.sender = row["FromAddress"].text();
  if (facts.sender == "<>") facts.sender.clear();
  facts.client = row["SourceIP"].text();
  facts.subject = row["Subject"].text();
  facts.bytes = BytesOf(row["Size"].text());
  absl::Time received;
  if (absl::ParseTime(absl::RFC3339_full, row["DateReceived"].text(), &received, nullptr))
    facts.arrival = received;
  for (const std::string& text : row["Recipients"].texts) {
    const std::string address = AddressOf(text);
    if (address.empty()) continue;
    out.recipients.push_back(address);
    if (facts.recipients.size() < kShownRecipients) facts.recipients.push_back(address);
    const std::size_t at = address.rfind('@');
    if (at == std::string::npos) continue;
    const std::string domain = absl::AsciiStrToLower(address.substr(at + 1));
    std::vector<std::string>& domains = facts.recipient_domains;
    if (std::find(domains.begin(), domains.end(), domain) == domains.end())
      domains.push_back(domain);
  }
  return out;
}

bool IsShadow(const std::string& identity) {
  const std::vector<std::string> parts = absl::StrSplit(identity, '\\');
  return parts.size() > 2 && absl::EqualsIgnoreCase(parts[1], "Shadow");
}
}  // namespace

std::int64_t BytesOf(const std::string& size) {
  std::string digits;
  const std::size_t open = size.find('(');
  for (const char c : open == std::string::npos ? size : size.substr(open)) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) digits.push_back(c);
    // "4.1 KB" alone says no bytes.
    if (open == std::string::npos && c == '.') return 0;
  }
  std::int64_t bytes = 0;
  return absl::SimpleAtoi(digits, &bytes) ? bytes : 0;
}

bool IsInSubmission(const std::string& message_identity) {
  const std::vector<std::string> parts = absl::StrSplit(message_identity, '\\');
  return parts.size() > 1 && absl::EqualsIgnoreCase(parts[parts.size() - 2], "Submission");
}

absl::StatusOr<std::vector<QueueRow>> ReadQueues(Shell& shell,
                                                 const std::string& server,
                                                 const CallContext& context) {
  std::vector<QueueRow> out;
  MQ_RETURN_IF_ERROR(EachRow(shell, {"Get-Queue", {{"Server", server}}},
                             {"Identity", "DeliveryType", "NextHopDomain", "Status", "MessageCount",
                              "Velocity", "LastError"},
                             context, [&out](Row& row) {
                               QueueRow& one = out.emplace_back();
                               one.identity = row["Identity"].text();
                               one.next_hop = row["NextHopDomain"].text();
                               one.status = row["Status"].text();
                               one.last_error = row["LastError"].text();
                               one.messages = BytesOf(row["MessageCount"].text());
                               double velocity = 0;
                               if (absl::SimpleAtod(row["Velocity"].text(), &velocity))
                                 one.velocity = velocity;
                               one.shadow = row["DeliveryType"].text() == "ShadowRedundancy" ||
                                            IsShadow(one.identity + "\\0");
                               return absl::OkStatus();
                             }));
  return out;
}

std::int64_t Sum(const std::vector<QueueRow>& queues) {
  std::int64_t sum = 0;
  for (const QueueRow& one : queues) sum += one.shadow ? 0 : one.messages;
  return sum;
}

std::optional<double> Velocity(const std::vector<QueueRow>& queues) {
  std::optional<double> sum;
  for (const QueueRow& one : queues) {
    if (!one.shadow && one.velocity.has_value()) sum = sum.value_or(0) + *one.velocity;
  }
  return sum;
}

absl::Status ReadMessages(Shell& shell,
                          const std::string& server,
                          const std::string& filter,
                          const CallContext& context,
                          const MessageVisitor& visit) {
  Cmdlet get{"Get-Message", {{"Server", server}, {"IncludeRecipientInfo", Switch()}}};
  if (!filter.empty()) get.parameters.emplace_back("Filter", filter);
  return EachRow(shell, get, MessageFields(), context, [&](Row& row) {
    const MessageRow one = MessageOf(row);
    return IsShadow(one.identity) ? absl::OkStatus() : visit(one);
  });
}

absl::StatusOr<std::vector<MessageRow>> LocateMessage(Shell& shell,
                                                      const std::string& identity,
                                                      const CallContext& context) {
  const std::size_t first = identity.find('\\'), last = identity.rfind('\\');
  std::vector<MessageRow> out;
  // An identity that is empty would give all messages (Get-Message).
  if (first == std::string::npos || last == first || last + 1 >= identity.size()) return out;
  const Cmdlet get{"Get-Message",
                   {{"Identity", identity.substr(0, first) + "\\*" + identity.substr(last)},
                    {"IncludeRecipientInfo", Switch()}}};
  absl::StatusOr<Answer> answer = shell.Run({{get}, MessageFields(), false},
                                            std::min(context.deadline, absl::Now() + kCallWait));
  if (absl::IsNotFound(answer.status())) return out;
  MQ_RETURN_IF_ERROR(answer.status());
  for (Row& row : answer->rows) {
    MessageRow one = MessageOf(row);
    if (!IsShadow(one.identity)) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace mailquench::agent::exchange
