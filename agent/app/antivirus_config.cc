#include "agent/app/antivirus_config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/app/platform.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kSha256Digits = 64;
constexpr int kLongestLimit = 86400;

absl::Status Bad(const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG", what);
}

absl::StatusOr<std::string> PathOf(const YAML::Node& value, const std::string& where) {
  const auto path = value.as<std::string>();
  if (!IsPlainPath(path))
    return Bad(absl::StrCat(where, ": '", path, "' is no absolute path without . and .."));
  return path;
}

absl::StatusOr<std::optional<LinePattern>> PatternOf(const YAML::Node& value,
                                                     int groups,
                                                     const std::string& where) {
  absl::StatusOr<LinePattern> pattern = MakePattern(value.as<std::string>(), groups);
  if (!pattern.ok()) return Bad(absl::StrCat(where, ": ", std::string(pattern.status().message())));
  return std::optional<LinePattern>(*std::move(pattern));
}

// {run: [PROGRAM, ARGUMENT, ...], codes: {0: clean, 1: found}, limit_seconds: 3600}. `pinned`: the
// program is that of the second opinion, and `run` its arguments.
absl::StatusOr<std::optional<AdapterCommand>> CommandOf(const YAML::Node& value,
                                                        const std::string& kind,
                                                        bool pinned,
                                                        const std::string& where) {
  AdapterCommand command;
  if (pinned) command.argv.emplace_back("{program}");
  if (kind == "scan") command.limit = absl::Hours(12);
  for (const auto& item : value) {
    const auto key = item.first.as<std::string>();
    if (key == "run") {
      for (const auto& word : item.second) command.argv.push_back(word.as<std::string>());
    } else if (key == "codes") {
      const std::vector<std::string>& words = MeaningsOf(kind);
      for (const auto& code : item.second) {
        const auto meaning = code.second.as<std::string>();
        if (std::find(words.begin(), words.end(), meaning) == words.end())
          return Bad(absl::StrCat(where, ": codes: a code means ", absl::StrJoin(words, ", "),
                                  ", not '", meaning, "'"));
        command.codes[code.first.as<int>()] = meaning;
      }
    } else if (key == "limit_seconds") {
      const int seconds = item.second.as<int>();
      if (seconds < 1 || seconds > kLongestLimit)
        return Bad(absl::StrCat(where, ": limit_seconds is 1 to ", kLongestLimit));
      command.limit = absl::Seconds(seconds);
    } else {
      return Bad(absl::StrCat(where, ": unknown key '", key, "'"));
    }
  }
  if (!pinned && (command.argv.empty() || !IsPlainPath(command.argv.front())))
    return Bad(absl::StrCat(where, ": run is a list that begins with the full path of a program"));
  if (command.codes.empty())
    return Bad(absl::StrCat(where, ": codes says what each exit code means"));
  return std::optional<AdapterCommand>(std::move(command));
}

