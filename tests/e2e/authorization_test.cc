// The authorisation table against the contract itself.
#include "controller/api/authorization.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/antivirus.pb.h"
#include "mailquench/v1/audit.pb.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/enrolment.pb.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/mx.pb.h"
#include "mailquench/v1/quarantines.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {
namespace {

using identity::Kind;
using identity::Role;
using identity::SpiffeId;

std::set<std::string> MethodsOfDescriptors() {
  const google::protobuf::FileDescriptor* files[] = {
      v1::AgentMessage::descriptor()->file(), v1::AuditEntry::descriptor()->file(),
      v1::EnrolRequest::descriptor()->file(), v1::Host::descriptor()->file(),
      v1::Incident::descriptor()->file(),     v1::FleetQuarantine::descriptor()->file(),
      v1::Run::descriptor()->file(),          v1::Listing::descriptor()->file(),
      v1::Escalation::descriptor()->file(),   v1::Posture::descriptor()->file(),
      v1::MxSwitch::descriptor()->file()};
  std::set<std::string> methods;
  for (const auto* file : files) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        methods.insert("/" + service->full_name() + "/" + service->method(m)->name());
      }
    }
  }
  return methods;
}

std::set<std::string> MethodsOfTable() {
  std::set<std::string> methods;
  for (const auto& [method, need] : AuthorizationTable()) methods.insert(method);
  return methods;
}

TEST(Authorization, EveryMethodOfTheDescriptorsHasExactlyOneEntry) {
  EXPECT_EQ(MethodsOfTable(), MethodsOfDescriptors());
}

TEST(Authorization, NoProtoFileHasAMethodThatTheTestAboveDoesNotSee) {
  std::size_t count = 0;
  const std::regex rpc("\\n\\s*rpc\\s+\\w+\\s*\\(");
  for (const auto& entry : std::filesystem::directory_iterator(MAILQUENCH_PROTO_DIR)) {
    std::ifstream in(entry.path());
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    count += std::distance(std::sregex_iterator(text.begin(), text.end(), rpc), {});
  }
  EXPECT_EQ(count, MethodsOfDescriptors().size());
}

TEST(Authorization, AMethodWithoutAnEntryIsDeniedEvenToAnAdmin) {
  const SpiffeId admin{"example.org", Kind::kOperator, "ada", Role::kAdmin};
  EXPECT_TRUE(absl::IsPermissionDenied(CheckAccess(admin, "/mailquench.v1.Fleet/Unheard")));
}

TEST(Authorization, EachKindAndRoleGetsWhatItsEntrySaysAndNoMore) {
  const SpiffeId viewer{"example.org", Kind::kOperator, "v", Role::kViewer};
  const SpiffeId responder{"example.org", Kind::kOperator, "r", Role::kResponder};
  const SpiffeId admin{"example.org", Kind::kOperator, "a", Role::kAdmin};
  const SpiffeId agent{"example.org", Kind::kAgent, "u", Role::kAdmin};
  const SpiffeId controller{"example.org", Kind::kController, "c", Role::kAdmin};
  for (const auto& [method, need] : AuthorizationTable()) {
    SCOPED_TRACE(method);
    EXPECT_EQ(CheckAccess(viewer, method).ok(), need == Need::kViewer);
    EXPECT_EQ(CheckAccess(responder, method).ok(),
              need == Need::kViewer || need == Need::kResponder);
    EXPECT_EQ(CheckAccess(admin, method).ok(), need != Need::kAgent && need != Need::kToken);
    EXPECT_EQ(CheckAccess(agent, method).ok(), need == Need::kAgent);
    EXPECT_FALSE(CheckAccess(controller, method).ok());
  }
}

TEST(Authorization, ARunThatDiscardsNeedsAnAdmin) {
  const SpiffeId responder{"example.org", Kind::kOperator, "r", Role::kResponder};
  const SpiffeId admin{"example.org", Kind::kOperator, "a", Role::kAdmin};
  v1::Operation survey;
  survey.mutable_queue_survey();
  v1::Operation discard;
  discard.mutable_quarantine_discard();
  EXPECT_TRUE(CheckOperations(responder, {survey}).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOperations(responder, {survey, discard})));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOperations(responder, {v1::Operation()})));
  EXPECT_TRUE(CheckOperations(admin, {survey, discard}).ok());
}

TEST(Authorization, AViewerPlansWhatCanBeUndoneAndStartsNothing) {
  const SpiffeId viewer{"example.org", Kind::kOperator, "v", Role::kViewer};
  const SpiffeId responder{"example.org", Kind::kOperator, "r", Role::kResponder};
  EXPECT_TRUE(CheckAccess(viewer, "/mailquench.v1.Runs/PlanRun").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(CheckAccess(viewer, "/mailquench.v1.Runs/StartRun")));
  v1::Operation contain;
  contain.mutable_contain();
  v1::Operation discard;
  discard.mutable_quarantine_discard();
  EXPECT_TRUE(CheckDryRun(viewer, {contain}).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(CheckDryRun(viewer, {contain, discard})));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckDryRun(viewer, {v1::Operation()})));
  EXPECT_TRUE(CheckDryRun(responder, {contain, discard}).ok());
  const SpiffeId agent{"example.org", Kind::kAgent, "u", Role::kAdmin};
  EXPECT_TRUE(absl::IsPermissionDenied(CheckDryRun(agent, {discard})));
}

}  // namespace
}  // namespace mailquench::controller
