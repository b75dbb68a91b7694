#include "controller/manual/guide.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/yaml/strict.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::controller {
namespace {

const yaml::Kind kGuide = {"BAD_GUIDE", "no instruction was taken"};
const std::string kFile = "instructions by hand";

absl::Status Fault(YAML::Mark at, const std::string& what) {
  return yaml::Fault(kGuide, kFile, at, what);
}

std::string Text(const YAML::Node& node) {
  return node ? node.as<std::string>() : "";
}

absl::Status ReadSteps(const YAML::Node& list, GuideEntry* entry) {
  static const std::set<std::string> kFacts = {
      "closed",   "authenticated-only", "listed",  "account", "client", "filter",    "local_user",
      "recorded", "nothing-recorded",   "contain", "address", "helo",   "smarthost", "direct"};
  for (const YAML::Node& node : list) {
    MQ_RETURN_IF_ERROR(yaml::OnlyKeys(kGuide, node, kFile, {"do", "run", "when"}));
    GuideStep step{Text(node["do"]), Text(node["run"]), Text(node["when"])};
    if (step.text.empty()) return Fault(node.Mark(), "a step needs 'do'");
    const std::string fact =
        !step.when.empty() && step.when[0] == '!' ? step.when.substr(1) : step.when;
    if (!fact.empty() && kFacts.count(fact) == 0)
      return Fault(node["when"].Mark(), absl::StrCat("there is no fact '", fact, "'"));
    entry->steps.push_back(std::move(step));
  }
  return absl::OkStatus();
}

absl::Status ReadEntry(const YAML::Node& node, GuideEntry* entry) {
  MQ_RETURN_IF_ERROR(
      yaml::OnlyKeys(kGuide, node, kFile, {"refused", "parts", "verdicts", "steps", "questions"}));
  entry->refused = Text(node["refused"]);
  for (const YAML::Node& part : node["parts"]) entry->parts.push_back(part.as<std::string>());
  for (const YAML::Node& one : node["verdicts"]) entry->verdicts.push_back(one.as<std::string>());
  MQ_RETURN_IF_ERROR(ReadSteps(node["steps"], entry));
  for (const YAML::Node& one : node["questions"]) {
    MQ_RETURN_IF_ERROR(yaml::OnlyKeys(kGuide, one, kFile, {"key", "ask", "relay", "place"}));
    GuideQuestion question{Text(one["key"]), Text(one["ask"])};
    question.relay = one["relay"] && one["relay"].as<bool>();
    question.place = one["place"] && one["place"].as<bool>();
    if (question.key.empty() || question.ask.empty())
      return Fault(one.Mark(), "a question needs 'key' and 'ask'");
    entry->questions.push_back(std::move(question));
  }
  const int kinds = (entry->refused.empty() ? 0 : 1) + (entry->parts.empty() ? 0 : 1) +
                    (entry->steps.empty() ? 0 : 1);
  if (kinds != 1) return Fault(node.Mark(), "one of 'refused', 'parts' and 'steps' is wanted");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Guide> Guide::Read(const std::vector<std::string>& texts) {
  const std::vector<std::string> names = AllOperationNames();
  Guide guide;
  std::map<std::string, std::string> like;
  try {  // yaml-cpp throws.
    for (const std::string& text : texts) {
      const YAML::Node root = YAML::Load(text);
      MQ_RETURN_IF_ERROR(
          yaml::OnlyKeys(kGuide, root, kFile, {"platform", "title", "like", "operations"}));
      const std::string name = Text(root["platform"]);
      if (name.empty()) return Fault(root.Mark(), "'platform' is missing");
      Platform& platform = guide.platforms_[name];
      platform.title = Text(root["title"]);
      if (root["like"]) like[name] = Text(root["like"]);
      for (const auto& one : root["operations"]) {
        const std::string operation = one.first.as<std::string>();
        if (std::find(names.begin(), names.end(), operation) == names.end())
          return Fault(one.first.Mark(), absl::StrCat("there is no operation '", operation, "'"));
        MQ_RETURN_IF_ERROR(ReadEntry(one.second, &platform.operations[operation]));
      }
    }
  } catch (const YAML::Exception& e) {
    return Fault(e.mark, e.msg);
  }
  for (const auto& [name, model] : like) {
    const auto found = guide.platforms_.find(model);
    if (found == guide.platforms_.end() || like.count(model) > 0)
      return Fault(YAML::Mark(), absl::StrCat(name, " is like '", model, "', which is no model"));
    // What the platform says itself stays.
    guide.platforms_[name].operations.insert(found->second.operations.begin(),
                                             found->second.operations.end());
  }
  return guide;
}

absl::StatusOr<Guide> Guide::BuiltIn() {
  return Read(BuiltInPlatforms());
}

std::vector<std::string> Guide::Platforms() const {
  std::vector<std::string> names;
  for (const auto& one : platforms_) names.push_back(one.first);
  return names;
}

const GuideEntry* Guide::Find(const std::string& platform, const std::string& operation) const {
  const auto found = platforms_.find(platform);
  if (found == platforms_.end()) return nullptr;
  const auto entry = found->second.operations.find(operation);
  return entry == found->second.operations.end() ? nullptr : &entry->second;
}

std::string Guide::WhyNot(const std::string& platform, const std::string& operation) const {
  const GuideEntry* entry = Find(platform, operation);
  if (entry == nullptr)
    return absl::StrCat("nobody has written down how ", operation, " is done by hand on ",
                        platform);
  return entry->refused;
}

absl::Status Guide::Check(const std::string& platform) const {
  if (platforms_.count(platform) > 0) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_PLATFORM",
               absl::StrCat("'", platform, "' is no platform that is done by hand; there are ",
                            absl::StrJoin(Platforms(), ", "), "; nothing was changed"));
}

}  // namespace mailquench::controller
