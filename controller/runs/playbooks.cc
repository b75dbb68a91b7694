#include "controller/runs/playbooks.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "common/yaml/strict.h"
#include "controller/fleet/selectors.h"
#include "controller/runs/operation_fields.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::controller {
namespace {

// The largest playbook that makes sense is far below this; YAML aliases cannot grow past it.
constexpr std::size_t kMostBytes = std::size_t{256} * 1024;

const yaml::Kind kPlaybook = {"BAD_PLAYBOOK", "the playbook was not taken"};

absl::Status Fault(const std::string& file, YAML::Mark at, const std::string& what) {
  return yaml::Fault(kPlaybook, file, at, what);
}

absl::Status OnlyKeys(const YAML::Node& map,
                      const std::string& file,
                      const std::set<std::string>& keys) {
  return yaml::OnlyKeys(kPlaybook, map, file, keys);
}

absl::Status ReadLockstep(const YAML::Node& node, const std::string& file, v1::PlaybookStep* step) {
  const YAML::Node lockstep = node["lockstep"], only = node["only_grouped"];
  if (lockstep) {
    if (!lockstep.IsScalar() || lockstep.Scalar().empty())
      return Fault(file, lockstep.Mark(), "'lockstep' is 'transport' or the name of a label");
    step->set_lockstep(lockstep.Scalar());
    // A label's name alone is a selector of its own: whoever has it.
    const absl::StatusOr<Selector> label = Selector::Parse(step->lockstep());
    if (!label.ok() || label->Keys() != std::vector<std::string>{step->lockstep()})
      return Fault(file, lockstep.Mark(),
                   "'" + step->lockstep() + "' is neither 'transport' nor the name of a label");
  }
  if (!only) return absl::OkStatus();
  step->set_only_grouped(only.as<bool>());
  if (step->only_grouped() && !lockstep)
    return Fault(file, only.Mark(), "'only_grouped' goes with 'lockstep' only");
  return absl::OkStatus();
}

absl::Status ReadStep(const YAML::Node& node, const std::string& file, v1::PlaybookStep* step) {
  MQ_RETURN_IF_ERROR(OnlyKeys(node, file,
                              {"name", "op", "with", "timeout", "continue_on_failure", "vantage",
                               "lockstep", "only_grouped"}));
  if (!node["op"]) return Fault(file, node.Mark(), "a step needs 'op'");
  const std::string op = node["op"].as<std::string>();
  if (!SetOperation(op, step->mutable_operation())) {
    return Fault(file, node["op"].Mark(), "there is no operation '" + op + "'");
  }
  step->set_name(node["name"] ? node["name"].as<std::string>() : op);
  if (node["with"]) {
    MQ_RETURN_IF_ERROR(FillFromYaml(node["with"], file, step->mutable_operation()));
  }
  step->set_timeout_seconds(300);
  if (node["timeout"]) {
    const auto timeout = ParseDuration(node["timeout"].as<std::string>());
    if (!timeout.ok() || *timeout < absl::Seconds(1) || *timeout > absl::Hours(24)) {
      return Fault(file, node["timeout"].Mark(), "'timeout' is between 1s and 24h");
    }
    step->set_timeout_seconds(static_cast<int>(absl::ToInt64Seconds(*timeout)));
  }
  if (node["continue_on_failure"]) {
    step->set_continue_on_failure(node["continue_on_failure"].as<bool>());
  }
  if (node["vantage"]) {
    if (!step->operation().has_relay_probe()) {
      return Fault(file, node["vantage"].Mark(), "'vantage' goes with relay.probe only");
    }
    step->set_vantage(node["vantage"].as<std::string>());
    const absl::StatusOr<Selector> selector = Selector::Parse(step->vantage());
    if (!selector.ok()) {
      return Fault(file, node["vantage"].Mark(), std::string(selector.status().message()));
    }
  }
  return ReadLockstep(node, file, step);
}

absl::StatusOr<v1::Playbook> Read(const YAML::Node& root, const std::string& file) {
  MQ_RETURN_IF_ERROR(OnlyKeys(root, file, {"name", "summary", "steps", "waves", "max_failures"}));
  v1::Playbook playbook;
  if (!root["name"]) return Fault(file, root.Mark(), "a playbook needs 'name'");
  playbook.set_name(root["name"].as<std::string>());
  if (root["summary"]) playbook.set_summary(root["summary"].as<std::string>());
  const YAML::Node steps = root["steps"];
  if (!steps || !steps.IsSequence() || steps.size() == 0) {
    return Fault(file, (steps ? steps : root).Mark(), "a playbook needs a list 'steps'");
  }
  for (const YAML::Node& step : steps) {
    MQ_RETURN_IF_ERROR(ReadStep(step, file, playbook.add_steps()));
  }
  if (root["waves"]) {
    if (!root["waves"].IsSequence()) {
      return Fault(file, root["waves"].Mark(), "'waves' is a list, like [\"1\", \"100%\"]");
    }
    for (const YAML::Node& wave : root["waves"]) {
      const std::string wrong = WrongWave(wave.as<std::string>());
      if (!wrong.empty()) return Fault(file, wave.Mark(), wrong);
      playbook.add_waves(wave.as<std::string>());
    }
  }
  if (root["max_failures"]) {
    playbook.set_max_failures(root["max_failures"].as<int>());
    if (playbook.max_failures() < 0) {
      return Fault(file, root["max_failures"].Mark(), "'max_failures' is not negative");
    }
  }
  return playbook;
}

}  // namespace

std::string WrongWave(const std::string& wave) {
  const bool percent = !wave.empty() && wave.back() == '%';
  int number = 0;
  if (!absl::SimpleAtoi(percent ? wave.substr(0, wave.size() - 1) : wave, &number) || number < 1 ||
      (percent && number > 100)) {
    return "'" + wave + "' is no wave: a number of hosts such as 5, or a share such as 20%";
  }
  return "";
}

absl::StatusOr<v1::Playbook> ParsePlaybook(const std::string& text, const std::string& file) {
  if (text.size() > kMostBytes) return Fault(file, YAML::Mark(), "larger than 256 KiB");
  try {  // yaml-cpp throws.
    const YAML::Node root = YAML::Load(text);
    MQ_RETURN_IF_ERROR(yaml::Bounded(kPlaybook, root, file));
    MQ_ASSIGN_OR_RETURN(v1::Playbook playbook, Read(root, file));
    playbook.set_source(text);
    return playbook;
  } catch (const YAML::Exception& e) {
    return Fault(file, e.mark, e.msg);
  }
}

absl::StatusOr<v1::Playbook> ReadPlaybook(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return SystemError(EISDIR, "read the playbook " + path);
  }
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return SystemError(errno == 0 ? EIO : errno, "read the playbook " + path);
  return ParsePlaybook(text.str(), path);
}

absl::StatusOr<std::map<std::string, v1::Playbook>> LoadPlaybooks(const std::string& directory) {
  std::map<std::string, v1::Playbook> playbooks;
  for (const std::string& text : BuiltInPlaybooks()) {
    MQ_ASSIGN_OR_RETURN(v1::Playbook playbook, ParsePlaybook(text, "built-in playbook"));
    playbooks[playbook.name()] = std::move(playbook);
  }
  if (directory.empty()) return playbooks;
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".yaml") paths.push_back(entry->path().string());
  }
  if (error) return SystemError(error.value(), "read the playbook folder " + directory);
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    MQ_ASSIGN_OR_RETURN(v1::Playbook playbook, ReadPlaybook(path));
    playbooks[playbook.name()] = std::move(playbook);
  }
  return playbooks;
}

}  // namespace mailquench::controller
