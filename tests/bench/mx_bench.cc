// Plans a switch of many domains against name servers that tests/bench/mx.py has started.
//
//   mx_bench PRIMARY KEY STORE COUNT ROUNDS [--send]
//
// Prints a line of JSON a round: {"plan_ms", "records"}; with --send, which plans once, also how
// long it took to change them all, {"send_ms"}.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/clock.h"
#include "controller/mx/switches.h"

namespace {

using mailquench::controller::mx::Switches;
namespace v1 = mailquench::v1;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "mx_bench: %s\n", status.ToString().c_str());
  return 1;
}

mailquench::controller::mx::Options OptionsOf(const std::string& primary,
                                              const std::string& key,
                                              int count) {
  mailquench::controller::mx::Options options;
  options.resolvers = {primary};
  options.smtp_limit = absl::Milliseconds(50);
  options.port = std::atoi(primary.substr(primary.rfind(':') + 1).c_str());
  for (int i = 0; i < count + 1; ++i) {
    mailquench::controller::mx::Zone zone;
    zone.zone = i == count ? "2.0.192.in-addr.arpa" : absl::StrCat("d", i, ".test");
    zone.primary = primary;
    zone.key_file = key;
    zone.port = options.port;
    options.zones.push_back(zone);
  }
  return options;
}

absl::Status Send(Switches* switches, const v1::MxSwitch& planned) {
  for (const v1::Check& check : planned.checks()) {
    if (check.state() == v1::CHECK_STATE_PASSED) continue;
    v1::WaiveCheckRequest waive;
    waive.set_switch_id(planned.switch_id());
    waive.set_check_id(check.check_id());
    waive.set_reason("a bench");
    if (const auto waived = switches->Waive(waive, "bench"); !waived.ok()) return waived.status();
  }
  v1::StartSwitchRequest start;
  start.set_switch_id(planned.switch_id());
  start.set_plan_hash(planned.plan_hash());
  if (const auto started = switches->Start(start, "bench"); !started.ok()) return started.status();
  const absl::Time begun = absl::Now();
  while (true) {
    switches->Pass();
    const auto now = switches->Get(planned.switch_id());
    if (!now.ok()) return now.status();
    if (now->state() == v1::SWITCH_STATE_WATCHING || now->state() == v1::SWITCH_STATE_DONE) break;
    if (now->state() != v1::SWITCH_STATE_SWITCHING) return absl::InternalError(now->sentence());
  }
  std::printf("{\"send_ms\": %.1f}\n", absl::ToDoubleMilliseconds(absl::Now() - begun));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return Fail(absl::InvalidArgumentError("too few arguments"));
  const int count = std::atoi(argv[4]);
  auto store = mailquench::controller::Store::Open(argv[3]);
  if (!store.ok()) return Fail(store.status());
  mailquench::SystemClock clock;
  Switches switches(store->get(), &clock, OptionsOf(argv[1], argv[2], count), {});
  v1::PlanSwitchRequest request;
  request.set_from_address("192.0.2.1");
  request.set_to_address("192.0.2.2");
  for (int i = 0; i < count; ++i) request.add_domains(absl::StrCat("d", i, ".test"));
  for (int round = 0; round < std::atoi(argv[5]); ++round) {
    const absl::Time begun = absl::Now();
    const auto planned = switches.Plan(request, "bench");
    if (!planned.ok()) return Fail(planned.status());
    std::printf("{\"plan_ms\": %.1f, \"records\": %d}\n",
                absl::ToDoubleMilliseconds(absl::Now() - begun), planned->records_size());
    if (argc > 6) {
      if (const absl::Status sent = Send(&switches, *planned); !sent.ok()) return Fail(sent);
      break;
    }
  }
  return 0;
}
