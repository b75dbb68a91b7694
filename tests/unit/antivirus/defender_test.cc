// Defender by what its classes in WMI say, on a simulated WMI: status, update, scans.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/antivirus/defender/defender_antivirus.h"
#include "agent/antivirus/defender/wmi_values.h"
#include "common/status/error.h"
#include "tests/unit/antivirus/simulated_wmi.h"

namespace mailquench::agent::defender {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DefenderTest : public testing::Test {
 protected:
  DefenderTest() {
    status_ = {{"AMServiceEnabled", {"true"}},
               {"AntivirusEnabled", {"true"}},
               {"RealTimeProtectionEnabled", {"true"}},
               {"AMRunningMode", {"Normal"}},
               {"AMEngineVersion", {"1.1.24050.5"}},
               {"AntivirusSignatureVersion", {"1.413.102.0"}},
               {"AntivirusSignatureAge", {"1"}},
               {"AntivirusSignatureLastUpdated", {"20260604080627.000000+000"}},
               {"DefenderSignaturesOutOfDate", {"false"}},
               {"QuickScanAge", {"2"}},
               {"QuickScanEndTime", {"20260603022959.500000+060"}},
               {"FullScanAge", {"-1"}},  // 4294967295, as COM carries it.
               {"FullScanEndTime", {}},
               {"IsTamperProtected", {"true"}}};
    preference_ = {{"ExclusionPath", {}}, {"ExclusionExtension", {}}, {"ExclusionProcess", {}}};
    services_ = new ListedServices();
    services_->states["WinDefend"] = ServiceState::kRunning;
    DefenderOptions options;
    options.settle = absl::Seconds(5);
    options.look_every = absl::Milliseconds(1);
    defender_ = std::make_unique<DefenderAntivirus>(
        wmi_, std::unique_ptr<ServiceManager>(services_), options);
    Show();
  }
  void Show() {
    wmi_->Put(kDefenderSpace, "MSFT_MpComputerStatus", {status_});
    wmi_->Put(kDefenderSpace, "MSFT_MpPreference", {preference_});
  }
  v1::AntivirusProduct Status() {
    Show();
    return defender_->Status();
  }
  // A threat and its detection, as they come into Defender's history.
  void Detect(const std::string& id,
              const std::string& name,
              const std::vector<std::string>& resources,
              absl::Time time,
              const WmiRow& more,
              bool active = false) {
    WmiRow detection = {{"DetectionID", {"{" + id + "}"}},
                        {"ThreatID", {id}},
                        {"Resources", resources},
                        {"InitialDetectionTime", {CimText(time)}},
                        {"LastThreatStatusChangeTime", {CimText(time)}},
                        {"ThreatStatusID", {"3"}},
                        {"ThreatStatusErrorCode", {"0"}},
                        {"CleaningActionID", {"2"}},
                        {"ActionSuccess", {"true"}},
                        {"AdditionalActionsBitMask", {"0"}}};
    for (const auto& [key, value] : more) detection[key] = value;
    detections_.push_back(detection);
    threats_.push_back({{"ThreatID", {id}},
                        {"ThreatName", {name}},
                        {"IsActive", {active ? "true" : "false"}},
                        {"Resources", resources}});
    wmi_->Put(kDefenderSpace, "MSFT_MpThreatDetection", detections_);
    wmi_->Put(kDefenderSpace, "MSFT_MpThreat", threats_);
  }
  absl::Status Scan(v1::ScanKind kind, const std::vector<std::string>& paths = {}) {
    ScanOrder order;
    order.request.set_kind(kind);
    for (const std::string& path : paths) order.request.add_paths(path);
    order.left_out = left_out_;
    result_.Clear();
    return defender_->Scan(order, context_, result_);
  }

