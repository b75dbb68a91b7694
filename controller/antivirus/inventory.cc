#include "controller/antivirus/inventory.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::controller {
namespace {

constexpr int kSeveral = -2;

std::string Lower(const std::string& name) {
  std::string lower = absl::AsciiStrToLower(name);
  if (!lower.empty() && lower.back() == '.') lower.pop_back();
  return lower;
}

std::string FirstLabel(const std::string& name) {
  return name.substr(0, name.find('.'));
}

// A name of DNS or of NetBIOS: what else stands in a table is a mistake in it.
bool IsMachineName(const std::string& name) {
  return !name.empty() && name.size() <= 253 && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ||
                  c == '_';
         });
}

absl::Status Bad(int number, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_INVENTORY",
               absl::StrCat("machine ", number, ": ", why,
                            "; the inventory is as it was. Mend the table and import it again"));
}

void Add(std::map<std::string, int>* names, const std::string& name, int place) {
  if (name.empty()) return;
  const auto [found, is_new] = names->emplace(name, place);
  if (!is_new && found->second != place) found->second = kSeveral;
}

}  // namespace

absl::Status CheckInventory(const v1::ImportInventoryRequest& request) {
  if (request.machines_size() > kMostMachines)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_INVENTORY",
                 absl::StrCat("there are ", request.machines_size(), " machines, and ",
                              kMostMachines, " are the most; the inventory is as it was"));
  std::set<std::string> seen;
  for (int i = 0; i < request.machines_size(); ++i) {
    const v1::InventoryMachine& machine = request.machines(i);
    if (!IsMachineName(machine.name()))
      return Bad(i + 1, absl::StrCat("'", Harmless(machine.name()), "' is no name of a machine"));
    if (!machine.kind().empty() && machine.kind() != "server" && machine.kind() != "workstation")
      return Bad(i + 1, absl::StrCat("its kind is '", Harmless(machine.kind()),
                                     "', and 'server' or 'workstation' is wanted"));
    if (machine.site().size() > 256) return Bad(i + 1, "its site is longer than 256 bytes");
    if (!seen.insert(Lower(machine.name())).second)
      return Bad(i + 1, absl::StrCat("'", machine.name(), "' is there twice"));
  }
  return absl::OkStatus();
}

std::vector<int> MatchInventory(const v1::Inventory& inventory,
                                const std::vector<const v1::Host*>& hosts) {
  std::map<std::string, int> whole, first;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const int place = static_cast<int>(i);
    for (const std::string& name : {Lower(hosts[i]->name()), Lower(hosts[i]->hello().hostname())}) {
      Add(&whole, name, place);
      Add(&first, FirstLabel(name), place);
    }
  }
  std::vector<int> matches;
  matches.reserve(static_cast<std::size_t>(inventory.machines_size()));
  for (const v1::InventoryMachine& machine : inventory.machines()) {
    const std::string name = Lower(machine.name());
    int place = -1;
    if (const auto found = whole.find(name); found != whole.end()) place = found->second;
    // Only a name without a domain, here or there, may be short for another.
    if (place == -1) {
      const auto found = first.find(FirstLabel(name));
      const bool is_short = name.find('.') == std::string::npos;
      if (found != first.end() && found->second >= 0) {
        const v1::Host& host = *hosts[static_cast<std::size_t>(found->second)];
        const bool host_is_short = host.name().find('.') == std::string::npos &&
                                   host.hello().hostname().find('.') == std::string::npos;
        if (is_short || host_is_short) place = found->second;
      }
    }
    matches.push_back(std::max(place, -1));
  }
  return matches;
}

}  // namespace mailquench::controller