absl::StatusOr<AdapterConfig> AdapterOf(const YAML::Node& map, bool pinned) {
  AdapterConfig out;
  if (pinned) out.name = "second-opinion";
  const std::string of = pinned ? "second_opinion" : "antivirus_adapters";
  if (!map.IsMap())
    return Bad(absl::StrCat(of, " is ", pinned ? "" : "a list of ", "maps of keys"));
  for (const auto& item : map) {
    const auto key = item.first.as<std::string>();
    const YAML::Node& value = item.second;
    const std::string where = absl::StrCat(of, ": ", key);
    if (key == "name" && !pinned) {
      out.name = value.as<std::string>();
    } else if (key == "product") {
      out.product = value.as<std::string>();
    } else if (key == "path" && pinned) {
      MQ_ASSIGN_OR_RETURN(out.program, PathOf(value, where));
    } else if (key == "sha256" && pinned) {
      out.sha256 = value.as<std::string>();
    } else if (key == "status" && !pinned) {
      MQ_ASSIGN_OR_RETURN(out.status, CommandOf(value, "status", pinned, where));
    } else if (key == "update" && !pinned) {
      MQ_ASSIGN_OR_RETURN(out.update, CommandOf(value, "update", pinned, where));
    } else if (key == "quick") {
      MQ_ASSIGN_OR_RETURN(out.quick, CommandOf(value, "scan", pinned, where));
    } else if (key == "full") {
      MQ_ASSIGN_OR_RETURN(out.full, CommandOf(value, "scan", pinned, where));
    } else if (key == "paths") {
      MQ_ASSIGN_OR_RETURN(out.paths, CommandOf(value, "scan", pinned, where));
    } else if (key == "engine_version" && !pinned) {
      MQ_ASSIGN_OR_RETURN(out.engine_version, PatternOf(value, 1, where));
    } else if (key == "signature_version" && !pinned) {
      MQ_ASSIGN_OR_RETURN(out.signature_version, PatternOf(value, 1, where));
    } else if (key == "signature_time" && !pinned) {
      MQ_ASSIGN_OR_RETURN(out.signature_time, PatternOf(value, 1, where));
    } else if (key == "time_format" && !pinned) {
      out.time_format = value.as<std::string>();
    } else if (key == "signature_file") {
      MQ_ASSIGN_OR_RETURN(out.signature_file, PathOf(value, where));
    } else if (key == "finding") {
      MQ_ASSIGN_OR_RETURN(out.finding, PatternOf(value, 2, where));
    } else if (key == "removes") {
      out.removes = value.as<bool>();
    } else {
      return Bad(absl::StrCat(of, ": unknown key '", key, "'"));
    }
  }
  if (out.name.empty() || !std::all_of(out.name.begin(), out.name.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_';
      }))
    return Bad(absl::StrCat(of, ": name is letters, digits, - and _"));
  if (out.name == "clamav" || out.name == "defender" || out.name == "security-center")
    return Bad(absl::StrCat(of, ": name: ", out.name, " is what the agent itself calls one"));
  if (out.product.empty()) out.product = out.name;
  if (out.signature_time.has_value() && out.time_format.empty())
    return Bad(absl::StrCat(of, ": signature_time wants time_format, as '%Y-%m-%d'"));
  const bool hexadecimal = out.sha256.size() == kSha256Digits &&
                           std::all_of(out.sha256.begin(), out.sha256.end(),
                                       [](unsigned char c) { return absl::ascii_isxdigit(c); });
  if (pinned && (out.program.empty() || !hexadecimal))
    return Bad("second_opinion wants path and sha256, of 64 hexadecimal digits");
  return out;
}

absl::Status ReadClamAv(const YAML::Node& value, AntivirusConfig& config) {
  if (!value.IsMap()) {
    config.clamav = value.as<bool>();
    return absl::OkStatus();
  }
  for (const auto& item : value) {
    const auto key = item.first.as<std::string>();
    const std::string where = absl::StrCat("clamav: ", key);
    if (key == "clamd_config") {
      MQ_ASSIGN_OR_RETURN(config.clamd_config, PathOf(item.second, where));
    } else if (key == "freshclam") {
      MQ_ASSIGN_OR_RETURN(config.freshclam, PathOf(item.second, where));
    } else if (key == "freshclam_config") {
      MQ_ASSIGN_OR_RETURN(config.freshclam_config, PathOf(item.second, where));
    } else if (key == "quick_places") {
      for (const auto& place : item.second) {
        MQ_ASSIGN_OR_RETURN(config.quick_places.emplace_back(), PathOf(place, where));
      }
    } else {
      return Bad(absl::StrCat("clamav: unknown key '", key, "'"));
    }
  }
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<bool> ReadAntivirusKey(const std::string& key,
                                      const YAML::Node& value,
                                      AntivirusConfig& config) {
  if (key == "clamav") {
    MQ_RETURN_IF_ERROR(ReadClamAv(value, config));
  } else if (key == "defender") {
    config.defender = value.as<bool>();
  } else if (key == "antivirus_adapters") {
    if (!value.IsSequence()) return Bad("antivirus_adapters is a list");
    for (const auto& one : value) {
      MQ_ASSIGN_OR_RETURN(AdapterConfig adapter, AdapterOf(one, false));
      for (const AdapterConfig& other : config.adapters) {
        if (other.name == adapter.name)
          return Bad(absl::StrCat("antivirus_adapters: two are named ", adapter.name));
      }
      config.adapters.push_back(std::move(adapter));
    }
  } else if (key == "second_opinion") {
    MQ_ASSIGN_OR_RETURN(config.second_opinion, AdapterOf(value, true));
  } else if (key == "scan_roots") {
    for (const auto& root : value) {
      const auto text = root.as<std::string>();
      if (text != "/" && !IsPlainPath(text))
        return Bad(absl::StrCat("scan_roots: '", text, "' is no absolute path without . and .."));
      config.scan_roots.insert(text);
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace mailquench::agent
