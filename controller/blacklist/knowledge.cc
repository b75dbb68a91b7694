#include "controller/blacklist/knowledge.h"

#include <sys/stat.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "common/blacklist/control.h"
#include "common/blacklist/file.h"
#include "common/blacklist/keys.h"
#include "common/listing/messages.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

using blacklist::Catalogue;
using blacklist::HealthState;
using blacklist::List;
using blacklist::ListHealth;

constexpr absl::Duration kServersAreGoodFor = absl::Minutes(1);
constexpr absl::Duration kTestedAgainAfter = absl::Seconds(10);
constexpr std::size_t kWitnesses = 3;
constexpr absl::Duration kSuspectedFor = absl::Hours(24);

// Says something new when the file was written or replaced.
std::string StampOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "missing";
  return absl::StrCat(info.st_dev, " ", info.st_ino, " ", info.st_size, " ", info.st_mtim.tv_sec,
                      ".", info.st_mtim.tv_nsec);
}

}  // namespace

absl::Status ListKnowledge::Start() {
  MQ_ASSIGN_OR_RETURN(Catalogue built_in, Catalogue::BuiltIn());
  MQ_ASSIGN_OR_RETURN(const auto stored, store_->AllBlacklistHealth());
  {
    const std::lock_guard<std::mutex> lock(mu_);
    catalogue_ = std::make_shared<const Catalogue>(std::move(built_in));
    for (const auto& [zone, message] : stored) health_[zone] = blacklist::FromMessage(message);
  }
  Reload();
  return absl::OkStatus();
}

bool ListKnowledge::Changed(const std::string& path, File* file) const {
  if (path.empty()) return false;
  const std::string stamp = StampOf(path);
  if (stamp == file->stamp) return false;
  file->stamp = stamp;
  return true;
}

void ListKnowledge::Reload() {
  std::vector<std::string> said;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const bool lists = Changed(options_.lists, &lists_file_);
    const bool keys = Changed(options_.keys, &keys_file_);
    if (!lists && !keys) return;
    std::string fault;
    auto catalogue = blacklist::LoadCatalogue(options_.lists);
    if (catalogue.ok())
      catalogue_ = std::make_shared<const Catalogue>(*std::move(catalogue));
    else
      fault =
          absl::StrCat(std::string(catalogue.status().message()), "; the lists stay as they were");
    absl::StatusOr<blacklist::Keys> read = blacklist::Keys();
    if (!options_.keys.empty()) read = blacklist::ReadKeys(options_.keys);
    if (read.ok()) {
      const absl::Status zones = blacklist::CheckKeyZones(*catalogue_, *read, options_.keys);
      if (!zones.ok()) read = zones;
    }
    if (read.ok())
      keys_ = *std::move(read);
    else
      absl::StrAppend(&fault, fault.empty() ? "" : "; ", std::string(read.status().message()),
                      "; the keys stay as they were");
    if (fault != fault_)
      said.push_back(fault.empty() ? "the files of lists and keys are in force again" : fault);
    fault_ = fault;
  }
  for (const std::string& one : said) Say(one);
}

ListKnowledge::InForce ListKnowledge::now() {
  const std::lock_guard<std::mutex> lock(mu_);
  InForce in_force{catalogue_, keys_, {}};
  for (const List& list : in_force.catalogue->lists()) {
    if (list.enabled && list.purpose == blacklist::Purpose::kBlock &&
        (!list.key_first || keys_.count(list.zone) > 0))
      in_force.enabled.push_back(&list);
  }
  return in_force;
}

std::string ListKnowledge::fault() {
  const std::lock_guard<std::mutex> lock(mu_);
  return fault_;
}

std::string ListKnowledge::resolver_fault() {
  const std::lock_guard<std::mutex> lock(mu_);
  return resolver_fault_;
}

blacklist::ResolverOptions ListKnowledge::Resolvers(absl::Time now) {
  blacklist::ResolverOptions options;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (now - servers_tested_ < (servers_.empty() ? kTestedAgainAfter : kServersAreGoodFor)) {
      options.servers = servers_;
      options.random_case = random_case_;
      return options;
    }
  }
  options.servers = options_.resolvers;
  const auto check = blacklist::CheckResolvers(options);
  std::string said;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    const std::string fault =
        check.ok() ? check->Sentence() : std::string(check.status().message());
    servers_ = check.ok() ? check->good : std::vector<std::string>();
    random_case_ = !check.ok() || check->random_case;
    servers_tested_ = now;
    if (fault != resolver_fault_)
      said = fault.empty() ? "all resolvers answer as they should again"
             : servers_.empty()
                 ? fault + "; no list is asked, and nothing that was known is changed"
                 : fault + "; it is not asked";
    resolver_fault_ = fault;
    options.servers = servers_;
    options.random_case = random_case_;
  }
  if (!said.empty()) Say(said);
  return options;
}

