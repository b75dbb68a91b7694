// Hosts that can have no agent, and what an operator says of any host.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/blacklist/subject.h"
#include "common/status/error.h"
#include "controller/fleet/hosts.h"
#include "controller/fleet/selectors.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

using blacklist::Subject;

constexpr int kMostListeners = 64;

absl::Status Bad(const char* reason, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, reason, what + "; nothing was changed");
}

// As a host enrols: it is shown on terminals, and typed into commands.
bool IsHostName(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

absl::StatusOr<std::string> CheckedListener(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int port = 0;
  std::string address = text.substr(0, colon == std::string::npos ? 0 : colon);
  const bool brackets = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (brackets) address = address.substr(1, address.size() - 2);
  const absl::StatusOr<Subject> subject = Subject::Parse(address);
  const bool v6 = address.find(':') != std::string::npos;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 1 ||
      port > 65535 || !subject.ok() || subject->kind() == Subject::Kind::kDomain ||
      v6 != brackets) {
    return Bad("BAD_LISTENER", "'" + text +
                                   "' is no listener: an address in numbers and a port, such as "
                                   "192.0.2.1:25 or [2001:db8::1]:25");
  }
  return absl::StrCat(v6 ? "[" + subject->text() + "]" : subject->text(), ":", port);
}

}  // namespace

absl::Status CheckLabel(const std::string& key, const std::string& value) {
  if (key == "manual")
    return Bad("BAD_LABEL",
               "the label 'manual' says that a host has no agent, and is set by itself");
  const std::string label = absl::StrCat(key, "=", value);
  const absl::StatusOr<Selector> parsed = Selector::Parse(label);
  if (parsed.ok() && parsed->Keys().size() == 1 && parsed->Keys()[0] == key)
    return absl::OkStatus();
  return Bad("BAD_LABEL", "'" + label +
                              "' is no label: key and value are letters, digits, '.', '-', '_' "
                              "and '/'");
}

absl::StatusOr<v1::MailIdentity> CheckedIdentity(const v1::MailIdentity& identity) {
  v1::MailIdentity checked;
  for (const std::string& text : identity.egress_addresses()) {
    MQ_ASSIGN_OR_RETURN(const Subject subject, Subject::Parse(text));
    if (subject.kind() == Subject::Kind::kDomain)
      return Bad("BAD_SUBJECT", "'" + text + "' is no address");
    checked.add_egress_addresses(subject.text());
  }
  for (const std::string& text : identity.mail_domains()) {
    MQ_ASSIGN_OR_RETURN(const Subject subject, Subject::Parse(text));
    if (subject.kind() != Subject::Kind::kDomain)
      return Bad("BAD_SUBJECT", "'" + text + "' is no domain");
    checked.add_mail_domains(subject.text());
  }
  return checked;
}

absl::StatusOr<v1::Host> Hosts::AddManual(const v1::AddManualHostRequest& request,
                                          const std::string& actor) {
  if (!IsHostName(request.name())) {
    return Bad("BAD_HOSTNAME", "a host has a name of 1 to 253 letters, digits, '.', '-' and '_'");
  }
  Store::HostRow row;
  v1::Host& host = row.host;
  host.set_name(request.name());
  host.set_state(v1::HOST_STATE_ACTIVE);
  host.mutable_manual()->set_platform(request.platform());
  host.mutable_manual()->set_added_by(actor);
  // So that selectors can name or leave out those that a person does.
  (*host.mutable_labels())["manual"] = request.platform();
  for (const auto& [key, value] : request.labels()) {
    MQ_RETURN_IF_ERROR(CheckLabel(key, value));
    (*host.mutable_labels())[key] = value;
  }
  MQ_ASSIGN_OR_RETURN(*host.mutable_mail_identity(), CheckedIdentity(request.mail_identity()));
  if (request.listeners_size() > kMostListeners)
    return Bad("BAD_LISTENER", absl::StrCat("at most ", kMostListeners, " listeners are kept"));
  // In the place of what an agent would say: probes, greetings and blacklists read it there.
  v1::Hello* hello = host.mutable_hello();
  hello->set_platform(request.platform());
  hello->set_hostname(request.name());
  for (const std::string& text : request.listeners()) {
    MQ_ASSIGN_OR_RETURN(*hello->add_listeners(), CheckedListener(text));
  }
  for (const std::string& name : request.helo_names()) {
    if (!IsHostName(name)) return Bad("BAD_HOSTNAME", "'" + name + "' is no name of a host");
    hello->add_helo_names(name);
  }
  if (hello->helo_names_size() == 0) hello->add_helo_names(request.name());
  StampTime(clock_->Now(), host.mutable_enrol_time());
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  host.set_host_id(NewId());
  for (const auto& [id, known] : hosts_) {
    // What it owes, and its runs, are known under its id.
    if (known.host.name() == host.name() && known.host.has_manual() &&
        known.host.state() == v1::HOST_STATE_EVICTED)
      host.set_host_id(id);
  }
  MQ_RETURN_IF_ERROR(MayBeNamed(host.host_id(), host.name()));
  MQ_RETURN_IF_ERROR(store_->PutHost(row));
  Edit(host.host_id()) = row;
  return Shown(row.host);
}

}  // namespace mailquench::controller
