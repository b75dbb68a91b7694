// Families of figures that are made anew at each scrape, so that what is gone disappears.
#ifndef MAILQUENCH_CONTROLLER_METRICS_FAMILY_H_
#define MAILQUENCH_CONTROLLER_METRICS_FAMILY_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mailquench::controller {

using Families = std::vector<prometheus::MetricFamily>;
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// One line of harmless UTF-8, at most 128 bytes of it.
std::string LabelValue(std::string_view text);

// "timed_out" of "OUTCOME_TIMED_OUT" and "OUTCOME_"; "unknown" of "", a value of a newer contract.
std::string EnumWord(const std::string& name, std::string_view prefix);

// Values go through LabelValue(). Whoever adds sees to it that no two have the same labels.
class Family {
 public:
  Family(std::string name, std::string help, prometheus::MetricType type);
  void Add(const MetricLabels& labels, double value);
  // Into `out`; one without a figure is left out.
  void MoveTo(Families* out);

 private:
  prometheus::MetricFamily family_;
};
Family GaugeFamily(std::string name, std::string help);
Family CounterFamily(std::string name, std::string help);  // `name` ends in _total.

// Keeps the number of a label's values bounded. Not thread-safe.
class BoundedValues {
 public:
  explicit BoundedValues(std::size_t most) : most_(most) {}
  // The value, or "other" where there are too many already.
  std::string Fit(const std::string& value);

 private:
  const std::size_t most_;
  std::set<std::string> values_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_METRICS_FAMILY_H_
