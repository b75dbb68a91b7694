#include "controller/notify/mail_message.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/identity/secrets.h"
#include "common/text/harmless.h"
#include "controller/notify/words.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {
constexpr std::size_t kWordBytes = 45;  // "=?UTF-8?B?" and "?=" around 60 characters: below 75.
constexpr std::size_t kLineBytes = 76;  // Of quoted-printable, the '=' at its end included.

bool IsPlain(const std::string& text) {
  return !absl::StrContains(text, "=?") &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// An id as the left part of a Message-ID.
std::string IdPart(const std::string& id) {
  const bool plain = !id.empty() && id.size() <= 100 && id.front() != '.' && id.back() != '.' &&
                     !absl::StrContains(id, "..") && std::all_of(id.begin(), id.end(), [](char c) {
                       return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
                     });
  return plain ? id : identity::Sha256Hex(id);
}

void Header(std::string& head, const char* name, const std::string& value) {
  absl::StrAppend(&head, name, ": ", value, "\r\n");
}
}  // namespace

bool IsMailAddress(const std::string& address) {
  const std::size_t at = address.find('@');
  if (at == std::string::npos || at == 0 || at + 1 == address.size() || address.size() > 254 ||
      address.find('@', at + 1) != std::string::npos)
    return false;
  const auto is_dotted = [](const std::string& part, const std::string& besides) {
    return part.front() != '.' && part.back() != '.' && !absl::StrContains(part, "..") &&
           std::all_of(part.begin(), part.end(), [&](char c) {
             return absl::ascii_isalnum(c) || c == '.' || c == '-' ||
                    besides.find(c) != std::string::npos;
           });
  };
  return is_dotted(address.substr(0, at), "!#$%&'*+/=?^_`{|}~") &&
         is_dotted(address.substr(at + 1), "");
}

std::string EncodedHeader(const std::string& text) {
  std::string one_line = Harmless(text);
  if (IsPlain(one_line)) return one_line;
  std::string out;
  for (std::size_t at = 0; at < one_line.size();) {
    // A character stays in one word.
    std::string part = CutTo(one_line.substr(at), kWordBytes);
    at += part.size();
    absl::StrAppend(&out, out.empty() ? "" : "\r\n ", "=?UTF-8?B?", absl::Base64Escape(part), "?=");
  }
  return out;
}

std::string QuotedPrintable(const std::string& text) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool last = i + 1 == text.size() || text[i + 1] == '\n';
    const bool plain = c >= 0x20 && c < 0x7f && c != '=' && !(c == ' ' && last);
    const std::string piece = plain ? std::string(1, text[i]) : absl::StrFormat("=%02X", c);
    if (column + piece.size() > kLineBytes - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  }
  return absl::EndsWith(out, "\r\n") ? out : out + "\r\n";
}

std::string MailMessage(const ChannelConfig& channel, const v1::Notice& notice) {
  const std::string domain = channel.from.substr(channel.from.find('@') + 1);
  std::string head;
  Header(
      head, "Date",
      absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", TimeOf(notice.time()), absl::UTCTimeZone()));
  Header(head, "From", absl::StrCat("Mailquench <", channel.from, ">"));
  Header(head, "To", absl::StrJoin(channel.to, ",\r\n "));
  Header(head, "Subject", EncodedHeader(SubjectOf(channel.subject, notice)));
  Header(head, "Message-ID", absl::StrCat("<", IdPart(notice.notice_id()), "@", domain, ">"));
  // Mails of one incident stand together.
  if (!notice.incident_id().empty())
    Header(head, "References", absl::StrCat("<", IdPart(notice.incident_id()), "@", domain, ">"));
  Header(head, "Auto-Submitted", "auto-generated");  // RFC 3834: nobody answers it by itself.
  Header(head, "X-Auto-Response-Suppress", "All");   // The same for Exchange.
  if (notice.severity() == "page") Header(head, "Importance", "high");
  Header(head, "X-Mailquench-Notice-Id", IdPart(notice.notice_id()));
  Header(head, "X-Mailquench-Kind", IdPart(notice.kind()));
  Header(head, "MIME-Version", "1.0");
  Header(head, "Content-Type", "text/plain; charset=utf-8");
  Header(head, "Content-Transfer-Encoding", "quoted-printable");
  return absl::StrCat(head, "\r\n", QuotedPrintable(BodyOf(channel.body, notice)));
}

}  // namespace mailquench::controller
