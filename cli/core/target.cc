#include "cli/core/target.h"

#include "absl/strings/str_cat.h"
#include "common/operation/duration.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

void AddValues(CLI::App* app, const std::string& prefix, const char* verb, FilterValues* values) {
  const auto add = [&](const char* name, auto* where, const char* what, const char* type) {
    app->add_option(absl::StrCat("--", prefix, name), *where, absl::StrCat(verb, " ", what))
        ->type_name(type)
        ->group("Filter");
  };
  add("sender", &values->senders, "this envelope sender; @example.org for a domain, <> for none",
      "ADDRESS");
  add("client", &values->clients, "this SMTP client or CIDR block", "ADDRESS");
  add("account", &values->accounts, "this login name", "NAME");
  add("recipient-domain", &values->recipient_domains, "a recipient in this domain", "DOMAIN");
  add("subject", &values->subjects, "this text in the subject", "TEXT");
  add("min-age", &values->min_age, "messages at least this old", "DURATION");
  add("min-bytes", &values->min_bytes, "messages at least this large", "BYTES");
}

bool Any(const FilterValues& v) {
  return !v.senders.empty() || !v.clients.empty() || !v.accounts.empty() ||
         !v.recipient_domains.empty() || !v.subjects.empty() || !v.min_age.empty() ||
         v.min_bytes != 0;
}

absl::Status Fill(const FilterValues& v, v1::MessageFilter* filter) {
  for (const auto& one : v.senders) filter->add_senders(one);
  for (const auto& one : v.clients) filter->add_clients(one);
  for (const auto& one : v.accounts) filter->add_accounts(one);
  for (const auto& one : v.recipient_domains) filter->add_recipient_domains(one);
  for (const auto& one : v.subjects) filter->add_subjects(one);
  if (!v.min_age.empty()) {
    auto age = ParseDuration(v.min_age);
    if (!age.ok()) return age.status();
    *filter->mutable_min_age() = ToProtoDuration(*age);
  }
  if (v.min_bytes != 0) filter->set_min_bytes(v.min_bytes);
  return absl::OkStatus();
}

}  // namespace

void AddConfirmFlags(CLI::App* app, RunFlags* flags) {
  app->add_flag("--dry-run", flags->dry_run, "Say what would be done; touch nothing");
  app->add_flag("-y,--yes", flags->yes, "Do not ask (for scripts)");
}

void AddTargetFlags(CLI::App* app, RunFlags* flags, Targets targets) {
  if (targets == Targets::kHosts) {
    app->add_option("-l,--selector", flags->selector, "Hosts by label: role=edge,site in (fra,ams)")
        ->type_name("SELECTOR");
    app->add_option("--hosts", flags->hosts, "Hosts by name or id, with commas")
        ->type_name("HOST")
        ->delimiter(',');
  }
  app->add_option("--incident", flags->incident,
                  "The incident that this belongs to; alone, it also names the hosts")
      ->type_name("INCIDENT");
  app->add_option("--reason", flags->reason, "Why; kept in the audit log")->type_name("TEXT");
}

void AddRunFlags(CLI::App* app, RunFlags* flags, Targets targets) {
  AddTargetFlags(app, flags, targets);
  AddConfirmFlags(app, flags);
  app->add_flag("--detach", flags->detach, "Start and return; print the run's id");
  app->add_flag("--no-input", flags->no_input,
                "Ask nothing: hosts that a person does by hand end as unreachable");
}

void AddFilterFlags(CLI::App* app, FilterFlags* flags) {
  AddValues(app, "", "Only", &flags->match);
  AddValues(app, "except-", "All but", &flags->except);
}

bool AnyFilter(const FilterFlags& flags) {
  return Any(flags.match) || Any(flags.except);
}

absl::Status FillFilter(const FilterFlags& flags, v1::MessageFilter* filter) {
  MQ_RETURN_IF_ERROR(Fill(flags.match, filter));
  if (!Any(flags.except)) return absl::OkStatus();
  return Fill(flags.except, filter->mutable_except());
}

}  // namespace mailquench::cli