void ListKnowledge::ResolverFailed(const std::string& fault, absl::Time now) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    servers_.clear();
    servers_tested_ = now;
    if (fault == resolver_fault_) return;
    resolver_fault_ = fault;
  }
  Say(fault + "; nothing that was known is changed");
}

std::vector<const List*> ListKnowledge::Witnesses(const InForce& in_force,
                                                  const std::vector<const List*>& tested) {
  std::set<std::string> operators;
  for (const List* list : tested) operators.insert(list->operator_name);
  std::vector<const List*> witnesses;
  const std::lock_guard<std::mutex> lock(mu_);
  for (const List* list : in_force.enabled) {
    const auto health = health_.find(list->zone);
    if (health == health_.end() || health->second.state != HealthState::kWell ||
        !health->second.proven.Any() || !operators.insert(list->operator_name).second)
      continue;
    witnesses.push_back(list);
    if (witnesses.size() == kWitnesses) break;
  }
  return witnesses;
}

ListHealth ListKnowledge::Shown(const std::string& zone) const {
  const auto at = health_.find(zone);
  ListHealth health = at == health_.end() ? ListHealth() : at->second;
  const auto suspicion = suspicions_.find(zone);
  if (suspicion == suspicions_.end() || suspicion->second.believed) return health;
  health.state = HealthState::kQuarantined;
  health.reason = suspicion->second.why;
  health.since = suspicion->second.since;
  return health;
}

blacklist::HealthBook ListKnowledge::TestedBook() {
  const std::lock_guard<std::mutex> lock(mu_);
  return health_;
}

std::vector<std::string> ListKnowledge::Suspected() {
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<std::string> zones;
  for (const auto& [zone, suspicion] : suspicions_) zones.push_back(zone);
  return zones;
}

blacklist::HealthBook ListKnowledge::Book() {
  const std::lock_guard<std::mutex> lock(mu_);
  blacklist::HealthBook book;
  for (const auto& [zone, health] : health_) book[zone] = Shown(zone);
  return book;
}

ListHealth ListKnowledge::Of(const std::string& zone) {
  const std::lock_guard<std::mutex> lock(mu_);
  return Shown(zone);
}

absl::Status ListKnowledge::Took(const List& list, const blacklist::Probe& probe) {
  ListHealth before, after;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    before = Shown(list.zone);
    health_[list.zone] = After(health_[list.zone], probe);
    after = Shown(list.zone);
  }
  if (after.state != before.state && before.state != HealthState::kUnknown)
    Say(absl::StrCat("the list ", list.zone, " is ", blacklist::HealthStateName(after.state),
                     after.reason.empty() ? "" : ": ", after.reason));
  return Tell(list.zone, after);
}

absl::Status ListKnowledge::Suspect(const std::vector<std::string>& looked_at,
                                    const std::map<std::string, std::string>& why,
                                    absl::Time now) {
  std::vector<std::pair<std::string, ListHealth>> changed;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const std::string& zone : looked_at) {
      const auto reason = why.find(zone);
      const auto known = suspicions_.find(zone);
      if (reason == why.end()) {
        if (known == suspicions_.end()) continue;
        suspicions_.erase(known);
      } else if (known == suspicions_.end()) {
        suspicions_[zone] = {now, reason->second};
      } else if (!known->second.believed && now - known->second.since > kSuspectedFor) {
        known->second.believed = true;
      } else {
        continue;
      }
      changed.emplace_back(zone, Shown(zone));
    }
  }
  for (const auto& [zone, health] : changed) {
    Say(absl::StrCat("the list ", zone, " is ", blacklist::HealthStateName(health.state),
                     health.reason.empty() ? "" : ": ", health.reason));
    MQ_RETURN_IF_ERROR(Tell(zone, health));
  }
  return absl::OkStatus();
}

absl::Status ListKnowledge::Tell(const std::string& zone, const ListHealth& health) {
  return options_.on_health ? options_.on_health(zone, blacklist::ToMessage(health))
                            : absl::OkStatus();
}

void ListKnowledge::Say(const std::string& text) const {
  if (options_.log) options_.log(text);
}

}  // namespace mailquench::controller
