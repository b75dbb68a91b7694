// A notice as JSON, signed. The form is in docs/escalation.md.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "common/web/url.h"
#include "controller/http/client.h"
#include "controller/notify/channel.h"
#include "controller/notify/words.h"
#include "nlohmann/json.hpp"

namespace mailquench::controller {
namespace {
using nlohmann::json;
constexpr std::uint64_t kMaxAnswer = std::uint64_t{4} * 1024 * 1024;
constexpr std::size_t kMostOfAnswer = 200;
// What is searched for secrets before it is cut: one that begins in the excerpt ends in here.
constexpr std::size_t kSearched = 8192;
constexpr std::size_t kPartOfPath = 9;  // So many characters of a path in a row give it away.
constexpr int kGone = 410;

std::string JsonOf(const v1::Notice& notice) {
  json fields = json::object();
  for (const auto& [name, value] : notice.fields()) fields[name] = value;
  const json body = {
      {"id", notice.notice_id()},
      {"kind", notice.kind()},
      {"severity", notice.severity()},
      {"text", notice.text()},
      {"next", notice.next()},
      {"time", TimeOfNotice(notice)},
      {"incident_id", notice.incident_id()},
      {"escalation_id", notice.escalation_id()},
      {"run_id", notice.run_id()},
      {"hosts", std::vector<std::string>(notice.hosts().begin(), notice.hosts().end())},
      {"fields", fields}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string HmacSha256Hex(const std::string& key, const std::string& text) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), size));
}

// The beginning of what a receiver answered; "" where it repeats a secret, or a part of the
// address behind the host: such addresses are often secrets, whatever the configuration says.
std::string ExcerptWithout(const std::string& body,
                           const std::string& url,
                           const std::vector<std::string>& secrets) {
  const std::string said = Harmless(std::string_view(body).substr(0, kSearched));
  for (const std::string& secret : secrets)
    if (absl::StrContains(said, secret)) return "";
  const std::string small = absl::AsciiStrToLower(said);
  const absl::StatusOr<web::Url> parsed = web::ParseUrl(url);
  const std::string target = parsed.ok() ? absl::AsciiStrToLower(parsed->target) : "";
  for (std::size_t at = 0; at + kPartOfPath <= target.size(); ++at)
    if (absl::StrContains(small, absl::string_view(target).substr(at, kPartOfPath))) return "";
  return CutTo(said, kMostOfAnswer);
}

// RFC 9110, 10.2.3: seconds, or a date.
absl::Duration RetryAfter(const HttpAnswer& answer, absl::Time now) {
  const auto found = answer.headers.find("retry-after");
  if (found == answer.headers.end()) return absl::ZeroDuration();
  std::int64_t seconds = 0;
  if (absl::SimpleAtoi(found->second, &seconds))
    return absl::Seconds(std::max<std::int64_t>(seconds, 0));
  absl::Time until;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", found->second, &until, nullptr))
    return absl::ZeroDuration();
  return std::max(until - now, absl::ZeroDuration());
}
}  // namespace

Outcome DeliverByWebhook(const ChannelConfig& channel,
                         const v1::Notice& notice,
                         const Attempt& attempt) {
  HttpCall call;
  std::vector<std::string> secrets;  // That no error may repeat.
  call.method = "POST";
  call.url = channel.url;
  call.ca_file = channel.ca_file;
  call.limit = attempt.limit;
  call.wanted = attempt.wanted;
  call.max_answer = kMaxAnswer;
  // Who answers 2xx has the notice, and would get it again at each try.
  call.head_counts = true;
  call.body = JsonOf(notice);
  call.headers["Content-Type"] = "application/json";
  call.headers["Mailquench-Notice-Id"] = Harmless(notice.notice_id());
  const std::string time = absl::StrCat(absl::ToUnixSeconds(attempt.now));
  call.headers["Mailquench-Timestamp"] = time;
  if (!channel.url_file.empty()) {
    const auto url = ReadSecret(channel.url_file);
    if (!url.ok()) return Outcome::Retry(std::string(url.status().message()));
    call.url = *url;
    if (!CheckUrl(call.url).ok())
      return Outcome::Retry(
          absl::StrCat("what is in ", channel.url_file, " is no address that can be called"));
  }
  if (!channel.secret_file.empty()) {
    const auto secret = ReadSecret(channel.secret_file);
    if (!secret.ok()) return Outcome::Retry(std::string(secret.status().message()));
    secrets.push_back(*secret);
    call.headers["Mailquench-Signature"] =
        absl::StrCat("v1=", HmacSha256Hex(*secret, absl::StrCat(time, ".", call.body)));
  }
  if (!channel.token_file.empty()) {
    const auto token = ReadSecret(channel.token_file);
    if (!token.ok()) return Outcome::Retry(std::string(token.status().message()));
    secrets.push_back(*token);
    call.headers["Authorization"] = absl::StrCat("Bearer ", *token);
  }
  const auto answer = Fetch(call);
  if (!answer.ok()) return Outcome::Retry(std::string(answer.status().message()));
  if (answer->status >= 200 && answer->status < 300) return Outcome::Delivered();
  std::string error = absl::StrCat("the webhook answered ", answer->status,
                                   answer->reason.empty() ? "" : " ", answer->reason);
  // Where the address itself is the secret nothing of the body is told, whatever it looks like.
  const std::string said =
      channel.url_file.empty() ? ExcerptWithout(answer->body, call.url, secrets) : "";
  if (!said.empty()) absl::StrAppend(&error, ": ", said);
  if (answer->status == kGone) return Outcome::Refused(std::move(error));
  Outcome outcome = Outcome::Retry(std::move(error));
  outcome.wait = RetryAfter(*answer, attempt.now);
  return outcome;
}

}  // namespace mailquench::controller
