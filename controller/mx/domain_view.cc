#include "controller/mx/domain_view.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/blacklist/reverse.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/mx/policy_records.h"
#include "controller/mx/spf.h"
#include "controller/mx/values.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostExchangers = 32;
constexpr std::size_t kMostMailAddresses = 16;
constexpr std::size_t kMostPtr = 8;

int PortOf(const Options& options, const std::string& zone) {
  for (const Zone& one : options.zones) {
    if (one.zone == zone) return one.port;
  }
  return options.port;
}

void ViewExchanger(Lookups* lookups, v1::MailExchanger* view) {
  if (ParseAddress(view->name()).ok()) {
    view->set_problem("is an address, where a host name belongs (RFC 1035 section 3.3.9)");
    return;
  }
  std::string fault;
  for (const char* type : {"A", "AAAA"}) {
    const Told told = lookups->Ask(view->name(), type);
    if (!told.known) fault = told.fault;
    if (!told.alias.empty())
      view->set_problem(absl::StrCat("is an alias for ", told.alias,
                                     ", which an MX must not name (RFC 2181 section 10.3)"));
    for (const std::string& value : told.values) {
      const auto address = ParseAddress(value);
      if (!address.ok() || view->addresses_size() >= static_cast<int>(kMostMailAddresses)) continue;
      *view->add_addresses() = ViewAddress(lookups, address->text);
      view->mutable_addresses()->rbegin()->set_ttl(told.ttl);
    }
  }
  for (const std::string& tlsa :
       lookups->Ask(absl::StrCat("_25._tcp.", view->name()), "TLSA").values)
    view->add_tlsa(tlsa);
  if (view->addresses().empty() && view->problem().empty())
    view->set_problem(fault.empty() ? "has no address" : absl::StrCat("is not known: ", fault));
}

void ViewExchangers(Lookups* lookups, v1::DomainView* view) {
  const Told told = lookups->Ask(view->domain(), "MX");
  view->set_mx_ttl(told.ttl);
  if (!told.known) {
    view->add_problems(
        absl::StrCat("The MX of ", view->domain(), " is not known: ", told.fault, "."));
    return;
  }
  if (!told.alias.empty())
    view->add_problems(absl::StrCat(view->domain(), " is an alias for ", told.alias,
                                    "; its mail goes where that one's goes."));
  std::vector<MxValue> all;
  for (const std::string& value : told.values) {
    if (const auto mx = ParseMx(value)) all.push_back(*mx);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const MxValue& a, const MxValue& b) { return a.preference < b.preference; });
  for (const MxValue& mx : all) {
    if (mx.host.empty()) {
      view->set_null_mx(true);
      if (all.size() > 1)
        view->add_problems(
            absl::StrCat(view->domain(),
                         " says both that it takes no mail (RFC 7505) and where mail goes; "
                         "remove one of them."));
      continue;
    }
    if (view->exchangers_size() == static_cast<int>(kMostExchangers)) {
      view->add_problems(absl::StrCat("It has more than ", kMostExchangers,
                                      " MX; the others were not looked at."));
      break;
    }
    v1::MailExchanger* one = view->add_exchangers();
    one->set_name(mx.host);
    one->set_preference(mx.preference);
  }
  if (all.empty()) {
    if (!told.exists) {
      view->add_problems(absl::StrCat("DNS knows no ", view->domain(), "."));
      return;
    }
    view->set_implicit_mx(true);
    view->add_exchangers()->set_name(view->domain());
  }
  std::vector<std::pair<std::string, std::string>> questions;
  for (const auto& one : view->exchangers()) {
    questions.emplace_back(one.name(), "A");
    questions.emplace_back(one.name(), "AAAA");
    questions.emplace_back(absl::StrCat("_25._tcp.", one.name()), "TLSA");
  }
  lookups->Fetch(questions);
  for (auto& one : *view->mutable_exchangers()) ViewExchanger(lookups, &one);
}

