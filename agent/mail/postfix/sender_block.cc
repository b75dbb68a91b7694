#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/relay_values.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kSubmit[] = "authorized_submit_users";
constexpr char kAnyone[] = "static:anyone";
constexpr char kClientList[] = "smtpd_client_restrictions";
constexpr char kHeader[] = "# Made by Mailquench: what is listed here may not send.\n";

// Exactly one of the three, checked: nothing in it can become syntax of Postfix.
struct Who {
  std::string account;
  std::string client;  // "192.0.2.0/24"
  std::string local_user;
};

absl::Status BadName(const std::string& what) {
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_NAME",
      absl::StrCat("the ", what,
                   " that was named is empty, too long, or has characters that could be taken "
                   "as settings; nothing was changed; name it exactly as the log does"));
}

bool OnlyOf(const std::string& name, const std::string& others) {
  if (name.empty() || name.size() > 255) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           others.find(c) != std::string::npos;
  });
}

template <typename Request>
absl::StatusOr<Who> Parse(const Request& request) {
  Who who;
  switch (request.who_case()) {
    case Request::kAccount:
      if (!OnlyOf(request.account(), "._-+@=~%&'/")) return BadName("account");
      who.account = absl::AsciiStrToLower(request.account());  // As the table is asked.
      return who;
    case Request::kClient: {
      MQ_ASSIGN_OR_RETURN(const Cidr cidr, ParseClient(request.client()));
      if (cidr.prefix < 8)
        return Error(absl::StatusCode::kInvalidArgument, "BAD_CLIENT",
                     absl::StrCat(cidr.ForTable(),
                                  " is too wide for a block of one sender; nothing was changed; "
                                  "stop the service or lock the relay instead"));
      who.client = cidr.ForTable();
      return who;
    }
    case Request::kLocalUser:
      if (!OnlyOf(request.local_user(), "._-") || request.local_user().front() == '-')
        return BadName("local user");
      who.local_user = request.local_user();
      return who;
    default:
      return Error(absl::StatusCode::kInvalidArgument, "NOBODY_NAMED",
                   "the request names no account, client or local user; nothing was changed");
  }
}

// A table with one entry a line, and the restriction that asks it.
struct Table {
  std::string path;
  std::string type;
  std::string check;
  std::string parameter;
  std::string line;

  std::string Reference() const { return absl::StrCat(type, ":", path); }
};

absl::StatusOr<Table> TableFor(const Who& who, const SettingsDraft& draft) {
  Table table;
  if (!who.client.empty())
    return Table{draft.OwnPath("blocked_clients"), "cidr", "check_client_access", kClientList,
                 absl::StrCat(who.client, " REJECT blocked after abuse")};
  if (!AtLeast(draft.instance().version, 2, 11))
    return Error(
        absl::StatusCode::kFailedPrecondition, "POSTFIX_TOO_OLD",
        absl::StrCat(
            "instance ", draft.instance().name, " is Postfix ", draft.instance().version,
            ", which has no check_sasl_access; nothing was changed; change the password instead"));
  MQ_ASSIGN_OR_RETURN(Parameters main, EffectiveParameters(draft.instance().config_directory,
                                                           {"smtpd_delay_reject"}));
  // Without the delay, the client's restrictions are asked before it has logged in.
  const char* parameter = main["smtpd_delay_reject"] == "no" ? kRecipient : kClientList;
  return Table{draft.OwnPath("blocked_accounts"), "texthash", "check_sasl_access", parameter,
               absl::StrCat(who.account, " REJECT blocked after abuse")};
}

std::vector<std::string> Entries(const std::string& content) {
  std::vector<std::string> entries;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(content, '\n'))) {
    if (!line.empty() && line[0] != '#') entries.push_back(line);
  }
  return entries;
}

std::string TableText(const std::vector<std::string>& entries) {
  return absl::StrCat(kHeader, absl::StrJoin(entries, "\n"), "\n");
}

// `list` with "check reference" first; unchanged where it has it.
std::string Hooked(const std::string& list, const Table& table) {
  const std::vector<std::string> items = SplitList(list);
  if (std::find(items.begin(), items.end(), table.Reference()) != items.end()) return list;
  const std::string hook = absl::StrCat(table.check, " ", table.Reference());
  return list.empty() ? hook : absl::StrCat(hook, ", ", list);
}

// `list` without that pair, as it was before Hooked().
std::string Unhooked(const std::string& list, const Table& table) {
  const std::string hook = absl::StrCat(table.check, " ", table.Reference());
  const std::size_t at = list.find(hook);
  if (at == std::string::npos) return list;
  std::size_t end = list.find_first_not_of(", \t", at + hook.size());
  if (end == std::string::npos) end = list.size();
  std::string left = list.substr(0, at) + list.substr(end);
  return left;
}

