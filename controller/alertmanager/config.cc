// Section `alertmanagers` of the rules' file.
#include <set>

#include "absl/strings/str_cat.h"
#include "common/yaml/fields.h"
#include "controller/alertmanager/alertmanager.h"
#include "controller/http/client.h"

namespace mailquench::controller {
namespace {
const yaml::Kind kKind = {"BAD_RULES", "the rules that were in force stay"};
constexpr absl::Duration kShortest = absl::Seconds(1);
constexpr absl::Duration kLongest = absl::Minutes(1);
}  // namespace

absl::StatusOr<std::vector<AlertmanagerConfig>> ReadAlertmanagers(const std::string& file,
                                                                  const YAML::Node& node) {
  std::vector<AlertmanagerConfig> all;
  if (!node || node.IsNull()) return all;
  if (!node.IsSequence()) return yaml::Fault(kKind, file, node.Mark(), "'alertmanagers' is a list");
  std::set<std::string> names;
  for (const YAML::Node& one : node) {
    yaml::Fields fields(
        kKind, file, one,
        {"name", "url", "ca_file", "token_file", "sources", "limit", "resolved_after"});
    AlertmanagerConfig config;
    fields.Need("name");
    fields.Need("url");
    fields.Text("name", config.name);
    fields.Text("url", config.url);
    fields.Text("ca_file", config.ca_file);
    fields.Text("token_file", config.token_file);
    fields.Texts("sources", config.sources);
    fields.Length("limit", kShortest, kLongest, config.limit);
    fields.Length("resolved_after", kShortest, absl::Hours(1), config.resolved_after);
    if (const absl::Status url = CheckUrl(config.url); !url.ok())
      fields.Fault("url", std::string(url.message()));
    if (config.url.find_first_of("?#") != std::string::npos)
      fields.Fault("url", "'url' has a query: only the address and a path before /api/v2 are said");
    if (!names.insert(config.name).second)
      fields.Fault("name", absl::StrCat("two Alertmanagers have the name '", config.name, "'"));
    if (!fields.status().ok()) return fields.status();
    while (config.url.back() == '/') config.url.pop_back();
    all.push_back(std::move(config));
  }
  return all;
}

}  // namespace mailquench::controller
