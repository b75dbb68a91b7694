#include "controller/metrics/family.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/text/harmless.h"

namespace mailquench::controller {
namespace {
constexpr std::size_t kLongestValue = 128;
}  // namespace

std::string LabelValue(std::string_view text) {
  std::string value = Harmless(text);
  if (value.size() <= kLongestValue) return value;
  value.resize(kLongestValue);
  value.resize(value.size() - CutAtEnd(value));
  return value;
}

std::string EnumWord(const std::string& name, std::string_view prefix) {
  if (name.empty()) return "unknown";
  return absl::AsciiStrToLower(
      absl::StripPrefix(name, absl::string_view(prefix.data(), prefix.size())));
}

Family::Family(std::string name, std::string help, prometheus::MetricType type) {
  family_.name = std::move(name);
  family_.help = std::move(help);
  family_.type = type;
}

void Family::Add(const MetricLabels& labels, double value) {
  prometheus::ClientMetric metric;
  metric.label.reserve(labels.size());
  for (const auto& [name, text] : labels) metric.label.push_back({name, LabelValue(text)});
  if (family_.type == prometheus::MetricType::Counter)
    metric.counter.value = value;
  else
    metric.gauge.value = value;
  family_.metric.push_back(std::move(metric));
}

void Family::MoveTo(Families* out) {
  if (!family_.metric.empty()) out->push_back(std::move(family_));
}

Family GaugeFamily(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Gauge};
}

Family CounterFamily(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Counter};
}

std::string BoundedValues::Fit(const std::string& value) {
  if (values_.count(value) != 0) return value;
  if (values_.size() >= most_) return "other";
  values_.insert(value);
  return value;
}

}  // namespace mailquench::controller