  const std::shared_ptr<SimulatedWmi> wmi_ = std::make_shared<SimulatedWmi>();
  ListedServices* services_;  // Of the Defender.
  std::unique_ptr<DefenderAntivirus> defender_;
  WmiRow status_;
  WmiRow preference_;
  std::vector<WmiRow> detections_;
  std::vector<WmiRow> threats_;
  std::vector<std::string> left_out_;
  WorkContext context_;
  v1::AntivirusScanResult result_;
};

TEST(CimTime, ReadsWhatWmiWrites) {
  EXPECT_EQ(CimTime("20250128164451.243000+000"),
            absl::FromUnixSeconds(1738082691) + absl::Milliseconds(243));
  EXPECT_EQ(CimTime("20250128164451.000000+060"), absl::FromUnixSeconds(1738079091));
  EXPECT_EQ(CimTime("20250128164451.000000-060"), absl::FromUnixSeconds(1738086291));
  for (const char* bad :
       {"", "16001231160000.000000+000", "00000000000001.000000:000", "20250230164451.000000+000",
        "20250128164451.******+000", "20250128254451.000000+000", "2025012816445x.000000+000",
        "20250128164451.000000+0000"})
    EXPECT_EQ(CimTime(bad), std::nullopt) << bad;
}

TEST_F(DefenderTest, StatusOfOneThatIsWell) {
  ASSERT_TRUE(defender_->IsPresent());
  const v1::AntivirusProduct product = Status();
  EXPECT_EQ(product.adapter(), "defender");
  EXPECT_EQ(product.product(), "Microsoft Defender Antivirus");
  EXPECT_EQ(product.engine_version(), "1.1.24050.5");
  EXPECT_EQ(product.signature_version(), "1.413.102.0");
  EXPECT_EQ(product.signature_time().seconds(), 1780560387);
  EXPECT_FALSE(product.signature_time_of_file());
  EXPECT_TRUE(product.running());
  EXPECT_FALSE(product.passive());
  EXPECT_EQ(product.real_time(), v1::PROTECTION_ON);
  EXPECT_FALSE(product.out_of_date());
  // The quick scan, in UTC: there was no full one.
  EXPECT_EQ(product.scan_time().seconds(), 1780450199);
  EXPECT_EQ(product.problem(), "");
  EXPECT_THAT(product.exclusions(), IsEmpty());
}

TEST_F(DefenderTest, StatusOfOneThatNeverScannedAndHasNoSignatures) {
  status_["QuickScanAge"] = {"4294967295"};
  status_["QuickScanEndTime"] = {"20260603022959.500000+060"};
  status_["AntivirusSignatureLastUpdated"] = {"16010101000000.000000+000"};
  status_["DefenderSignaturesOutOfDate"] = {"true"};
  const v1::AntivirusProduct product = Status();
  EXPECT_FALSE(product.has_scan_time());
  EXPECT_FALSE(product.has_signature_time());
  EXPECT_TRUE(product.out_of_date());
  EXPECT_THAT(product.problem(), HasSubstr("no time of its signatures"));
}

TEST_F(DefenderTest, RealTimeProtectionThatIsOffIsAFault) {
  status_["RealTimeProtectionEnabled"] = {"false"};
  EXPECT_EQ(Status().real_time(), v1::PROTECTION_OFF);
  EXPECT_TRUE(Status().running());
}

TEST_F(DefenderTest, PassiveIsNoFault) {
  status_["RealTimeProtectionEnabled"] = {"false"};
  for (const char* mode : {"Passive", "Passive Mode", "SxS Passive Mode", "EDR Block Mode"}) {
    status_["AMRunningMode"] = {mode};
    const v1::AntivirusProduct product = Status();
    EXPECT_TRUE(product.running()) << mode;
    EXPECT_TRUE(product.passive()) << mode;
    EXPECT_EQ(product.real_time(), v1::PROTECTION_NONE) << mode;
    EXPECT_EQ(product.problem(), "") << mode;
  }
  status_["AntivirusEnabled"] = {"false"};
  EXPECT_TRUE(Status().passive());
  EXPECT_TRUE(Status().running());
  status_["AMRunningMode"] = {"Normal"};
  EXPECT_FALSE(Status().running());
  EXPECT_THAT(Status().problem(), HasSubstr("its antivirus is off"));
}

TEST_F(DefenderTest, OneThatIsOffDoesNotRun) {
  status_["AMRunningMode"] = {"Not running"};
  status_["AMServiceEnabled"] = {"false"};
  status_["AntivirusEnabled"] = {"false"};
  status_["RealTimeProtectionEnabled"] = {"false"};
  const v1::AntivirusProduct product = Status();
  EXPECT_FALSE(product.running());
  EXPECT_FALSE(product.passive());
  EXPECT_THAT(product.problem(), HasSubstr("its service is off"));
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_QUICK)), "ANTIVIRUS_NOT_RUNNING");
  EXPECT_EQ(ReasonOf(defender_->Update({}).status()), "ANTIVIRUS_NOT_RUNNING");
  EXPECT_THAT(wmi_->calls, IsEmpty());
}

