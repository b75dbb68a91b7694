// Where each message goes: transport rules, recipients, notifications.
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "tests/simulation/exchange/transport.h"

namespace mailquench::simulation::exchange {
namespace {
constexpr std::size_t kOnePass = 200;

std::string SmartHostsOf(const Json& connector) {
  std::vector<std::string> hosts;
  for (const Json& one : ListIn(connector, "SmartHosts")) {
    if (one.is_string()) hosts.push_back(one.get<std::string>());
  }
  return absl::StrJoin(hosts, ",");
}
}  // namespace

void Transport::Categorise() {
  if (ReadOptions(world_, server_).hold_submission) return;
  const auto settings = SettingsNow();
  for (const Item& item : store_->ReadySubmission(kOnePass)) {
    if (ended_) return;
    Route(item, *settings);
  }
}

// To the sender, unless it is a notification itself, or goes where no notification may go.
void Transport::ReturnToSender(const Item& item, const std::string& why) {
  const auto settings = SettingsNow();
  const std::string domain = DomainOf(item.sender);
  if (item.sender.empty() ||
      (settings->AcceptedDomain(domain).is_null() && !settings->MaySendNdrTo(domain)))
    return;
  Item notice;
  notice.recipients = {item.sender};
  notice.source = "DSN";
  notice.received = absl::Now();
  notice.content = std::make_shared<std::string>(absl::StrCat(
      "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@",
      settings->Fqdn(), ">\r\nTo: ", item.sender, "\r\nSubject: Undeliverable: ", item.subject,
      "\r\nIn-Reply-To: ", item.message_id,
      "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; "
      "report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: "
      "text/plain\r\n\r\nDelivery has failed to these recipients: ",
      absl::StrJoin(item.recipients, ", "), "\r\nRemote Server returned '", why,
      "'\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;",
      settings->Fqdn(), "\r\n\r\nAction: failed\r\nDiagnostic-Code: smtp;", why,
      "\r\n\r\n--b--\r\n"));
  ReadHeader(notice, settings->Fqdn());
  if (store_->Add(notice).ok()) tracking_.Write(*settings, "DSN", "DSN", notice);
}

void Transport::Fail(const Item& item, const std::string& source, const std::string& why) {
  ReturnToSender(item, why);
  tracking_.Write(*SettingsNow(), source, "FAIL", item, why);
}

void Transport::Route(const Item& item, const Settings& settings) {
  const std::string refusal =
      settings.RuleAgainst(item.sender, item.header_from.empty() ? item.sender : item.header_from);
  if (!refusal.empty()) {
    if (refusal == "DELETE")
      tracking_.Write(settings, "AGENT", "FAIL", item, "deleted by a transport rule");
    else
      Fail(item, "AGENT", refusal);
    (void)store_->Split(item.key, {});
    return;
  }
  std::map<Place, Item> parts;
  Item unknown = item;
  unknown.recipients.clear();
  for (const std::string& recipient : item.recipients) {
    const std::string domain = DomainOf(recipient);
    const Json& accepted = settings.AcceptedDomain(domain);
    Place place;
    std::string connector;
    if (absl::StartsWithIgnoreCase(HeaderOf(*item.content, "X-Sim-Poison"), "yes")) {
      place.kind = Kind::kPoison;
    } else if (settings.IsMailbox(recipient)) {
      place = {Kind::kMailbox, "mailbox database"};
      connector = "Intra-Organization SMTP Send Connector";
    } else if (absl::EqualsIgnoreCase(TextIn(accepted, "DomainType"), "Authoritative")) {
      unknown.recipients.push_back(recipient);
      continue;
    } else {
      const Json& route = settings.SendConnectorFor(domain);
      const std::string hosts = SmartHostsOf(route);
      connector = TextIn(route, "Name");
      place = route.is_null() ? Place{Kind::kUnreachable, ""}
              : hosts.empty() ? Place{Kind::kDns, domain}
                              : Place{Kind::kSmartHost, hosts};
    }
    Item& part = parts.emplace(place, item).first->second;
    if (part.place != place || part.connector != connector) part.recipients.clear();
    part.place = place;
    part.connector = connector;
    part.status = place.kind == Kind::kPoison ? ItemStatus::kSuspended : ItemStatus::kReady;
    part.recipients.push_back(recipient);
  }
  // The notification first: what is lost between is the end of its original, and it comes again.
  if (!unknown.recipients.empty())
    Fail(unknown, "ROUTING", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found");
  std::vector<Item> into;
  for (auto& entry : parts) into.push_back(std::move(entry.second));
  (void)store_->Split(item.key, std::move(into));
}

}  // namespace mailquench::simulation::exchange
