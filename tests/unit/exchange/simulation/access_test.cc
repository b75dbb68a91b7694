// Who may send where, by the settings of a receive connector.
#include "tests/simulation/exchange/access.h"

#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {

struct Case {
  const char* what;
  const char* mechanisms;
  const char* groups;
  const char* entries;  // JSON
  bool authenticated;
  bool submit, relay;
};

constexpr char kAnyForAnonymous[] =
    R"([{"User": "NT AUTHORITY\\ANONYMOUS LOGON", "ExtendedRights": ["ms-Exch-SMTP-Accept-Any-Recipient"], "Deny": false}])";

class AccessTable : public ::testing::TestWithParam<Case> {};

TEST_P(AccessTable, Says) {
  const Case& one = GetParam();
  const Json connector = {{"AuthMechanism", one.mechanisms},
                          {"PermissionGroups", one.groups},
                          {"Permissions", Json::parse(one.entries)}};
  const Access access = AccessOf(connector, one.authenticated);
  EXPECT_EQ(access.submit, one.submit) << one.what;
  EXPECT_EQ(access.any_recipient, one.relay) << one.what;
}

INSTANTIATE_TEST_SUITE_P(
    Connectors,
    AccessTable,
    ::testing::Values(
        Case{"default front end", "Tls, BasicAuth", "AnonymousUsers, ExchangeServers", "[]", false,
             true, false},
        Case{"default front end, logged in", "Tls, BasicAuth", "AnonymousUsers, ExchangeServers",
             "[]", true, false, false},
        Case{"client front end", "BasicAuth", "ExchangeUsers", "[]", true, true, true},
        Case{"client front end, stranger", "BasicAuth", "ExchangeUsers", "[]", false, false, false},
        Case{"open by an entry", "Tls", "AnonymousUsers, Custom", kAnyForAnonymous, false, true,
             true},
        Case{"an entry without the group", "Tls", "ExchangeServers", kAnyForAnonymous, false, false,
             true},
        Case{
            "a denial wins", "Tls", "AnonymousUsers",
            R"([{"User": "NT AUTHORITY\\ANONYMOUS LOGON", "ExtendedRights": ["ms-Exch-SMTP-Accept-Any-Recipient"], "Deny": false},
                 {"User": "NT AUTHORITY\\ANONYMOUS LOGON", "ExtendedRights": ["ms-Exch-SMTP-Accept-Any-Recipient"], "Deny": true}])",
            false, true, false},
        Case{
            "a denial takes the group's right", "BasicAuth", "ExchangeUsers",
            R"([{"User": "NT AUTHORITY\\Authenticated Users", "ExtendedRights": ["ms-Exch-SMTP-Accept-Any-Recipient"], "Deny": true}])",
            true, true, false},
        Case{
            "entry of the authenticated", "BasicAuth", "AnonymousUsers",
            R"([{"User": "NT AUTHORITY\\Authenticated Users", "ExtendedRights": ["ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Recipient"], "Deny": false}])",
            true, true, true},
        Case{"externally secured", "Tls, ExternalAuthoritative", "ExchangeServers", "[]", false,
             true, true},
        Case{"externally secured without its group", "Tls, ExternalAuthoritative", "AnonymousUsers",
             "[]", false, true, false},
        Case{"locked", "Tls, ExchangeServer", "ExchangeServers", "[]", false, false, false}));

Settings With(const Json& connectors, const Json& accepted = Json::array()) {
  return Settings("EX1",
                  {{"accepted_domains", accepted},
                   {"servers", {{"EX1", {{"receive_connectors", connectors}}}}}},
                  Json::object());
}

Json Connector(const char* name, const char* ranges, bool enabled = true) {
  return {{"Name", name},
          {"TransportRole", "FrontendTransport"},
          {"Bindings", Json::array({"0.0.0.0:25"})},
          {"RemoteIPRanges", Json::array({ranges})},
          {"Enabled", enabled}};
}

TEST(ChooseConnector, TheMostSpecificRangeWins) {
  const Settings settings =
      With(Json::array({Connector("all", "0.0.0.0-255.255.255.255"), Connector("net", "10.0.0.0/8"),
                        Connector("one", "10.1.1.1"), Connector("off", "10.2.2.2", false)}));
  const auto name = [&](const char* client) {
    return TextIn(ChooseConnector(settings, "FrontendTransport", "127.0.0.1:25", client), "Name");
  };
  EXPECT_EQ(name("10.1.1.1"), "one");
  EXPECT_EQ(name("10.9.9.9"), "net");
  EXPECT_EQ(name("10.2.2.2"), "net");
  EXPECT_EQ(name("192.0.2.1"), "all");
  EXPECT_TRUE(ChooseConnector(settings, "HubTransport", "127.0.0.1:25", "10.1.1.1").is_null());
  EXPECT_TRUE(ChooseConnector(settings, "FrontendTransport", "127.0.0.1:26", "10.1.1.1").is_null());
}

TEST(RefuseRecipient, AnAcceptedDomainOfAllIsAnOpenRelay) {
  const Json own = {{"DomainName", "contoso.test"}, {"DomainType", "Authoritative"}};
  const Json all = {{"DomainName", "*"}, {"DomainType", "InternalRelay"}};
  EXPECT_EQ(
      RefuseRecipient(With(Json::array(), Json::array({own})), {true, false}, "a@victim.test"),
      "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain");
  EXPECT_EQ(
      RefuseRecipient(With(Json::array(), Json::array({own})), {true, false}, "a@CONTOSO.test"),
      "");
  EXPECT_EQ(
      RefuseRecipient(With(Json::array(), Json::array({own, all})), {true, false}, "a@victim.test"),
      "");
}

TEST(OffersBasic, OnlyWithoutTheNeedOfTls) {
  EXPECT_TRUE(OffersBasic({{"AuthMechanism", "Tls, BasicAuth"}}));
  EXPECT_FALSE(OffersBasic({{"AuthMechanism", "Tls, BasicAuth, BasicAuthRequireTLS"}}));
  EXPECT_FALSE(OffersBasic({{"AuthMechanism", "Tls, Integrated"}}));
}

TEST(Component, IsActiveWhereNoRequesterSaysOtherwise) {
  const auto state = [](const Json& directory, const Json& registry) {
    return Settings("EX1", {{"servers", {{"EX1", {{"components", directory}}}}}},
                    {{"components", registry}})
        .Component("HubTransport");
  };
  const Json none = Json::object();
  EXPECT_EQ(state(none, none), ComponentState::kActive);
  EXPECT_EQ(state({{"HubTransport", {{"Maintenance", "Active"}}}}, none), ComponentState::kActive);
  EXPECT_EQ(
      state({{"HubTransport", {{"Maintenance", "Active"}, {"Functional", "Inactive"}}}}, none),
      ComponentState::kInactive);
  EXPECT_EQ(state(none, {{"HubTransport", {{"Maintenance", "Draining"}}}}),
            ComponentState::kDraining);
  EXPECT_EQ(state({{"ServerWideOffline", {{"Maintenance", "Inactive"}}}}, none),
            ComponentState::kInactive);
}

}  // namespace
}  // namespace mailquench::simulation::exchange
