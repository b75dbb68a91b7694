// The controller's own signals as alerts.
#include "controller/escalation/own_watch.h"

#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// What the watch may know, as a test says it.
class Known final : public EscalationHands {
 public:
  std::vector<v1::Host> FleetOfNow() override { return hosts; }
  absl::StatusOr<std::vector<v1::Incident>> OpenIncidentsNow() override { return incidents; }
  absl::StatusOr<std::vector<v1::Listing>> ListingsNow() override { return listings; }
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
};

class OwnWatchTest : public ::testing::Test, public AlertInbox {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-own-XXXXXX";
    folder_ = mkdtemp(name);
    store_ = *Store::Open(folder_ + "/store");
    v1::Host host;
    host.set_host_id("a");
    host.set_name("mx-a");
    host.set_state(v1::HOST_STATE_ACTIVE);
    host.set_online(true);
    (*host.mutable_labels())["role"] = "edge";
    StampTime(clock_.now_, host.mutable_last_seen_time());
    known_.hosts.push_back(host);
    Open();
  }
  void TearDown() override {
    watch_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    OwnWatchOptions options;
    options.rules = [this] { return rules_; };
    options.growth = [this](const std::string&) { return growth_; };
    options.log = [](const std::string& text) { ADD_FAILURE() << text; };
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
  double growth_ = 0;
  bool full_ = false;
  std::set<std::string> keys_;
  std::vector<std::string> seen_;
  v1::Alert last_;
  std::unique_ptr<OwnWatch> watch_;
};

TEST_F(OwnWatchTest, AQueueThatGrowsForLongEnough) {
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(5000);
  growth_ = 400;
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty()) << "not for long enough yet";
  clock_.now_ += absl::Minutes(3);
  watch_->Look();
  watch_->Look();
  ASSERT_THAT(seen_, ElementsAre("+MailquenchQueueGrowing"));
  EXPECT_EQ(last_.labels().at("host"), "mx-a");
  EXPECT_EQ(last_.labels().at("role"), "edge");
  EXPECT_EQ(last_.source(), "own");
  growth_ = 0;
  clock_.now_ += absl::Minutes(1);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchQueueGrowing", "-MailquenchQueueGrowing"));
  // A large queue that shrinks is no attack; nor is a small one that grows.
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(10);
  growth_ = 400;
  watch_->Look();
  clock_.now_ += absl::Minutes(3);
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(2));
}

TEST_F(OwnWatchTest, EachSignalBeginsAndEnds) {
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  v1::Listing listing;
  listing.set_subject("192.0.2.1");
  listing.set_list_operator("Spamhaus");
  listing.set_alert(true);
  known_.listings.push_back(listing);
  v1::Incident incident;
  incident.set_incident_id("i1");
  StampTime(clock_.now_ - absl::Hours(100), incident.mutable_open_time());
  v1::Obligation* owed = incident.add_obligations();
  owed->set_state(v1::Obligation::STATE_OUTSTANDING);
  owed->set_host_name("mx-a");
  known_.incidents.push_back(incident);
  watch_->Probed("a", true);
  watch_->Look();
  EXPECT_THAT(seen_, UnorderedElementsAre("+MailquenchSettingDrift", "+MailquenchListed",
                                          "+MailquenchObligationOverdue", "+MailquenchRelayOpen"));
  seen_.clear();
  known_.hosts[0].mutable_heartbeat()->clear_drifted();
  known_.listings.clear();
  known_.incidents.clear();
  watch_->Look();
  EXPECT_THAT(seen_, UnorderedElementsAre("-MailquenchSettingDrift", "-MailquenchListed",
                                          "-MailquenchObligationOverdue"))
      << "a relay stays open until a probe says that it is closed";
  watch_->Probed("a", false);
  watch_->Look();
  EXPECT_THAT(seen_, Contains("-MailquenchRelayOpen"));
}

TEST_F(OwnWatchTest, AnAgentThatIsLost) {
  known_.hosts[0].set_online(false);
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty()) << "it may only be starting again";
  clock_.now_ += absl::Minutes(6);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchAgentLost"));
  known_.hosts[0].set_state(v1::HOST_STATE_EVICTED);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchAgentLost", "-MailquenchAgentLost"));
}

TEST_F(OwnWatchTest, ARestartNeitherFiresAgainNorForgetsTheEnd) {
  watch_->Probed("a", true);
  watch_->Look();
  ASSERT_THAT(seen_, ElementsAre("+MailquenchRelayOpen"));
  clock_.now_ += absl::Hours(1);
  Open();
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(1));
  watch_->Probed("a", false);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchRelayOpen", "-MailquenchRelayOpen"));
}

TEST_F(OwnWatchTest, WhatTheInboxCouldNotTakeIsRaisedLater) {
  OwnWatchOptions options;
  options.rules = [this] { return rules_; };
  options.growth = [](const std::string&) { return 0.0; };
  int said = 0;
  options.log = [&](const std::string&) { ++said; };
  watch_ = std::make_unique<OwnWatch>(store_.get(), &known_, this, &clock_, options);
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  full_ = true;
  watch_->Look();
  EXPECT_EQ(said, 1);
  full_ = false;
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchSettingDrift"));
}

TEST_F(OwnWatchTest, SwitchedOffItSaysNothing) {
  rules_.enabled = false;
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty());
}

}  // namespace
}  // namespace mailquench::controller
