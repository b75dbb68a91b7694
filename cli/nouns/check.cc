// check: hosts, queue, incidents, obligations, listings, escalations, notices. A plugin for
// monitoring.
#include "cli/nouns/check.h"

#include <chrono>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/tree.h"
#include "common/operation/duration.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

constexpr char kDefaultTimeout[] = "10";

// Seconds without a unit, as plugins take them, or a duration of ours.
absl::StatusOr<absl::Duration> ReadTimeout(const std::string& text) {
  const bool bare = text.find_first_not_of("0123456789") == std::string::npos;
  MQ_ASSIGN_OR_RETURN(const absl::Duration limit,
                      ParseDuration(bare ? absl::StrCat(text, "s") : text));
  if (limit <= absl::ZeroDuration() || limit > absl::Hours(24))
    return UsageError(absl::StrCat("-t wants seconds between 1 and 86400, not '", text, "'."));
  return limit;
}

absl::StatusOr<PluginResult> Look(Session* session,
                                  const CheckFlags& flags,
                                  const CheckWork& work) {
  MQ_ASSIGN_OR_RETURN(const Thresholds thresholds,
                      Thresholds::Parse(flags.warning, flags.critical));
  if (!flags.timeout.empty() || !session->deadline().has_value()) {
    MQ_ASSIGN_OR_RETURN(const absl::Duration limit,
                        ReadTimeout(flags.timeout.empty() ? kDefaultTimeout : flags.timeout));
    session->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(limit));
  }
  auto result = work(thresholds);
  if (!result.ok() && absl::IsDeadlineExceeded(result.status())) {
    return Error(absl::StatusCode::kDeadlineExceeded, "TIMED_OUT",
                 "The controller did not answer within the time of -t; nothing is known.");
  }
  return result;
}

}  // namespace

std::string Counted(std::size_t count, const std::string& one, const std::string& many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

CLI::App* AddCheckVerb(CLI::App* noun,
                       Session* session,
                       const std::string& name,
                       const std::string& summary,
                       const std::vector<std::string>& examples,
                       const std::string& counted,
                       const CheckFlags& preset,
                       const CheckWork& work) {
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* app = AddCommand(noun, name, summary, examples);
  const auto text = [&](const char* word, const std::string& value) {
    return absl::StrCat(word, " when the ", counted, " is outside this range",
                        value.empty() ? std::string() : absl::StrCat("; ", value, " if not given"));
  };
  app->add_option("-w,--warning", flags->warning, text("WARNING (exit code 1)", preset.warning))
      ->type_name("RANGE");
  app->add_option("-c,--critical", flags->critical, text("CRITICAL (exit code 2)", preset.critical))
      ->type_name("RANGE");
  app->add_option("-t,--timeout", flags->timeout,
                  "UNKNOWN (exit code 3) when the controller has not answered by then; 10 if not "
                  "given")
      ->type_name("SECONDS");
  app->callback([=] {
    session->action = [=]() -> absl::StatusOr<int> {
      // An empty argument is what monitoring makes of a macro that is not set.
      CheckFlags given = *flags;
      if (given.warning.empty()) given.warning = preset.warning;
      if (given.critical.empty()) given.critical = preset.critical;
      auto result = Look(session, given, work);
      const std::string service = absl::StrCat("MAILQUENCH ", absl::AsciiStrToUpper(name));
      if (!result.ok()) return PluginFailure(*session, service, result.status());
      // A verdict that did not arrive is none.
      if (!(*session->env.out << Render(service, *result) << std::flush))
        return static_cast<int>(PluginState::kUnknown);
      return static_cast<int>(result->state);
    };
  });
  return app;
}

int PluginFailure(const Session& session, const std::string& service, const absl::Status& status) {
  PluginResult unknown;
  unknown.state = PluginState::kUnknown;
  unknown.text = std::string(status.message());
  *session.env.out << Render(service, unknown);
  return static_cast<int>(unknown.state);
}

void AddCheck(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(
      root, "check",
      "A plugin for Nagios, Icinga and their kin: one line, performance data, and exit code 0 OK, "
      "1 WARNING, 2 CRITICAL, 3 UNKNOWN (also where the controller cannot be asked)",
      {"mailquench check hosts -l role=edge", "mailquench check queue -l role=edge -w 500 -c 2000",
       "mailquench --context monitoring check escalations -t 5"});
  noun->require_subcommand(1);
  AddFleetChecks(noun, session);
  AddIncidentChecks(noun, session);
  AddEscalationChecks(noun, session);
}

}  // namespace mailquench::cli
