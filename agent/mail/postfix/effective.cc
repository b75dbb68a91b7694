#include "agent/mail/postfix/effective.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/os/process.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {

absl::StatusOr<Parameters> EffectiveParameters(const std::string& config_directory,
                                               const std::vector<std::string>& names) {
  std::vector<std::string> argv = {"postconf", "-c", config_directory, "-x"};
  argv.insert(argv.end(), names.begin(), names.end());
  ProcessOptions options;
  options.timeout = absl::Seconds(15);
  MQ_ASSIGN_OR_RETURN(const ProcessResult ended, RunProcess(argv, options));
  if (ended.exit_code != 0)
    return Error(absl::StatusCode::kFailedPrecondition, "POSTCONF_FAILED",
                 absl::StrCat("postconf cannot read the settings in ", config_directory, " (",
                              std::string(absl::StripAsciiWhitespace(ended.err)),
                              "); nothing was changed; repair them and ask again"));
  Parameters parameters;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(ended.out, '\n'))) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    parameters[std::string(absl::StripAsciiWhitespace(line.substr(0, equals)))] =
        std::string(absl::StripAsciiWhitespace(line.substr(equals + 1)));
  }
  return parameters;
}

std::vector<std::string> SplitList(const std::string& value) {
  std::vector<std::string> items;
  std::string item;
  int depth = 0;
  for (const char c : value + " ") {
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    const bool between =
        depth == 0 && (c == ',' || absl::ascii_isspace(static_cast<unsigned char>(c)));
    if (!between) {
      item += c;
    } else if (!item.empty()) {
      items.push_back(item);
      item.clear();
    }
  }
  if (!item.empty()) items.push_back(item);
  return items;
}

bool TrustsStrangers(const std::string& mynetworks) {
  for (const std::string& item : SplitList(mynetworks)) {
    const std::optional<Cidr> cidr = Cidr::Parse(item);
    if (cidr.has_value() && cidr->prefix < 8) return true;
  }
  return false;
}

bool LetsStrangersPass(const std::string& restrictions, bool networks_trust_strangers) {
  for (const std::string& item : SplitList(restrictions)) {
    const std::string name = absl::AsciiStrToLower(item);
    if (name == "permit" || name == "static:ok" || name == "static:permit") return true;
    if (name == "permit_mynetworks" && networks_trust_strangers) return true;
    if (name == "reject" || name == "reject_unauth_destination" || name == "defer" ||
        name == "defer_unauth_destination" || name == "defer_if_permit")
      return false;
  }
  return true;
}

}  // namespace mailquench::agent::postfix