absl::Status HookTable(const Table& table, SettingsDraft* draft) {
  MQ_ASSIGN_OR_RETURN(Parameters main,
                      EffectiveParameters(draft->instance().config_directory, {table.parameter}));
  const std::string list = draft->main().Value(table.parameter).value_or(main[table.parameter]);
  const std::string hooked = Hooked(list, table);
  if (hooked != list) draft->Set(table.parameter, hooked);
  MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners,
                      FindListeners(draft->instance(), draft->master()));
  for (const Listener& listener : listeners) {
    const MasterCf::Service service = *draft->master().Find(listener.service);
    const auto own = service.overrides.find(table.parameter);  // As written, not expanded.
    if (listener.exempt || own == service.overrides.end()) continue;
    const std::string own_hooked = Hooked(own->second, table);
    if (own_hooked != own->second)
      draft->SetOverride(listener.service, table.parameter, own_hooked);
  }
  return absl::OkStatus();
}

void UnhookTable(const Table& table, SettingsDraft* draft) {
  const std::string list = draft->main().Value(table.parameter).value_or("");
  const std::string unhooked = Unhooked(list, table);
  // An earlier definition must not begin to count.
  const bool remove = unhooked.empty() && draft->main().Count(table.parameter) == 1;
  if (unhooked != list && remove) draft->Remove(table.parameter);
  if (unhooked != list && !remove) draft->Set(table.parameter, unhooked);
  for (const MasterCf::Service& service : draft->master().Services()) {
    const auto own = service.overrides.find(table.parameter);
    if (service.command != "smtpd" || own == service.overrides.end()) continue;
    const std::string left = Unhooked(own->second, table);
    if (left != own->second) draft->SetOverride(service.key, table.parameter, left);
  }
}

absl::Status BlockInTable(const Who& who, SettingsDraft* draft) {
  MQ_ASSIGN_OR_RETURN(const Table table, TableFor(who, *draft));
  MQ_ASSIGN_OR_RETURN(const std::optional<std::string> content, draft->File(table.path));
  std::vector<std::string> entries = Entries(content.value_or(""));
  if (std::find(entries.begin(), entries.end(), table.line) == entries.end()) {
    entries.push_back(table.line);
    MQ_RETURN_IF_ERROR(draft->SetFile(table.path, TableText(entries)));
  }
  return HookTable(table, draft);
}

absl::Status UnblockInTable(const Who& who, SettingsDraft* draft) {
  MQ_ASSIGN_OR_RETURN(const Table table, TableFor(who, *draft));
  MQ_ASSIGN_OR_RETURN(const std::optional<std::string> content, draft->File(table.path));
  std::vector<std::string> entries = Entries(content.value_or(""));
  const auto it = std::find(entries.begin(), entries.end(), table.line);
  if (it == entries.end()) return absl::OkStatus();
  entries.erase(it);
  if (!entries.empty()) return draft->SetFile(table.path, TableText(entries));
  UnhookTable(table, draft);
  return draft->SetFile(table.path, std::nullopt);
}

absl::Status ChangeSubmitters(const std::string& user, bool block, SettingsDraft* draft) {
  MQ_ASSIGN_OR_RETURN(Parameters main,
                      EffectiveParameters(draft->instance().config_directory, {kSubmit}));
  std::string list = draft->main().Value(kSubmit).value_or(main[kSubmit]);
  const std::string token = "!" + user;
  std::vector<std::string> items = SplitList(list);
  const auto it = std::find(items.begin(), items.end(), token);
  if (block) {
    // Only the first match counts, so it must stand before what permits.
    const bool stands =
        std::all_of(items.begin(), it, [](const std::string& item) { return item.front() == '!'; });
    if (it != items.end() && stands) return absl::OkStatus();
    if (list.empty()) return absl::OkStatus();  // Nobody may submit as it is.
    draft->Set(kSubmit, absl::StrCat(token, ", ", list));
    return absl::OkStatus();
  }
  if (it == items.end()) return absl::OkStatus();
  items.erase(std::remove(items.begin(), items.end(), token), items.end());
  if (items == std::vector<std::string>{kAnyone}) {
    draft->Remove(kSubmit);
  } else {
    draft->Set(kSubmit, absl::StrJoin(items, ", "));
  }
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<SettingsChange> Plan(const std::vector<Instance>& instances,
                                    const Request& request,
                                    bool block) {
  MQ_ASSIGN_OR_RETURN(const Who who, Parse(request));
  SettingsChange change;
  const std::string name = absl::StrCat(who.account, who.client, who.local_user);
  change.result.set_notice(block
                               ? absl::StrCat(name, " may not send until the abuse is cleared up.")
                               : absl::StrCat(name, " may send again."));
  for (const Instance& instance : instances) {
    MQ_ASSIGN_OR_RETURN(SettingsDraft draft, SettingsDraft::Load(instance));
    if (!who.local_user.empty()) {
      MQ_RETURN_IF_ERROR(ChangeSubmitters(who.local_user, block, &draft));
    } else {
      MQ_RETURN_IF_ERROR(block ? BlockInTable(who, &draft) : UnblockInTable(who, &draft));
    }
    draft.Emit({}, &change);
  }
  return change;
}
}  // namespace

absl::StatusOr<SettingsChange> PlanSenderBlock(const std::vector<Instance>& instances,
                                               const v1::SenderBlock& request) {
  return Plan(instances, request, true);
}

absl::StatusOr<SettingsChange> PlanSenderUnblock(const std::vector<Instance>& instances,
                                                 const v1::SenderUnblock& request) {
  return Plan(instances, request, false);
}

}  // namespace mailquench::agent::postfix
