#include "common/blacklist/entry.h"

#include <algorithm>
#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/operation/duration.h"
#include "common/os/socket.h"
#include "common/status/error.h"
#include "common/yaml/strict.h"

namespace mailquench::blacklist {
namespace {

const yaml::Kind kCatalogue = {"BAD_CATALOGUE", "the file was not taken"};
constexpr std::uint32_t kLoopback = 127u << 24;

absl::StatusOr<std::uint32_t> ParseAddress(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1)
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no IPv4 address"));
  return ntohl(address.s_addr);
}

bool IsZone(const std::string& zone) {
  if (zone.empty() || zone.size() > 200 || zone.front() == '.' || zone.back() == '.') return false;
  return std::all_of(zone.begin(), zone.end(),
                     [](unsigned char c) {
                       return absl::ascii_isdigit(c) || absl::ascii_islower(c) || c == '-' ||
                              c == '.' || c == '_';
                     }) &&
         zone.find('.') != std::string::npos && zone.find("..") == std::string::npos;
}

// Reads the fields of one map; the first fault is kept, and what follows is skipped.
class Reader {
 public:
  Reader(const YAML::Node& map, std::string file) : map_(map), file_(std::move(file)) {}

  absl::Status status() const { return status_; }
  void Fault(const YAML::Node& at, const std::string& what) {
    if (status_.ok()) status_ = BadEntry(file_, at.Mark(), what);
  }
  void Need(const char* key) {
    if (status_.ok() && !map_[key]) Fault(map_, absl::StrCat("'", key, "' is missing"));
  }
  void Text(const char* key, std::string& out) {
    With(key, [&](const YAML::Node& node) {
      if (!node.IsScalar()) return Fault(node, absl::StrCat("'", key, "' is a text"));
      if (node.Scalar().size() > 500) return Fault(node, absl::StrCat("'", key, "' is too long"));
      out = node.Scalar();
    });
  }
  void Flag(const char* key, bool& out) {
    With(key, [&](const YAML::Node& node) {
      if (!YAML::convert<bool>::decode(node, out))
        Fault(node, absl::StrCat("'", key, "' is true or false"));
    });
  }
  void Number(const char* key, double& out) {
    With(key, [&](const YAML::Node& node) {
      if (!node.IsScalar() || !absl::SimpleAtod(node.Scalar(), &out) || !(out > 0 && out < 1e9))
        Fault(node, absl::StrCat("'", key, "' is a number above 0"));
    });
  }
  void Texts(const char* key, std::vector<std::string>& out) {
    With(key, [&](const YAML::Node& node) {
      if (!node.IsSequence()) return Fault(node, absl::StrCat("'", key, "' is a list"));
      for (const YAML::Node& one : node) {
        if (!one.IsScalar()) return Fault(one, absl::StrCat("'", key, "' is a list of texts"));
        out.push_back(one.Scalar());
      }
    });
  }
  void Length(const char* key, absl::Duration& out) {
    With(key, [&](const YAML::Node& node) {
      const auto length =
          node.IsScalar() ? ParseDuration(node.Scalar()) : absl::InvalidArgumentError("no length");
      if (!length.ok() || *length <= absl::ZeroDuration())
        return Fault(node, absl::StrCat("'", key, "' is a length of time such as 72h"));
      out = *length;
    });
  }
  template <class Enum>
  void Choice(const char* key,
              const std::vector<std::pair<std::string, Enum>>& choices,
              Enum& out) {
    With(key, [&](const YAML::Node& node) {
      std::vector<std::string> names;
      for (const auto& [name, value] : choices) {
        names.push_back(name);
        if (!node.IsScalar() || node.Scalar() != name) continue;
        out = value;
        return;
      }
      Fault(node, absl::StrCat("'", key, "' is one of ", absl::StrJoin(names, ", ")));
    });
  }
  void Map(const char* key,
           const std::set<std::string>& keys,
           const std::function<void(Reader&)>& read) {
    With(key, [&](const YAML::Node& node) {
      status_ = CheckKeys(node, file_, keys);
      if (!status_.ok()) return;
      Reader inner(node, file_);
      read(inner);
      status_ = inner.status();
    });
  }
  // Each pair of a map of maps: its key and the fields below it.
  void Pairs(const char* key,
             const std::set<std::string>& keys,
             const std::function<void(const YAML::Node&, Reader&)>& read) {
    With(key, [&](const YAML::Node& node) {
      if (!node.IsMap()) return Fault(node, absl::StrCat("'", key, "' is a map"));
      for (const auto& pair : node) {
        if (!pair.first.IsScalar()) return Fault(pair.first, "a text is wanted here");
        status_ = CheckKeys(pair.second, file_, keys);
        if (!status_.ok()) return;
        Reader inner(pair.second, file_);
        read(pair.first, inner);
        if (status_.ok()) status_ = inner.status();
        if (!status_.ok()) return;
      }
    });
  }
  Range Addresses(const YAML::Node& key) {
    const auto range = ParseRange(key.Scalar());
    if (!range.ok()) Fault(key, std::string(range.status().message()));
    return range.value_or(Range());
  }

