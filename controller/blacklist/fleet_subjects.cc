#include "controller/blacklist/fleet_subjects.h"

#include <algorithm>
#include <map>

namespace mailquench::controller {
namespace {

using blacklist::Subject;

constexpr int kMostAddresses = 64, kMostDomains = 200;  // Of one host.

bool Reported(const v1::Host& host, bool address) {
  const v1::MailIdentity& set = host.mail_identity();
  return address ? set.egress_addresses_size() == 0 : set.mail_domains_size() == 0;
}

const google::protobuf::RepeatedPtrField<std::string>& Texts(const v1::Host& host, bool address) {
  if (address)
    return Reported(host, true) ? host.hello().egress_addresses()
                                : host.mail_identity().egress_addresses();
  return Reported(host, false) ? host.hello().mail_domains() : host.mail_identity().mail_domains();
}

void Add(const v1::Host& host, bool address, std::map<std::string, FleetSubject>* all) {
  int count = 0;
  for (const std::string& text : Texts(host, address)) {
    // What one host says must not use up the quotas of all.
    if (++count > (address ? kMostAddresses : kMostDomains)) break;
    const absl::StatusOr<Subject> subject = Subject::Parse(text);
    if (!subject.ok() || (subject->kind() == Subject::Kind::kDomain) == address) continue;
    FleetSubject& one = (*all)[subject->text()];
    one.subject = *subject;
    one.confirmed |= std::find(host.confirmed_addresses().begin(), host.confirmed_addresses().end(),
                               subject->text()) != host.confirmed_addresses().end();
    one.reported = (one.host_ids.empty() || one.reported) && Reported(host, address);
    if (std::find(one.host_ids.begin(), one.host_ids.end(), host.host_id()) != one.host_ids.end())
      continue;
    one.host_ids.push_back(host.host_id());
    one.host_names.push_back(host.name());
    if (one.helo.empty() && host.hello().helo_names_size() > 0)
      one.helo = host.hello().helo_names(0);
  }
}

}  // namespace

std::vector<FleetSubject> SubjectsOf(const std::vector<v1::Host>& hosts, bool with_private) {
  std::map<std::string, FleetSubject> all;
  for (const v1::Host& host : hosts) {
    if (host.state() != v1::HOST_STATE_ACTIVE) continue;
    Add(host, true, &all);
    Add(host, false, &all);
  }
  std::vector<FleetSubject> out;
  for (auto& [text, one] : all) {
    if (!with_private && IsPrivate(one.subject))
      one.skipped =
          "no list knows an address that nobody outside sees: set the one that receivers "
          "see with `mailquench host egress`";
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace mailquench::controller
