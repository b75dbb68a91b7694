// An own watch over what a test says: hosts, listings, incidents, growth; no thread.
#ifndef MAILQUENCH_TESTS_UNIT_ESCALATION_OWN_WATCH_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_ESCALATION_OWN_WATCH_FIXTURE_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/escalation/own_watch.h"
#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {

// What the watch may know, as a test says it.
class Known final : public EscalationHands {
 public:
  FleetCopy FleetOfNow() override { return std::make_shared<const std::vector<v1::Host>>(hosts); }
  absl::StatusOr<std::vector<v1::Incident>> OpenIncidentsNow() override {
    if (!incidents_are.ok()) return incidents_are;
    return incidents;
  }
  absl::StatusOr<std::vector<v1::Listing>> ListingsNow() override {
    if (!listings_are.ok()) return listings_are;
    return listings;
  }
  // The watch asks for nothing else.
  absl::StatusOr<std::vector<v1::Operation>> OperationsFor(const v1::PlanRunRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::map<std::string, std::string>> BusyHosts() override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::map<std::string, std::string>> IncidentsOfHosts() override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::Plan> PlanFor(const v1::PlanRunRequest&, const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::Run> StartFor(const v1::StartRunRequest&, const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::Run> RunNow(const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::Incident> OpenFor(const std::string&,
                                       const std::string&,
                                       const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::Status NoteFor(const std::string&, const std::string&, const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::Status AuditFor(const std::string&, const std::string&, const std::string&) override {
    return absl::UnimplementedError("");
  }
  absl::Status AsOne(const std::function<absl::Status()>& work) override { return work(); }

  std::vector<v1::Host> hosts;
  std::vector<v1::Incident> incidents;
  std::vector<v1::Listing> listings;
  absl::Status incidents_are, listings_are;
};

class OwnWatchTest : public ::testing::Test, public AlertInbox {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-own-XXXXXX";
    folder_ = mkdtemp(name);
    store_ = *Store::Open(folder_ + "/store");
    AddHost("a");
    Open();
  }
  void AddHost(const std::string& id) {
    v1::Host host;
    host.set_host_id(id);
    host.set_name("mx-" + id);
    host.set_state(v1::HOST_STATE_ACTIVE);
    host.set_online(true);
    (*host.mutable_labels())["role"] = "edge";
    StampTime(clock_.now_, host.mutable_last_seen_time());
    host.mutable_heartbeat();
    known_.hosts.push_back(host);
  }
  void TearDown() override {
    watch_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  // As a controller that was killed and started again: nobody is online, nothing was heard.
  void Restart() {
    for (v1::Host& host : known_.hosts) {
      host.set_online(false);
      host.clear_heartbeat();
    }
    growth_.reset();
    Open();
  }
  void Open() {
    OwnWatchOptions options;
    options.rules = [this] { return rules_; };
    options.growth = [this](const std::string&) { return growth_; };
    options.tell = [this](const v1::Notice& notice) {
      if (!telling_.ok()) return telling_;
      notices_.push_back(notice);
      return absl::OkStatus();
    };
    options.log = [this](const std::string& text) {
      log_.push_back(text);
      if (quiet_) ADD_FAILURE() << text;
    };
    watch_ = std::make_unique<OwnWatch>(store_.get(), &known_, this, &clock_, options);
  }
  absl::StatusOr<Taken> Take(const std::vector<v1::Alert>& alerts) override {
    if (full_) return absl::InternalError("no room");
    Taken taken;
    for (const v1::Alert& alert : alerts) {
      if (!keys_.insert(EventKey(alert)).second) {
        ++taken.duplicates;
        continue;
      }
      ++taken.taken;
      seen_.push_back((alert.status() == v1::ALERT_STATUS_FIRING ? "+" : "-") +
                      alert.labels().at("alertname"));
      last_ = alert;
    }
    return taken;
  }

  std::string folder_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  Known known_;
  OwnWatchRules rules_;
  std::optional<double> growth_ = 0;
  absl::Status telling_;
  std::vector<v1::Notice> notices_;
  std::vector<std::string> log_;
  bool quiet_ = true;  // Nothing is to be logged.
  bool full_ = false;
  std::set<std::string> keys_;
  std::vector<std::string> seen_;
  v1::Alert last_;
  std::unique_ptr<OwnWatch> watch_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_ESCALATION_OWN_WATCH_FIXTURE_H_