 private:
  void With(const char* key, const std::function<void(const YAML::Node&)>& read) {
    if (!status_.ok()) return;
    const YAML::Node node = map_[key];
    if (node) read(node);
  }

  const YAML::Node map_;
  const std::string file_;
  absl::Status status_;
};

const std::vector<std::pair<std::string, Why>> kWhys = {{"resolver", Why::kResolver},
                                                        {"quota", Why::kQuota},
                                                        {"query", Why::kQuery},
                                                        {"refused", Why::kRefused}};

void ReadAnswers(Reader& reader, List& list) {
  reader.Pairs("codes", {"is", "component", "good"}, [&](const YAML::Node& key, Reader& fields) {
    Code code;
    code.range = fields.Addresses(key);
    fields.Need("is");
    fields.Text("is", code.is);
    code.component = list.component;
    fields.Text("component", code.component);
    fields.Flag("good", code.good);
    if (!list.codes.empty() && code.range.first <= list.codes.back().range.last)
      fields.Fault(key, "codes are in ascending order and do not overlap");
    list.codes.push_back(std::move(code));
  });
  reader.Pairs("errors", {"why", "is"}, [&](const YAML::Node& key, Reader& fields) {
    NoListing error;
    error.range = fields.Addresses(key);
    fields.Need("why");
    fields.Choice("why", kWhys, error.why);
    fields.Text("is", error.is);
    for (const Code& code : list.codes) {
      if (!list.bits && code.range.first <= error.range.last &&
          error.range.first <= code.range.last)
        fields.Fault(key, "this is one of the codes already");
    }
    list.errors.push_back(std::move(error));
  });
  reader.Pairs("failures", {"why", "is"}, [&](const YAML::Node& key, Reader& fields) {
    if (key.Scalar() != "SERVFAIL" && key.Scalar() != "REFUSED" && key.Scalar() != "FORMERR")
      fields.Fault(key, "a failure is SERVFAIL, REFUSED or FORMERR");
    Failure& failure = list.failures[key.Scalar()];
    fields.Choice("why", kWhys, failure.why);
    fields.Text("is", failure.is);
  });
}

absl::StatusOr<List> ReadEntry(const YAML::Node& node, const std::string& file) {
  MQ_RETURN_IF_ERROR(CheckKeys(
      node, file,
      {"zone",  "operator", "covers",     "purpose", "tier",   "summary", "component",  "codes",
       "bits",  "errors",   "failures",   "test",    "lookup", "delist",  "quota",      "key",
       "alert", "status",   "only_codes", "enabled", "since",  "why",     "confidence", "source"}));
  Reader reader(node, file);
  List list;
  for (const char* key : {"zone", "operator", "covers"}) reader.Need(key);
  reader.Text("zone", list.zone);
  if (reader.status().ok() && !IsZone(list.zone))
    reader.Fault(node["zone"], "'zone' is a name in lower case, with a dot in it");
  reader.Text("operator", list.operator_name);
  std::vector<std::string> covers;
  reader.Texts("covers", covers);
  for (const std::string& one : covers) {
    bool* covered = one == "ip4"      ? &list.ip4
                    : one == "ip6"    ? &list.ip6
                    : one == "domain" ? &list.domain
                                      : nullptr;
    if (covered == nullptr) reader.Fault(node["covers"], "'covers' has ip4, ip6 and domain");
    if (covered != nullptr) *covered = true;
  }
  if (covers.empty()) reader.Fault(node, "'covers' is empty");
  reader.Choice<Purpose>(
      "purpose", {{"block", Purpose::kBlock}, {"allow", Purpose::kAllow}, {"info", Purpose::kInfo}},
      list.purpose);
  double number = 3;
  reader.Number("tier", number);
  list.tier = static_cast<int>(number);
  reader.Text("summary", list.summary);
  list.component = list.zone;
  reader.Text("component", list.component);
  reader.Flag("bits", list.bits);
  reader.Flag("only_codes", list.only_codes);
  ReadAnswers(reader, list);
  reader.Map("test", {"listed", "clean"}, [&](Reader& fields) {
    fields.Texts("listed", list.test.listed);
    fields.Texts("clean", list.test.clean);
    list.test.no_clean = node["test"]["clean"].IsDefined() && list.test.clean.empty();
  });
  reader.Text("lookup", list.lookup);
  reader.Map("delist", {"link", "how", "clears_after", "note"}, [&](Reader& fields) {
    fields.Text("link", list.delist.link);
    fields.Text("how", list.delist.how);
    fields.Length("clears_after", list.delist.clears_after);
    fields.Text("note", list.delist.note);
  });
  reader.Map("quota", {"per_second", "per_day"}, [&](Reader& fields) {
    fields.Number("per_second", list.per_second);
    double per_day = 0;
    fields.Number("per_day", per_day);
    list.per_day = static_cast<std::int64_t>(per_day);
  });
  reader.Choice<bool>("key", {{"prefix", true}, {"none", false}}, list.key_first);
  reader.Flag("alert", list.alert);
  reader.Choice<State>(
      "status", {{"live", State::kLive}, {"dead", State::kDead}, {"wildcard", State::kWildcard}},
      list.state);
  list.enabled = list.state == State::kLive;
  reader.Flag("enabled", list.enabled);
  if (reader.status().ok() && list.enabled && list.state != State::kLive)
    reader.Fault(node["enabled"], "a list that is not live cannot be enabled");
  reader.Text("since", list.since);
  reader.Text("why", list.why);
  reader.Choice<char>("confidence", {{"A", 'A'}, {"B", 'B'}, {"C", 'C'}}, list.confidence);
  reader.Texts("source", list.sources);
  MQ_RETURN_IF_ERROR(reader.status());
  return list;
}

}  // namespace

