// The endpoint behind a real server of HTTPS, with a store of its own.
#ifndef MAILQUENCH_TESTS_UNIT_ESCALATION_INTAKE_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_ESCALATION_INTAKE_FIXTURE_H_

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "controller/escalation/alerts.h"
#include "controller/escalation/endpoint.h"
#include "controller/store/store.h"
#include "tests/unit/https/server_fixture.h"

namespace mailquench::controller {

// As the engine takes alerts: into the store.
class StoreInbox final : public AlertInbox {
 public:
  explicit StoreInbox(Store* store) : store_(store) {}
  absl::StatusOr<Taken> Take(const std::vector<v1::Alert>& alerts) override {
    if (broken) return absl::UnavailableError("The disk at /var/lib/secret is full");
    std::vector<AlertEvent> events;
    for (const v1::Alert& alert : alerts) events.push_back({EventKey(alert), alert, ""});
    const absl::StatusOr<std::vector<bool>> fresh = store_->InsertAlerts(events);
    if (!fresh.ok()) return fresh.status();
    const std::int64_t taken = std::count(fresh->begin(), fresh->end(), true);
    return Taken{taken, static_cast<std::int64_t>(alerts.size()) - taken};
  }
  std::atomic<bool> broken{false};

 private:
  Store* const store_;
};

class IntakeFixture : public HttpsFixture {
 protected:
  IntakeFixture()
      : store_(*Store::Open(folder_.At("store.db"))),
        sources_(*AlertSources::Open(store_.get(), &clock_)),
        inbox_(store_.get()),
        endpoint_(
            sources_.get(), &inbox_, []() { return std::string("mailquench_up 1\n"); }, &clock_) {}

  // The token of a new source.
  std::string Token(const std::string& name, v1::SourceKind kind) {
    v1::CreateSourceRequest request;
    request.set_name(name);
    request.set_kind(kind);
    const auto created = sources_->Create(request, "ann");
    EXPECT_TRUE(created.ok()) << created.status();
    return created.ok() ? created->token() : "";
  }
  void Serve() {
    options_.screen = [this](const HttpRequest& request) { return endpoint_.Screen(request); };
    Start([this](const HttpRequest& request, const HttpServer::Respond& respond) {
      endpoint_.Handle(request, respond);
    });
  }
  std::vector<v1::AlertRecord> Kept() {
    v1::ListAlertsRequest request;
    request.set_limit(100'000);
    return *store_->Alerts(request);
  }
  static std::string Bearer(const std::string& token) {
    return "Authorization: Bearer " + token + "\r\n";
  }

  test::FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AlertSources> sources_;
  StoreInbox inbox_;
  AlertEndpoint endpoint_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_ESCALATION_INTAKE_FIXTURE_H_
