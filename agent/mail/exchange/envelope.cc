#include "agent/mail/exchange/envelope.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
using absl::string_view;

constexpr char kMark[] = "X-EndOfInjectedXHeaders";

// A header field with its folded lines, at the head of a message.
struct Field {
  string_view whole;  // With its line ends; empty: there is none.
  string_view name, value;
};

Field FirstField(string_view content) {
  std::size_t end = 0;
  do {
    const std::size_t line = content.find('\n', end);
    if (line == string_view::npos) return {};
    end = line + 1;
  } while (end < content.size() && (content[end] == ' ' || content[end] == '\t'));
  Field field;
  const std::size_t colon = content.find(':');
  if (colon == string_view::npos || colon >= end) return {};
  field.name = absl::StripAsciiWhitespace(content.substr(0, colon));
  if (field.name.empty() || field.name.size() != content.find_first_of(" \t:\r\n")) return {};
  field.whole = content.substr(0, end);
  field.value = absl::StripAsciiWhitespace(content.substr(colon + 1, end - colon - 1));
  return field;
}

// That Replay acts on. X-ExtendedProps is not in the document; exported messages have it.
bool IsInjected(string_view name) {
  for (const char* one : {"X-Sender", "X-Receiver", "X-CreatedBy", kMark, "X-ExtendedMessageProps",
                          "X-ExtendedProps", "X-HeloDomain", "X-Source", "X-SourceIPAddress"}) {
    if (absl::EqualsIgnoreCase(name, one)) return true;
  }
  return false;
}

// "<anna@example.org> NOTIFY=NEVER", in lower case; of "<>" nothing.
std::string AddressIn(string_view value) {
  if (absl::ConsumePrefix(&value, "<")) {
    value = value.substr(0, value.find('>'));
  } else {
    value = value.substr(0, value.find_first_of(" \t\r\n"));
  }
  return absl::AsciiStrToLower(value);
}

// The X-headers that a message begins with, up to their mark.
struct Block {
  std::size_t size = 0;
  int senders = 0;
  std::string sender;
  std::multiset<std::string> receivers;
  bool created = false, marked = false;
};

Block BlockOf(string_view content) {
  Block block;
  while (!block.marked) {
    const Field field = FirstField(content.substr(block.size));
    if (field.whole.empty() || !IsInjected(field.name)) break;
    block.size += field.whole.size();
    if (absl::EqualsIgnoreCase(field.name, "X-Sender")) {
      ++block.senders;
      block.sender = AddressIn(field.value);
    } else if (absl::EqualsIgnoreCase(field.name, "X-Receiver")) {
      block.receivers.insert(AddressIn(field.value));
    } else if (absl::EqualsIgnoreCase(field.name, "X-CreatedBy")) {
      block.created = !field.value.empty();
    } else if (absl::EqualsIgnoreCase(field.name, kMark)) {
      block.marked = true;
    }
  }
  return block;
}

bool Names(const Block& block,
           const std::string& sender,
           const std::vector<std::string>& recipients) {
  std::multiset<std::string> wanted;
  for (const std::string& one : recipients) wanted.insert(absl::AsciiStrToLower(one));
  return block.marked && block.created && block.senders == 1 &&
         block.sender == absl::AsciiStrToLower(sender) && block.receivers == wanted;
}

// Without what would count as an X-header of Replay's: those stand before all regular fields, so
// only the fields up to the first of these are looked at.
std::string WithoutInjected(string_view content) {
  std::string kept;
  for (;;) {
    const Field field = FirstField(content);
    if (field.whole.empty() || !absl::StartsWithIgnoreCase(field.name, "X-")) break;
    if (!IsInjected(field.name)) absl::StrAppend(&kept, field.whole);
    content.remove_prefix(field.whole.size());
  }
  return absl::StrCat(kept, content);
}

bool IsAddress(const std::string& text) {
  const std::size_t at = text.rfind('@');
  return text.size() <= 1024 && at != std::string::npos && at > 0 && at + 1 < text.size() &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) {
           return c < 0x21 || c >= 0x7F || c == '<' || c == '>';
         });
}
}  // namespace

absl::Status CheckEnvelope(const std::string& sender, const std::vector<std::string>& recipients) {
  const auto bad = [](const char* why) {
    return Error(absl::StatusCode::kDataLoss, "BAD_ENVELOPE",
                 absl::StrCat("a message cannot go through Replay, since ", why,
                              "; it stays where it is; see to it by hand"));
  };
  if (recipients.empty()) return bad("none of its recipients is known");
  if (!sender.empty() && !IsAddress(sender)) return bad("its sender is no address of a header");
  if (!std::all_of(recipients.begin(), recipients.end(), IsAddress))
    return bad("a recipient is no address of a header");
  return absl::OkStatus();
}

absl::StatusOr<std::string> WithEnvelope(const std::string& sender,
                                         const std::vector<std::string>& recipients,
                                         const std::string& content) {
  MQ_RETURN_IF_ERROR(CheckEnvelope(sender, recipients));
  const Block block = BlockOf(content);
  const std::string message = WithoutInjected(string_view(content).substr(block.size));
  if (Names(block, sender, recipients)) return content.substr(0, block.size) + message;
  std::string out = absl::StrCat("X-Sender: <", sender, ">\r\n");
  for (const std::string& one : recipients) absl::StrAppend(&out, "X-Receiver: <", one, ">\r\n");
  absl::StrAppend(&out, "X-CreatedBy: Mailquench\r\n");
  // Whether the size counts this line itself is said nowhere; the mark is what it is for.
  return absl::StrCat(out, kMark, ": ", out.size(), "\r\n", message);
}

}  // namespace mailquench::agent::exchange