absl::Status BadEntry(const std::string& file, YAML::Mark at, const std::string& what) {
  return yaml::Fault(kCatalogue, file, at, what);
}

absl::Status CheckKeys(const YAML::Node& map,
                       const std::string& file,
                       const std::set<std::string>& keys) {
  return yaml::OnlyKeys(kCatalogue, map, file, keys);
}

absl::StatusOr<std::vector<List>> ReadEntries(const YAML::Node& lists, const std::string& file) {
  if (!lists || !lists.IsSequence())
    return BadEntry(file, lists ? lists.Mark() : YAML::Mark(), "'lists' is a list of entries");
  if (lists.size() > 5000) return BadEntry(file, lists.Mark(), "more than 5000 entries");
  std::vector<List> out;
  for (const YAML::Node& node : lists) {
    MQ_ASSIGN_OR_RETURN(List list, ReadEntry(node, file));
    out.push_back(std::move(list));
  }
  return out;
}

absl::StatusOr<Range> ParseRange(const std::string& text) {
  const std::size_t dash = text.find('-');
  Range range;
  MQ_ASSIGN_OR_RETURN(range.first, ParseAddress(text.substr(0, dash)));
  range.last = range.first;
  if (dash != std::string::npos) {
    MQ_ASSIGN_OR_RETURN(range.last, ParseAddress(text.substr(dash + 1)));
  }
  if ((range.first >> 24) != (kLoopback >> 24) || (range.last >> 24) != (kLoopback >> 24) ||
      range.last < range.first)
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no address or ascending range in 127.0.0.0/8"));
  return range;
}

}  // namespace mailquench::blacklist