TEST_F(DefenderTest, AnOldVersionThatLacksPropertiesIsNoFault) {
  status_.erase("AMRunningMode");
  status_.erase("DefenderSignaturesOutOfDate");
  status_.erase("RealTimeProtectionEnabled");
  const v1::AntivirusProduct product = Status();
  EXPECT_TRUE(product.running());
  EXPECT_FALSE(product.out_of_date());
  EXPECT_EQ(product.real_time(), v1::PROTECTION_UNSPECIFIED);
}

TEST_F(DefenderTest, AbsentWhereNeitherTheClassNorTheServiceIsThere) {
  wmi_->RemoveNamespace(kDefenderSpace);
  EXPECT_TRUE(defender_->IsPresent()) << "its service runs: WMI is damaged";
  EXPECT_THAT(defender_->Status().problem(), HasSubstr("0x8004100e"));
  EXPECT_FALSE(defender_->Status().running());
  services_->states["WinDefend"] = ServiceState::kStopped;  // As that of Windows 7.
  EXPECT_FALSE(defender_->IsPresent());
  services_->states.clear();
  EXPECT_FALSE(defender_->IsPresent());
}

TEST_F(DefenderTest, AServiceThatIsStoppedIsThereAndDoesNotRun) {
  wmi_->Fail("MSFT_MpComputerStatus",
             absl::UnavailableError("SELECT * FROM MSFT_MpComputerStatus: WMI error 0x800106ba"));
  services_->states["WinDefend"] = ServiceState::kStopped;
  EXPECT_TRUE(defender_->IsPresent());
  const v1::AntivirusProduct product = defender_->Status();
  EXPECT_FALSE(product.running());
  EXPECT_THAT(product.problem(), HasSubstr("WinDefend does not run"));
  EXPECT_THAT(product.problem(), HasSubstr("0x800106ba"));
  services_->states.clear();
  EXPECT_FALSE(defender_->IsPresent());
}

TEST_F(DefenderTest, ExclusionsAreListedHarmlessAndBounded) {
  preference_["ExclusionPath"] = {"C:\\Windows\\Temp", "C:\\x\x1b[2J"};
  preference_["ExclusionExtension"] = {".tmp"};
  preference_["ExclusionProcess"] = {"w3wp.exe"};
  EXPECT_THAT(Status().exclusions(), ElementsAre("path C:\\Windows\\Temp", "path C:\\x [2J",
                                                 "extension .tmp", "process w3wp.exe"));
  preference_["ExclusionPath"] = std::vector<std::string>(3000, "C:\\x");
  EXPECT_EQ(Status().exclusions_size(), kMaxExclusions);
  EXPECT_THAT(Status().problem(), HasSubstr("3002 exclusions, of which 100"));
}

