// That Prometheus takes what a scrape says, and that the documents name what it says.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/unit/metrics/rig.h"

namespace mailquench::controller {
namespace {

// What promtool says of it; "" where it is content.
std::string Promtool(const std::string& text) {
  const std::string file = absl::StrCat(::testing::TempDir(), "/scrape.", ::getpid());
  std::ofstream(file) << text;
  FILE* pipe = ::popen(absl::StrCat("promtool check metrics <'", file, "' 2>&1").c_str(), "r");
  std::string said;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) said.append(buffer, n);
  const int code = ::pclose(pipe);
  std::remove(file.c_str());
  return code == 0 ? said : absl::StrCat("exit ", code, ": ", said);
}

// Prometheus drops a whole scrape in which one does; promtool does not see it.
std::vector<std::string> SeriesThatComeTwice(const std::string& text) {
  std::set<std::string> seen;
  std::vector<std::string> twice;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::string series(line.substr(0, line.rfind(' ')));
    if (!absl::StartsWith(line, "#") && !seen.insert(series).second) twice.push_back(series);
  }
  return twice;
}

bool HasPromtool() {
  return std::system("command -v promtool >/dev/null") == 0;
}

TEST(Conventions, PromtoolFindsNothing) {
  if (!HasPromtool()) GTEST_SKIP() << "promtool is not installed (deploy/setup monitoring)";
  Rig rig;
  rig.CountSomething();
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(Promtool(text), "");
  EXPECT_THAT(SeriesThatComeTwice(text), ::testing::IsEmpty());
  EXPECT_NE(Promtool("mailquench_bad_total{} x\n"), "");
  EXPECT_NE(Promtool("# TYPE a_total gauge\na_total 1\n"), "");
}

TEST(Conventions, PromtoolTakesStatesOfANewerContract) {
  if (!HasPromtool()) GTEST_SKIP() << "promtool is not installed (deploy/setup monitoring)";
  Rig rig;
  for (const int state : {0, 98, 99}) {
    rig.incidents.emplace_back().set_state(static_cast<v1::IncidentState>(state));
    rig.listings.emplace_back().set_state(static_cast<v1::ListingState>(state));
    rig.escalations.emplace_back().set_state(static_cast<v1::EscalationState>(state));
  }
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(Promtool(text), "");
  EXPECT_THAT(SeriesThatComeTwice(text), ::testing::IsEmpty());
  EXPECT_EQ(ValueOf(text, "mailquench_incidents{state=\"unknown\"}"), "2");
}

TEST(Conventions, PromtoolTakesHostileNames) {
  if (!HasPromtool()) GTEST_SKIP() << "promtool is not installed (deploy/setup monitoring)";
  Rig rig;
  rig.AddHost("id-2", "mx\"} 1\n\\\xff");
  rig.AddHost("id-3", "mx\"} 1\n\\\xff");
  rig.listings[0].set_list_operator("a\nb\"\\");
  rig.health["\xc3"].set_state(v1::LIST_HEALTH_STATE_WELL);
  rig.health["\xc4"].set_state(v1::LIST_HEALTH_STATE_SILENT);
  rig.metrics.Escalated("\n\"\\", v1::ESCALATION_ACTION_START);
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(Promtool(text), "");
  EXPECT_THAT(SeriesThatComeTwice(text), ::testing::IsEmpty());
}

struct Described {
  std::string type;
  std::set<std::string> labels;
  bool operator==(const Described& other) const {
    return type == other.type && labels == other.labels;
  }
};
std::ostream& operator<<(std::ostream& out, const Described& one) {
  out << one.type;
  for (const std::string& label : one.labels) out << ' ' << label;
  return out;
}

// By name, from the text of a scrape.
std::map<std::string, Described> Exposed(const std::string& text) {
  std::map<std::string, Described> out;
  std::string name;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "# TYPE ")) {
      const std::pair<std::string, std::string> parts = absl::StrSplit(rest, ' ');
      name = parts.first;
      out[name].type = parts.second;
    } else if (!absl::StartsWith(line, "#")) {
      const std::size_t open = line.find('{');
      if (open == absl::string_view::npos) continue;
      const absl::string_view inside = line.substr(open + 1, line.rfind('}') - open - 1);
      for (const absl::string_view pair : absl::StrSplit(inside, ',', absl::SkipEmpty())) {
        const std::string label(pair.substr(0, pair.find('=')));
        if (label != "le") out[name].labels.insert(label);
      }
    }
  }
  return out;
}

// From the rows "| `NAME` | TYPE | `LABEL`, `LABEL` | MEANING |" of the documents.
std::map<std::string, Described> Documented() {
  std::map<std::string, Described> out;
  for (const char* file : {"/escalation.md"}) {
    std::ifstream in(std::string(MAILQUENCH_DOCS) + file);
    for (std::string line; std::getline(in, line);) {
      if (!absl::StartsWith(line, "| `mailquench_") && !absl::StartsWith(line, "| `process_"))
        continue;
      std::vector<std::string> cells = absl::StrSplit(line, '|');
      for (std::string& cell : cells) cell = std::string(absl::StripAsciiWhitespace(cell));
      if (cells.size() < 5) continue;
      Described& one = out[cells[1].substr(1, cells[1].size() - 2)];
      one.type = cells[2];
      const std::vector<std::string> words = absl::StrSplit(cells[3], '`');
      for (std::size_t i = 1; i < words.size(); i += 2) one.labels.insert(words[i]);
    }
  }
  return out;
}

TEST(Conventions, TheDocumentsNameWhatIsThereAndNothingElse) {
  Rig rig;
  rig.CountSomething();
  const auto exposed = Exposed(rig.metrics.Text());
  const auto documented = Documented();
  ASSERT_GT(exposed.size(), 30U);
  for (const auto& [name, one] : exposed) {
    ASSERT_EQ(documented.count(name), 1U) << name << " is not in the table of the documents";
    EXPECT_EQ(one, documented.at(name)) << name;
  }
  for (const auto& [name, one] : documented)
    EXPECT_EQ(exposed.count(name), 1U) << name << " is documented and not there";
}

}  // namespace
}  // namespace mailquench::controller
