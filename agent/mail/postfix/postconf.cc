#include "agent/mail/postfix/postconf.h"

#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/remembered.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kPostconf[] = "/usr/sbin/postconf";
constexpr absl::Duration kTimeout = absl::Seconds(15);

using Answer = std::shared_ptr<const Parameters>;

// By configuration directory: a host has few, and they do not come and go.
Remembered<Answer>& Memory() {
  static auto* answers = new Remembered<Answer>;
  return *answers;
}

// What the answer hangs on. A missing file reads as empty: postconf has its own word for that.
std::string Configuration(const std::string& directory) {
  std::string text;
  for (const char* name : {"/main.cf", "/master.cf"}) {
    const auto content = ReadFile(directory + name);
    absl::StrAppend(&text, content.ok() ? *content : "", std::string(1, '\0'));
  }
  return text;
}

// RunProcess inherits no environment, so that a MAIL_CONFIG of ours cannot redirect it.
absl::StatusOr<Parameters> Ask(const std::string& directory) {
  ProcessOptions options;
  options.timeout = kTimeout;
  MQ_ASSIGN_OR_RETURN(const ProcessResult ended,
                      RunProcess({kPostconf, "-c", directory, "-x"}, options));
  if (ended.exit_code != 0)
    return Error(absl::StatusCode::kFailedPrecondition, "POSTCONF_FAILED",
                 absl::StrCat("postconf cannot read the settings in ", directory, " (",
                              std::string(absl::StripAsciiWhitespace(ended.err)),
                              "); nothing was changed; repair them and ask again"));
  Parameters parameters;
  for (const absl::string_view line : absl::StrSplit(ended.out, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == absl::string_view::npos) continue;
    parameters[std::string(absl::StripAsciiWhitespace(line.substr(0, equals)))] =
        std::string(absl::StripAsciiWhitespace(line.substr(equals + 1)));
  }
  return parameters;
}

absl::StatusOr<Answer> All(const std::string& directory) {
  const absl::Time now = absl::Now();
  const std::string configuration = Configuration(directory);
  const std::optional<Answer> known = Memory().Get(directory, configuration);
  if (known.has_value()) return *known;
  MQ_ASSIGN_OR_RETURN(Parameters asked, Ask(directory));
  Answer parameters = std::make_shared<const Parameters>(std::move(asked));
  // One that changed while postconf read it may be answered by either text.
  if (Configuration(directory) == configuration)
    Memory().Put(directory, configuration, now, parameters);
  return parameters;
}
}  // namespace

absl::StatusOr<Parameters> EffectiveParameters(const std::string& config_directory,
                                               const std::vector<std::string>& names) {
  MQ_ASSIGN_OR_RETURN(const auto all, All(config_directory));
  Parameters chosen;
  for (const std::string& name : names) {
    const auto it = all->find(name);
    if (it != all->end()) chosen.insert(*it);
  }
  return chosen;
}

}  // namespace mailquench::agent::postfix