TEST_F(DefenderTest, ExclusionsThatCannotBeSeenAreSaidToBeSo) {
  for (const char* text : {"N/A: Must be an administrator to view exclusions",
                           "N/A: Administrators are not allowed to view exclusions"}) {
    preference_["ExclusionPath"] = {text};
    EXPECT_THAT(Status().exclusions(), IsEmpty());
    EXPECT_THAT(Status().problem(), HasSubstr("cannot be seen")) << text;
  }
  wmi_->Fail("MSFT_MpPreference", absl::PermissionDeniedError("WMI error 0x80041003"));
  EXPECT_THAT(Status().problem(), HasSubstr("cannot be read: WMI error 0x80041003"));
  EXPECT_TRUE(Status().running());
}

TEST_F(DefenderTest, UpdateTellsWhatChanged) {
  wmi_->Set("MSFT_MpSignature", "Update", [&](const SimulatedWmi::Arguments&) {
    status_["AntivirusSignatureVersion"] = {"1.413.200.0"};
    Show();
    return WmiAnswer();
  });
  const auto updated = defender_->Update({});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_TRUE(updated->changed);
  EXPECT_THAT(updated->sentence, HasSubstr("1.413.200.0 now, 1.413.102.0 before"));
  const auto again = defender_->Update({});
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->changed);
  // From where its settings say.
  EXPECT_THAT(wmi_->calls, ElementsAre("MSFT_MpSignature.Update", "MSFT_MpSignature.Update"));
}

TEST_F(DefenderTest, UpdateThatFailsSaysWhyByItsCode) {
  WmiAnswer answer;
  wmi_->Set("MSFT_MpSignature", "Update", [&](const SimulatedWmi::Arguments&) { return answer; });
  const auto update = [&](std::uint32_t code) {
    answer.code = code;
    return defender_->Update({}).status();
  };
  for (const std::uint32_t code : {0x8024402cU, 0x80072ee2U, 0x80501004U}) {
    EXPECT_EQ(ReasonOf(update(code)), "UPDATE_SOURCE_AWAY") << code;
    EXPECT_TRUE(absl::IsUnavailable(update(code)));
  }
  EXPECT_THAT(update(0x8024402c).message(), HasSubstr("0x8024402C (where the updates"));
  EXPECT_EQ(ReasonOf(update(0x80070005)), "NO_RIGHTS");
  EXPECT_EQ(ReasonOf(update(5)), "NO_RIGHTS");
  EXPECT_EQ(ReasonOf(update(0x80508007)), "UPDATE_FAILED");
  EXPECT_THAT(update(0x80508007).message(), HasSubstr("0x80508007 (out of memory)"));
  answer.text = "no \x1b[31mroom";
  EXPECT_THAT(update(0x80070070).message(), HasSubstr("0x80070070: no  [31mroom; the old"));
}

TEST_F(DefenderTest, ACallThatIsRefusedIsOneSentenceWithItsCode) {
  wmi_->RemoveClass(kDefenderSpace, "MSFT_MpSignature");
  const absl::Status status = defender_->Update({}).status();
  EXPECT_EQ(ReasonOf(status), "WMI_FAILED");
  EXPECT_THAT(status.message(), HasSubstr("class MSFT_MpSignature: WMI error 0x80041002"));
}

TEST_F(DefenderTest, EachKindOfScanIsOneStartAndOneAPath) {
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  ASSERT_TRUE(Scan(v1::SCAN_KIND_FULL).ok());
  ASSERT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"C:/up load/x", "D:\\y"}).ok());
  EXPECT_THAT(wmi_->calls,
              ElementsAre("MSFT_MpScan.Start ScanType=1", "MSFT_MpScan.Start ScanType=2",
                          "MSFT_MpScan.Start ScanPath=C:\\up load\\x ScanType=3",
                          "MSFT_MpScan.Start ScanPath=D:\\y ScanType=3"));
  EXPECT_EQ(result_.finding_count(), 0);
  EXPECT_FALSE(result_.partial());
  EXPECT_EQ(result_.product().adapter(), "defender");
  EXPECT_THAT(result_.notice(), HasSubstr("its own settings"));
}

