#include "agent/operations/alarms.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"

namespace mailquench::agent {
namespace {
constexpr char kHost[] = "*";
constexpr std::size_t kLongestFile = std::size_t{1024} * 1024;
constexpr std::size_t kLongestLine = 1000;

void Drop(const std::string& instance, std::vector<std::string>& lines) {
  std::erase_if(lines, [&](const std::string& line) {
    return absl::StartsWith(line, absl::StrCat(instance, ": "));
  });
}
}  // namespace

std::string Alarms::Text() const {
  const auto text = ReadFile(path_, kLongestFile);
  if (text.ok()) return *text;
  if (absl::IsNotFound(text.status())) return "";
  return absl::StrCat(kHost, ": the alarm file cannot be read: ", text.status().message(), "\n");
}

void Alarms::Write(const std::vector<std::string>& lines) {
  const absl::Status written =
      lines.empty() ? RemoveFile(path_)
                    : WriteFileAtomically(path_, absl::StrCat(absl::StrJoin(lines, "\n"), "\n"));
  if (!written.ok())
    spdlog::critical("the alarm file could not be written: {}", written.ToString());
}

void Alarms::Raise(const std::vector<std::string>& instances, const std::string& text) {
  const std::string why = absl::StrReplaceAll(text.substr(0, kLongestLine), {{"\n", " "}});
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<std::string> lines = absl::StrSplit(Text(), '\n', absl::SkipEmpty());
  const std::vector<std::string> before = lines;
  const std::vector<std::string> host = {kHost};
  for (const std::string& instance : instances.empty() ? host : instances) {
    const std::string line = absl::StrCat(instance, ": ", why);
    if (absl::c_linear_search(lines, line)) continue;
    Drop(instance, lines);
    lines.push_back(line);
  }
  if (lines == before) return;  // Said already: a cause that is tried again and again.
  spdlog::critical("ALARM: {}", text);
  Write(lines);
}

void Alarms::Clear(const std::vector<std::string>& instances) {
  const std::lock_guard<std::mutex> lock(mu_);
  std::vector<std::string> lines = absl::StrSplit(Text(), '\n', absl::SkipEmpty());
  if (lines.empty()) return;
  for (const std::string& instance : instances) Drop(instance, lines);
  Write(instances.empty() ? std::vector<std::string>() : lines);
}

}  // namespace mailquench::agent
