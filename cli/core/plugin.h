// A monitoring plugin's verdict: thresholds, states, performance data and the text that carries
// them. Monitoring Plugins Development Guidelines
// (monitoring-plugins.org/doc/guidelines.html).
#ifndef MAILQUENCH_CLI_CORE_PLUGIN_H_
#define MAILQUENCH_CLI_CORE_PLUGIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::cli {

// The number is the exit code: it does not follow ExitCode.
enum class PluginState { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 };

// Of two verdicts the one that counts: critical before warning, unknown, ok.
PluginState Worse(PluginState a, PluginState b);
std::string WordOf(PluginState state);  // "WARNING"

// [@]start:end, both ends included; it alerts outside, with @ inside. "10" is 0:10, "10:" has no
// end, "~:10" no beginning.
class Range {
 public:
  // Errors: INVALID_ARGUMENT/BAD_RANGE.
  static absl::StatusOr<Range> Parse(const std::string& text);
  bool Alerts(double value) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  double start_ = 0, end_ = 0;
  bool inside_ = false;
};

struct Thresholds {
  std::optional<Range> warning, critical;
  PluginState Of(double value) const;
  // Empty texts leave a threshold out. Errors: INVALID_ARGUMENT/BAD_RANGE.
  static absl::StatusOr<Thresholds> Parse(const std::string& warning, const std::string& critical);
};

// One figure: 'label'=value[UOM];warn;crit;min;max. A limit that is empty is left out.
struct Figure {
  std::string label;
  std::int64_t value = 0;
  std::string unit;  // "", "s", "B", "%", "c"
  std::string warning, critical, min = "0", max;
};
Figure MakeFigure(const std::string& label, std::int64_t value, const Thresholds& thresholds);

struct PluginResult {
  PluginState state = PluginState::kOk;
  std::string text;
  std::vector<Figure> figures;
  std::vector<std::string> details;  // Long output, a line each.
};

// What stdout gets, below 4 KB, which every receiver takes: "SERVICE STATE - text | figures" and
// the details. What others wrote can end neither its line nor the text: control characters become
// spaces, '|' becomes '/'.
std::string Render(const std::string& service, const PluginResult& result);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_PLUGIN_H_