TEST_F(DefenderTest, FindingsAreThoseOfThisScan) {
  Detect("1", "Virus:Old", {"file:_C:\\old.exe"}, absl::Now() - absl::Hours(1), {});
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments&) {
    const absl::Time now = absl::Now();
    Detect("2", "Virus:DOS/EICAR_Test_File", {"file:_C:\\t\\eicar.com"}, now, {});
    // The same once more: detected twice, one finding, the newer word.
    Detect("2", "Virus:DOS/EICAR_Test_File", {"file:_C:\\T\\eicar.com"},
           now + absl::Milliseconds(1), {{"ThreatStatusID", {"4"}}});
    Detect("3", "Trojan:A",
           {"containerfile:_C:\\a.zip", "file:_C:\\a.zip->x.js", "webfile:_C:\\a.zip|http://x/"},
           now,
           {{"ThreatStatusID", {"102"}},
            {"ActionSuccess", {"false"}},
            {"ThreatStatusErrorCode", {"-2142207963"}}});
    Detect("4", "HackTool:B", {"process:_pid:1234"}, now,
           {{"ThreatStatusID", {"1"}}, {"CleaningActionID", {"9"}}});
    Detect("5", "Worm:C", {"file:_C:\\c.exe"}, now, {{"AdditionalActionsBitMask", {"24"}}});
    Detect("6", "Worm:D", {"file:_C:\\d.exe"}, now, {{"ActionSuccess", {"false"}}});
    Detect("7", "App:E", {"file:_C:\\e\x1b[2J.exe"}, now, {{"ThreatStatusID", {"5"}}});
    return WmiAnswer();
  });
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  std::map<std::string, std::string> told;
  for (const v1::AntivirusFinding& one : result_.findings())
    told[one.signature() + " " + one.path()] = one.action();
  EXPECT_EQ(result_.finding_count(), 6);
  ASSERT_EQ(told.size(), 6U);
  EXPECT_EQ(told["Virus:DOS/EICAR_Test_File C:\\T\\eicar.com"], "removed");
  EXPECT_THAT(told["Trojan:A C:\\a.zip->x.js"], HasSubstr("not removed: Defender's action failed"));
  EXPECT_THAT(told["Trojan:A C:\\a.zip->x.js"], HasSubstr("0x80508025"));
  EXPECT_EQ(told["HackTool:B process:_pid:1234"], "found");
  EXPECT_EQ(told["Worm:C C:\\c.exe"],
            "not removed: Defender needs a restart of the host and steps by hand");
  EXPECT_THAT(told["Worm:D C:\\d.exe"], HasSubstr("not removed: Defender's action did not"));
  EXPECT_THAT(told["App:E C:\\e [2J.exe"], HasSubstr("not removed: Defender's settings allow"));
}

TEST_F(DefenderTest, WhatWasFoundBeforeAndIsStillThereIsNotCleared) {
  const absl::Time before = absl::Now() - absl::Hours(5);
  Detect("1", "Virus:Still", {"file:_C:\\in\\still.exe"}, before, {{"ThreatStatusID", {"103"}}},
         true);
  Detect("2", "Virus:Elsewhere", {"file:_C:\\inner\\x.exe"}, before, {{"ThreatStatusID", {"1"}}},
         true);
  Detect("3", "Virus:Gone", {"file:_C:\\in\\gone.exe"}, before, {}, true);
  threats_.push_back({{"ThreatID", {"4"}},
                      {"ThreatName", {"Virus:Undetected"}},
                      {"IsActive", {"true"}},
                      {"Resources", {"file:_C:\\IN\\u.exe"}}});
  wmi_->Put(kDefenderSpace, "MSFT_MpThreat", threats_);
  ASSERT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"c:\\in"}).ok());
  ASSERT_EQ(result_.finding_count(), 2);
  EXPECT_EQ(result_.findings(0).signature(), "Virus:Still");
  EXPECT_EQ(result_.findings(1).signature(), "Virus:Undetected");
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_EQ(result_.finding_count(), 3);
}

