#include "agent/mail/exchange/opath.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
bool IsHarmless(const std::string& text) {
  return !text.empty() && text.size() <= 320 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || (c != '\0' && absl::StrContains("@._+=~-:/", c));
         });
}
}  // namespace

std::string OpathOf(const v1::MessageFilter& filter) {
  std::vector<std::string> conditions;
  // Several values are alternatives, which OPATH's documented connective cannot say.
  if (filter.senders_size() == 1) {
    const std::string& sender = filter.senders(0);
    if (sender == "<>")
      conditions.emplace_back("FromAddress -eq '<>'");
    else if (IsHarmless(sender))
      conditions.push_back(sender.front() == '@' ? absl::StrCat("FromAddress -like '*", sender, "'")
                                                 : absl::StrCat("FromAddress -eq '", sender, "'"));
  }
  // A block is no one value; what stands for an address may be written in more than one way.
  if (filter.clients_size() == 1 && IsHarmless(filter.clients(0)) &&
      filter.clients(0).find_first_of("/:") == std::string::npos)
    conditions.push_back(absl::StrCat("SourceIP -eq '", filter.clients(0), "'"));
  return absl::StrJoin(conditions, " -and ");
}

absl::Status RefuseAccounts(const v1::MessageFilter& filter) {
  if (filter.accounts().empty() && filter.except().accounts().empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnimplemented, "NO_ACCOUNTS",
               "Exchange's queues do not name the account that a message came from; nothing was "
               "touched; name its sender or its client instead");
}

}  // namespace mailquench::agent::exchange
