// What agent.yaml may say about antivirus.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/app/agent.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

class AntivirusConfigTest : public testing::Test {
 protected:
  AntivirusConfigTest() {
    std::string name = "/tmp/mq-config-XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~AntivirusConfigTest() override { std::filesystem::remove_all(dir_); }
  absl::StatusOr<AgentConfig> Load(const std::string& text) {
    std::ofstream(dir_ + "/agent.yaml") << text;
    return LoadAgentConfig(dir_);
  }
  std::string dir_;
};

TEST_F(AntivirusConfigTest, TheExampleOfTheDocumentIsRead) {
  const auto config = Load(R"(
clamav: {clamd_config: /etc/c.conf, quick_places: [/tmp, /srv]}
scan_roots: [/srv/upload]
antivirus_adapters:
  - name: acme
    product: Acme Endpoint
    status:
      run: [/opt/acme/bin/acmectl, status]
      codes: {0: running, 3: stopped, 4: out-of-date, 5: absent}
      limit_seconds: 30
    engine_version: 'Engine: (\S+)'
    signature_time: 'Definitions of: (.+)'
    time_format: '%Y-%m-%d %H:%M'
    update: {run: [/opt/acme/bin/acmectl, update], codes: {0: updated, 1: up-to-date}}
    quick: {run: [/opt/acme/bin/acmescan, --quick], codes: {0: clean, 1: found, 2: partial}}
    paths: {run: [/opt/acme/bin/acmescan, '{path}'], codes: {0: clean, 1: found}}
    finding: '^(.+): infected with (\S+)$'
second_opinion:
  path: /opt/so/scanner
  sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  quick: {run: [--quick], codes: {0: clean, 1: found}}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  const AntivirusConfig& antivirus = config->antivirus;
  EXPECT_EQ(antivirus.clamd_config, "/etc/c.conf");
  EXPECT_EQ(antivirus.quick_places.size(), 2u);
  EXPECT_EQ(antivirus.scan_roots.count("/srv/upload"), 1u);
  ASSERT_EQ(antivirus.adapters.size(), 1u);
  EXPECT_EQ(antivirus.adapters[0].status->codes.at(4), "out-of-date");
  EXPECT_EQ(antivirus.adapters[0].status->limit, absl::Seconds(30));
  EXPECT_EQ(antivirus.adapters[0].quick->limit, absl::Hours(12));
  ASSERT_TRUE(antivirus.second_opinion.has_value());
  EXPECT_EQ(antivirus.second_opinion->quick->argv,
            (std::vector<std::string>{"{program}", "--quick"}));
  EXPECT_FALSE(Load("clamav: off\n")->antivirus.clamav);
  EXPECT_FALSE(Load("defender: off\n")->antivirus.defender);
  EXPECT_TRUE(Load("clamav: off\n")->antivirus.defender);
}

TEST_F(AntivirusConfigTest, WhatIsWrongIsSaidWithItsKey) {
  const struct {
    const char* text;
    const char* words;
  } kWrong[] = {
      {"clamav: {clamd: /x}\n", "clamav: unknown key 'clamd'"},
      {"clamav: {clamd_config: x}\n", "clamav: clamd_config: 'x' is no absolute path"},
      {"scan_roots: [/a/../b]\n", "scan_roots: '/a/../b'"},
      {"antivirus_adapters: {}\n", "antivirus_adapters is a list"},
      {"antivirus_adapters: [{name: clamav}]\n", "name: clamav is what the agent itself"},
      {"antivirus_adapters: [{name: 'a b'}]\n", "name is letters, digits"},
      {"antivirus_adapters: [{name: a}, {name: a}]\n", "two are named a"},
      {"antivirus_adapters: [{name: a, quick: {run: [scan], codes: {0: clean}}}]\n",
       "begins with the full path"},
      {"antivirus_adapters: [{name: a, quick: {run: [/s]}}]\n", "codes says what"},
      {"antivirus_adapters: [{name: a, quick: {run: [/s], codes: {0: fine}}}]\n",
       "a code means clean, found, partial, not 'fine'"},
      {"antivirus_adapters: [{name: a, finding: '('}]\n", "no regular expression"},
      {"antivirus_adapters: [{name: a, finding: '(x)'}]\n", "fewer than 2 groups"},
      {"second_opinion: {path: /x, sha256: 12}\n", "sha256, of 64"},
  };
  for (const auto& one : kWrong) {
    const auto config = Load(one.text);
    EXPECT_EQ(ReasonOf(config.status()), "BAD_CONFIG") << one.text;
    EXPECT_NE(config.status().message().find(one.words), std::string::npos)
        << one.text << config.status();
    EXPECT_NE(config.status().message().find("agent.yaml:1: "), std::string::npos);
  }
}

}  // namespace
}  // namespace mailquench::agent
