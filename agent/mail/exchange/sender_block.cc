#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/block.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/draft.h"
#include "agent/mail/exchange/ip_range.h"
#include "agent/mail/exchange/row.h"
#include "agent/mail/exchange/settings_ops.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
absl::Status NoSuchBlock(const char* sentence) {
  return Error(absl::StatusCode::kUnimplemented, "NO_SUCH_BLOCK", sentence);
}

// A name that is one account's; a wildcard would be many's.
absl::Status CheckAccount(const std::string& account) {
  const bool good =
      !account.empty() && account.size() <= 320 &&
      std::none_of(account.begin(), account.end(), [](char c) {
        return absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == '*' || c == '?';
      });
  if (good) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_ACCOUNT",
               absl::StrCat("'", Printable(account),
                            "' names no single account; nothing was changed; give its address, "
                            "its user principal name or DOMAIN\\NAME"));
}

absl::StatusOr<std::string> AddressOf(Directory& directory,
                                      const std::string& account,
                                      bool may_be_gone) {
  MQ_RETURN_IF_ERROR(CheckAccount(account));
  const absl::StatusOr<Answer> answer =
      directory.Ask({{{"Get-Mailbox", {{"Identity", account}}}}, {"PrimarySmtpAddress"}});
  if (!answer.ok() && !absl::IsNotFound(answer.status())) return answer.status();
  const std::string address =
      answer.ok() && answer->rows.size() == 1 ? Text(answer->rows[0], "PrimarySmtpAddress") : "";
  if (!address.empty()) return address;
  // Who was blocked may have been deleted since; his rule has his address.
  if (may_be_gone && absl::StrContains(account, '@')) return account;
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_ACCOUNT",
               absl::StrCat("Exchange knows no mailbox '", Printable(account),
                            "', or more than one; nothing was changed; an account without a "
                            "mailbox is blocked in the directory: disable it there"));
}

struct Found {
  Block block;
  SettingKey key;
};

// Whom the request names, and the setting that blocks him.
template <typename Request>
absl::StatusOr<Found> Find(Directory& directory,
                           const SettingsOptions& options,
                           const Request& request) {
  constexpr bool kUnblocks = std::is_same_v<Request, v1::SenderUnblock>;
  Block block;
  switch (request.who_case()) {
    case Request::kAccount: {
      if (options.role == Role::kEdge)
        return NoSuchBlock(
            "an Edge server knows no accounts: its logins are those of the Mailbox servers; "
            "nothing was changed; block the account on a Mailbox server");
      MQ_ASSIGN_OR_RETURN(const std::string address,
                          AddressOf(directory, request.account(), kUnblocks));
      block = {Block::Kind::kAccount, address};
      break;
    }
    case Request::kClient: {
      MQ_ASSIGN_OR_RETURN(const IpRange range, ParseClient(request.client()));
      if (options.role == Role::kMailbox && !range.IsV4())
        return NoSuchBlock(
            "the transport rules of a Mailbox server know addresses of IPv4 only, and its "
            "connection filter does not exist since Exchange 2013; nothing was changed; block the "
            "address in the firewall, or on an Edge server");
      block = {Block::Kind::kClient, range.Text()};
      break;
    }
    case Request::kLocalUser:
      return NoSuchBlock(
          "who may put files into the Pickup and Replay folders is a matter of these folders' "
          "permissions; nothing was changed; take the user's right to write there, or disable the "
          "account");
    default:
      return Error(absl::StatusCode::kInvalidArgument, "NOBODY_NAMED",
                   "the request names neither an account nor a client; nothing was changed");
  }
  const bool rule = options.role == Role::kMailbox;
  return Found{block,
               {rule ? SettingKey::Kind::kTransportRule : SettingKey::Kind::kIpBlock,
                rule ? RuleName(block) : block.who, "", "", ""}};
}

RawSetting Blocking(const Found& found) {
  return found.key.kind == SettingKey::Kind::kIpBlock
             ? RawSetting("block")
             : RawSetting(RuleValue("Enabled", Comment(found.block)));
}

// Somebody else's rule of that name is not ours to touch.
absl::Status CheckOurs(const Found& found, const RawSetting& now) {
  if (!now.has_value() || now == Blocking(found) ||
      now == RawSetting(RuleValue("Disabled", Comment(found.block))))
    return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "RULE_IS_FOREIGN",
               absl::StrCat("there is a transport rule '", Printable(found.key.object),
                            "' whose comment is not this agent's; nothing was changed; look at "
                            "it, and rename or remove it"));
}

std::string BlockNotice(const Found& found) {
  if (found.key.kind == SettingKey::Kind::kIpBlock)
    return absl::StrCat(found.block.who,
                        " may not connect to this Edge server until the abuse is cleared up, where "
                        "its connection filtering is enabled; a session that it has open ends by "
                        "itself.");
  if (found.block.kind == Block::Kind::kAccount)
    return absl::StrCat("What ", found.block.who,
                        " sends, from Outlook, a telephone or a program, is refused by a "
                        "transport rule on every server of the organisation; it still receives "
                        "mail. What is queued already is not affected.");
  return absl::StrCat(
      "What comes from ", found.block.who,
      " is refused by a transport rule on every server of the organisation, after it was taken: a "
      "notification to its sender may result, and mail that a server in between hands on has that "
      "server's address. Better block it in the firewall, too.");
}
}  // namespace

absl::StatusOr<SettingsChange> ExchangeSettings::PlanSenderBlock(
    const v1::SenderBlock& request) const {
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  MQ_ASSIGN_OR_RETURN(const Found found, Find(directory, options_, request));
  MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(found.key));
  MQ_RETURN_IF_ERROR(CheckOurs(found, now));
  SettingsChange change;
  AddSetting(options_.server, found.key, now, Blocking(found), false, &change);
  if (!change.files.empty() && found.key.kind == SettingKey::Kind::kTransportRule)
    change.result.set_organisation(options_.organisation);
  change.result.set_notice(BlockNotice(found));
  if (found.block.kind == Block::Kind::kAccount) {
    change.result.add_duties(
        absl::StrCat("reset the password of ", found.block.who,
                     " and end its sessions: who has its password still reads its mail"));
    change.result.add_duties(absl::StrCat("look through the mailbox of ", found.block.who,
                                          " for rules and forwards that are not its owner's"));
  }
  return change;
}

absl::StatusOr<SettingsChange> ExchangeSettings::PlanSenderUnblock(
    const v1::SenderUnblock& request) const {
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  MQ_ASSIGN_OR_RETURN(const Found found, Find(directory, options_, request));
  MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(found.key));
  MQ_RETURN_IF_ERROR(CheckOurs(found, now));
  SettingsChange change;
  AddSetting(options_.server, found.key, now, std::nullopt, false, &change);
  if (!change.files.empty() && found.key.kind == SettingKey::Kind::kTransportRule)
    change.result.set_organisation(options_.organisation);
  change.result.set_notice(absl::StrCat(found.block.who, " may send again."));
  return change;
}

}  // namespace mailquench::agent::exchange
