#include "controller/app/config_blacklists.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "common/blacklist/resolver.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "common/yaml/strict.h"

namespace mailquench::controller {
namespace {

const yaml::Kind kConfig = {"BAD_CONFIG", "nothing was started"};
constexpr absl::Duration kShortest = absl::Seconds(1);
constexpr absl::Duration kLongest = absl::Hours(24 * 7);

absl::Status Fault(const std::string& path, const YAML::Node& at, const std::string& what) {
  return yaml::Fault(kConfig, path, at.Mark(), what);
}

absl::Status ReadResolvers(const std::string& path,
                           const YAML::Node& node,
                           std::vector<std::string>* out) {
  if (!node.IsSequence()) return Fault(path, node, "'resolvers' is a list of addresses");
  for (const YAML::Node& one : node) {
    if (!one.IsScalar()) return Fault(path, one, "an address is wanted here");
    blacklist::ResolverOptions options;
    options.servers = {one.Scalar()};
    if (!blacklist::Resolver::Make(options).ok())
      return Fault(path, one,
                   absl::StrCat("'", one.Scalar(),
                                "' is no address of a DNS server, such as "
                                "127.0.0.1 or [2001:db8::1]:53"));
    out->push_back(one.Scalar());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadBlacklists(const std::string& path,
                            const YAML::Node& node,
                            WatchOptions* options) {
  MQ_RETURN_IF_ERROR(yaml::OnlyKeys(
      kConfig, node, path,
      {"scheduled", "resolvers", "lists", "keys", "allow_public_resolvers", "private_addresses",
       "quiet", "attacked", "listed", "health", "sick", "clean_spacing"}));
  for (const auto& [key, text] :
       std::map<std::string, std::string*>{{"lists", &options->lists}, {"keys", &options->keys}}) {
    if (!node[key]) continue;
    if (!node[key].IsScalar()) return Fault(path, node[key], absl::StrCat("'", key, "' is a file"));
    *text = node[key].Scalar();
  }
  for (const auto& [key, flag] :
       std::map<std::string, bool*>{{"scheduled", &options->scheduled},
                                    {"allow_public_resolvers", &options->allow_public},
                                    {"private_addresses", &options->with_private}}) {
    if (node[key] && !YAML::convert<bool>::decode(node[key], *flag))
      return Fault(path, node[key], absl::StrCat("'", key, "' is true or false"));
  }
  for (const auto& [key, pace] :
       std::map<std::string, absl::Duration*>{{"quiet", &options->paces.quiet},
                                              {"attacked", &options->paces.attacked},
                                              {"listed", &options->paces.listed},
                                              {"health", &options->paces.health},
                                              {"sick", &options->paces.sick},
                                              {"clean_spacing", &options->rules.spacing}}) {
    if (!node[key]) continue;
    const auto length =
        node[key].IsScalar() ? ParseDuration(node[key].Scalar()) : absl::InvalidArgumentError("");
    if (!length.ok() || *length < kShortest || *length > kLongest)
      return Fault(path, node[key],
                   absl::StrCat("'", key, "' is a time span such as 30m, between 1s and 7d"));
    *pace = *length;
  }
  return node["resolvers"] ? ReadResolvers(path, node["resolvers"], &options->resolvers)
                           : absl::OkStatus();
}

}  // namespace mailquench::controller
