#include "controller/notify/warnings.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/web/url.h"
#include "controller/notify/kinds.h"

namespace mailquench::controller {
namespace {

// By which names and addresses the world knows a host, in lower case, without ports.
std::set<std::string> NamesOf(const v1::Host& host) {
  std::set<std::string> names;
  const auto add = [&](const std::string& text) {
    web::HostPort split;
    if (web::SplitHostPort(text, &split)) names.insert(split.host);
    names.insert(absl::AsciiStrToLower(text));
  };
  add(host.name());
  add(host.hello().hostname());
  for (const auto* list : {&host.hello().addresses(), &host.hello().listeners(),
                           &host.hello().egress_addresses(), &host.hello().helo_names(),
                           &host.confirmed_addresses(), &host.mail_identity().egress_addresses()})
    for (const std::string& one : *list) add(one);
  for (auto name = names.begin(); name != names.end();)
    name = name->empty() || *name == "localhost" || *name == "::1" ||
                   absl::StartsWith(*name, "127.") || *name == "0.0.0.0" || *name == "::"
               ? names.erase(name)
               : std::next(name);
  return names;
}

std::set<std::string> DomainsOf(const v1::Host& host) {
  std::set<std::string> domains;
  for (const auto* list : {&host.hello().mail_domains(), &host.mail_identity().mail_domains()})
    for (const std::string& one : *list) domains.insert(absl::AsciiStrToLower(one));
  return domains;
}

void WarnOfMail(const ChannelConfig& channel,
                const std::vector<v1::Host>& hosts,
                std::vector<std::string>& warnings) {
  web::HostPort relay;
  web::SplitHostPort(channel.relay, &relay);
  const std::string name = absl::StrCat("channel '", channel.name, "': ");
  for (const v1::Host& host : hosts) {
    if (NamesOf(host).count(relay.host) > 0)
      warnings.push_back(absl::StrCat(
          name, "its relay ", relay.host, " is ", host.name(),
          ", a host of the fleet: when that host is contained, nobody is told. Use a relay that is "
          "no part of the fire"));
    const std::set<std::string> domains = DomainsOf(host);
    for (const std::string& to : channel.to) {
      if (domains.count(absl::AsciiStrToLower(to.substr(to.find('@') + 1))) > 0)
        warnings.push_back(absl::StrCat(name, host.name(), " of this fleet takes mail for ", to,
                                        ": when it is contained, that mail waits. Use a mailbox "
                                        "elsewhere"));
    }
  }
  if (!channel.starttls)
    warnings.push_back(absl::StrCat(name, "'starttls: no' sends notices in plain text"));
}
}  // namespace

std::vector<std::string> NotificationWarnings(const NotifyOptions& options,
                                              const std::vector<v1::Host>& hosts) {
  std::vector<std::string> warnings;
  v1::Notice page;
  page.set_kind("page");
  page.set_severity("page");
  bool told = false;
  bool only_mail = !options.channels.empty();
  for (const ChannelConfig& channel : options.channels) {
    told |= channel.kinds.empty() || channel.kinds.count(page.kind()) > 0;
    only_mail &= channel.kind == ChannelKind::kSmtp;
    const std::string name = absl::StrCat("channel '", channel.name, "': ");
    if (channel.kind == ChannelKind::kSmtp) WarnOfMail(channel, hosts, warnings);
    if (channel.kind != ChannelKind::kWebhook) continue;
    if (channel.secret_file.empty() && channel.token_file.empty() && channel.url_file.empty())
      warnings.push_back(absl::StrCat(
          name, "without 'secret_file' its receiver cannot tell a notice from a forgery"));
    const auto url = web::ParseUrl(channel.url);
    const bool local = url.ok() && (url->host == "localhost" ||
                                    absl::StartsWith(url->host, "127.") || url->host == "::1");
    if (url.ok() && !url->tls && !local)
      warnings.push_back(absl::StrCat(name, "http:// sends notices in plain text; use https://"));
  }
  if (options.channels.empty()) {
    warnings.emplace_back("no channel is configured: nobody is told of anything");
  } else if (!told) {
    warnings.emplace_back("no channel takes notices of kind 'page': nobody is called");
  }
  if (only_mail)
    warnings.emplace_back(
        "all channels are mail, and mail is what burns when these notices matter: add a webhook or "
        "syslog");
  return warnings;
}

}  // namespace mailquench::controller