void JudgeServers(v1::DomainView* view) {
  std::set<std::string> different;
  std::set<std::uint32_t> serials;
  bool any = false;
  for (const auto& one : view->servers()) {
    if (!one.problem().empty())
      view->add_problems(absl::StrCat("The name server ", one.name(),
                                      one.address().empty() ? "" : " (", one.address(),
                                      one.address().empty() ? " " : ") ", one.problem(), "."));
    if (!one.answers()) continue;
    any = true;
    serials.insert(one.serial());
    different.insert(absl::StrJoin(one.mx().values(), ", "));
  }
  if (different.size() > 1)
    view->add_problems(
        "Its name servers have different MX: a change is under way, or one of them is left "
        "behind.");
  else if (serials.size() > 1)
    view->add_problems("Its name servers have different serials.");
  if (!view->servers().empty() && !any)
    view->add_problems("None of its name servers answers with authority.");
}

void JudgeMail(v1::DomainView* view) {
  for (const auto& one : view->exchangers()) {
    if (!one.problem().empty())
      view->add_problems(absl::StrCat("The mail exchanger ", one.name(), " ", one.problem(), "."));
    for (const auto& address : one.addresses()) {
      if (!address.problem().empty())
        view->add_problems(absl::StrCat(address.address(), " ", address.problem(), "."));
    }
  }
  if (!view->spf().problem().empty())
    view->add_problems(absl::StrCat("SPF: ", view->spf().problem(), "."));
}

}  // namespace

v1::MailAddressView ViewAddress(Lookups* lookups, const std::string& text) {
  v1::MailAddressView view;
  view.set_address(text);
  const auto address = ParseAddress(text);
  const auto subject = blacklist::Subject::Parse(text);
  if (!address.ok() || !subject.ok()) return view;
  const Told told = lookups->Ask(ReverseName(*address), "PTR");
  if (!told.known) {
    view.set_problem(absl::StrCat("has a reverse name that is not known: ", told.fault));
    return view;
  }
  for (const std::string& value : told.values) {
    if (view.ptr_size() == static_cast<int>(kMostPtr)) break;
    const std::string name = Plain(value);
    view.add_ptr(name);
    view.set_generic_ptr(view.generic_ptr() || blacklist::LooksGeneric(*subject, name));
    const auto back = lookups->Addresses(name, address->type(), nullptr);
    view.set_forward_confirmed(view.forward_confirmed() ||
                               std::find(back.begin(), back.end(), address->text) != back.end());
  }
  if (view.ptr().empty())
    view.set_problem("has no reverse name (PTR); its provider sets one");
  else if (!view.forward_confirmed())
    view.set_problem(
        absl::StrCat("has the reverse name ", view.ptr(0), ", which does not lead back to it"));
  else if (view.generic_ptr())
    view.set_problem(
        absl::StrCat("has the reverse name ", view.ptr(0), ", which looks like one of a pool"));
  return view;
}

absl::StatusOr<v1::DomainView> ViewDomain(const Options& options,
                                          const v1::ShowDomainRequest& request) {
  v1::DomainView view;
  MQ_ASSIGN_OR_RETURN(const std::string domain, CheckedName(request.domain()));
  view.set_domain(domain);
  std::vector<std::string> resolvers = options.resolvers;
  if (!request.resolver().empty()) {
    MQ_RETURN_IF_ERROR(dns::ParseEndpoint(request.resolver()).status());
    resolvers = {request.resolver()};
  }
  Lookups lookups(resolvers, options.patience);
  view.set_resolver(absl::StrJoin(lookups.resolvers(), ", "));
  std::vector<std::string> selectors(request.dkim_selectors().begin(),
                                     request.dkim_selectors().end());
  if (selectors.empty()) selectors = options.dkim_selectors;

  const auto cut = FindZone(&lookups, domain);
  if (cut.ok()) {
    view.set_zone(cut->zone);
    view.set_negative_ttl(cut->negative_ttl);
    const auto servers = ServersOf(&lookups, cut->zone, PortOf(options, cut->zone));
    for (auto& one : AskServers(servers, cut->zone, domain, options.patience))
      *view.add_servers() = std::move(one);
  } else {
    view.add_problems(absl::StrCat(std::string(cut.status().message()), "."));
  }
  JudgeServers(&view);
  ViewExchangers(&lookups, &view);
  ViewPolicies(&lookups, selectors, &view);
  JudgeMail(&view);
  return view;
}

}  // namespace mailquench::controller::mx