TEST_F(DefenderTest, ItWaitsForWhatDefenderMakesOfAFinding) {
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments&) {
    Detect("2", "Virus:X", {"file:_C:\\x.exe"}, absl::Now(), {{"ThreatStatusID", {"1"}}});
    return WmiAnswer();
  });
  int looks = 0;
  context_.still_wanted = [&] {
    if (++looks == 3) {
      detections_.back()["ThreatStatusID"] = {"3"};
      wmi_->Put(kDefenderSpace, "MSFT_MpThreatDetection", detections_);
    }
    return absl::OkStatus();
  };
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  ASSERT_EQ(result_.findings_size(), 1);
  EXPECT_EQ(result_.findings(0).action(), "quarantined");
}

TEST_F(DefenderTest, FindingsAreBounded) {
  std::vector<std::string> resources;
  for (int i = 0; i < kMaxFindings + 500; ++i)
    resources.push_back(absl::StrCat("file:_C:\\x\\", i));
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments&) {
    Detect("2", std::string(5000, 'n'), resources, absl::Now(), {});
    return WmiAnswer();
  });
  ASSERT_TRUE(Scan(v1::SCAN_KIND_FULL).ok());
  EXPECT_EQ(result_.finding_count(), kMaxFindings + 500);
  EXPECT_EQ(result_.findings_size(), kMaxFindings);
  EXPECT_EQ(result_.findings(0).signature().size(), kMaxWord);
}

TEST_F(DefenderTest, AScanThatFailsIsNotClean) {
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments&) {
    WmiAnswer answer;
    answer.code = 0x80508007;
    return answer;
  });
  const absl::Status status = Scan(v1::SCAN_KIND_FULL);
  EXPECT_EQ(ReasonOf(status), "SCAN_FAILED");
  EXPECT_THAT(status.message(), HasSubstr("0x80508007 (out of memory)"));
  EXPECT_TRUE(result_.partial());
}

TEST_F(DefenderTest, APathThatIsNotThereDoesNotKeepTheOthersFromBeingScanned) {
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments& arguments) {
    WmiAnswer answer;
    if (arguments.at("ScanPath") == "C:\\none") answer.code = 0x80508023;
    return answer;
  });
  ASSERT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"C:\\none", "C:\\x"}).ok());
  EXPECT_EQ(wmi_->calls.size(), 2U);
  EXPECT_TRUE(result_.partial());
  EXPECT_EQ(result_.unread(), 1);
  ASSERT_EQ(result_.unread_samples_size(), 1);
  EXPECT_THAT(result_.unread_samples(0), HasSubstr("C:\\none: Defender's scan failed with 0x8050"));
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_PATHS, {"C:\\none"})), "SCAN_FAILED");
}

TEST_F(DefenderTest, WhatIsStillToBeDoneIsNoFailureOfTheScan) {
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments&) {
    WmiAnswer answer;
    answer.code = 0x80508022;
    return answer;
  });
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_THAT(result_.notice(), HasSubstr("0x80508022 (a restart of the host"));
}

TEST_F(DefenderTest, ACancelledScanSaysThatDefenderGoesOnAndTellsWhatWasFound) {
  Detect("2", "Virus:X", {"file:_C:\\x.exe"}, absl::Now() + absl::Seconds(1), {});
  wmi_->looks = 10;
  int asked = 0;
  std::vector<std::string> said;
  context_.progress = [&](const std::string& text) { said.push_back(text); };
  context_.still_wanted = [&]() -> absl::Status {
    if (++asked < 4) return absl::OkStatus();
    return Error(absl::StatusCode::kCancelled, "CANCELLED", "somebody cancelled it");
  };
  const absl::Status status = Scan(v1::SCAN_KIND_FULL);
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(ReasonOf(status), "CANCELLED");
  EXPECT_THAT(status.message(), HasSubstr("may go on scanning by itself"));
  EXPECT_TRUE(result_.partial());
  EXPECT_EQ(result_.finding_count(), 1);
  EXPECT_EQ(asked, 4);
  EXPECT_THAT(said, ElementsAre(HasSubstr("scans the whole host")));
}

TEST_F(DefenderTest, AScanEndsAtItsDeadline) {
  wmi_->looks = 10;
  context_.deadline = absl::Now() - absl::Seconds(1);
  const absl::Status status = Scan(v1::SCAN_KIND_PATHS, {"C:\\a", "C:\\b"});
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(wmi_->calls.size(), 1U);
}

TEST_F(DefenderTest, FindingsThatCannotBeReadAreNotNone) {
  wmi_->Fail("MSFT_MpThreatDetection", absl::InternalError("x: WMI error 0x80041001"));
  const absl::Status status = Scan(v1::SCAN_KIND_QUICK);
  EXPECT_EQ(ReasonOf(status), "FINDINGS_NOT_READ");
  EXPECT_TRUE(result_.partial());
}

TEST_F(DefenderTest, APassiveOneScansAndIsSaidToRemoveNothing) {
  status_["AMRunningMode"] = {"Passive Mode"};
  Show();
  wmi_->Set("MSFT_MpScan", "Start", [&](const SimulatedWmi::Arguments&) {
    Detect("2", "Virus:X", {"file:_C:\\x.exe"}, absl::Now(), {{"ThreatStatusID", {"1"}}});
    return WmiAnswer();
  });
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_THAT(result_.notice(), HasSubstr("another product protects this host"));
  EXPECT_EQ(result_.findings(0).action(), "found");
}

TEST_F(DefenderTest, FoldersOfMailAreEnteredOnlyWhereTheyAreExcluded) {
  left_out_ = {"C:\\inetpub\\mailroot\\Queue", "D:\\mailquench-quarantine"};
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_FULL)), "FOLDERS_NOT_EXCLUDED");
  EXPECT_THAT(wmi_->calls, IsEmpty());
  EXPECT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"C:\\Users"}).ok());
  // It was named.
  EXPECT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"C:\\inetpub\\MAILROOT\\queue\\x"}).ok());
  const absl::Status above = Scan(v1::SCAN_KIND_PATHS, {"C:\\inetpub"});
  EXPECT_EQ(ReasonOf(above), "FOLDERS_NOT_EXCLUDED");
  EXPECT_THAT(above.message(), HasSubstr("enter C:\\inetpub\\mailroot\\Queue, which its"));
  preference_["ExclusionPath"] = {"c:\\INETPUB\\mail*\\", "D:\\mailquench-quarantine\\*"};
  Show();
  EXPECT_TRUE(Scan(v1::SCAN_KIND_FULL).ok());
  EXPECT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"C:\\inetpub"}).ok());
  preference_["ExclusionPath"] = {"N/A: Must be an administrator to view exclusions"};
  Show();
  EXPECT_THAT(Scan(v1::SCAN_KIND_FULL).message(), HasSubstr("as far as its exclusions can be"));
}

TEST(Exclusions, CoverAFolder) {
  Exclusions exclusions;
  const auto covers = [&](const std::string& path, const std::string& folder) {
    exclusions.paths = {path};
    return Covers(exclusions, folder);
  };
  EXPECT_TRUE(covers("C:\\", "C:\\x"));
  EXPECT_TRUE(covers("C:/X/", "c:\\x\\y"));
  EXPECT_TRUE(covers("C:\\?\\y", "C:\\x\\Y\\z"));
  EXPECT_FALSE(covers("C:\\x", "C:\\xy"));
  EXPECT_FALSE(covers("C:\\x\\y", "C:\\x"));
  EXPECT_FALSE(covers("C:\\x\\*.que", "C:\\x\\q"));
  EXPECT_FALSE(covers("", "C:\\x"));
  EXPECT_FALSE(covers("%SystemDrive%\\x", "C:\\x"));
  std::string stars;  // What is slow for a matcher that tries all.
  for (int i = 0; i < 1000; ++i) stars += "*a";
  EXPECT_FALSE(covers("C:\\" + stars + "b", "C:\\" + std::string(2000, 'a')));
}

}  // namespace
}  // namespace mailquench::agent::defender
