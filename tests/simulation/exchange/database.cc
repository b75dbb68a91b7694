#include "tests/simulation/exchange/database.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "common/status/error.h"
#include "tests/simulation/exchange/record_text.h"

namespace mailquench::simulation::exchange {
namespace fs = std::filesystem;
using Json = nlohmann::json;
namespace {

constexpr char kMail[] = "mail.que";
constexpr char kLog[] = "trn.log";

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The value of one <add key="NAME" value="..."/>; "" where there is none outside a comment.
std::string AppSetting(std::string text, const std::string& name) {
  for (std::size_t begin; (begin = text.find("<!--")) != std::string::npos;) {
    const std::size_t end = text.find("-->", begin);
    text.erase(begin, end == std::string::npos ? end : end + 3 - begin);
  }
  for (std::size_t at = 0; (at = text.find("<add", at)) != std::string::npos;) {
    const std::size_t end = text.find('>', at);
    const std::string tag = text.substr(at, end == std::string::npos ? end : end - at);
    at += 4;
    const auto attribute = [&](const std::string& key) -> std::string {
      for (const char quote : {'"', '\''}) {
        const std::size_t from = tag.find(absl::StrCat(" ", key, "=", std::string(1, quote)));
        if (from == std::string::npos) continue;
        const std::size_t value = from + key.size() + 3;
        return tag.substr(value, tag.find(quote, value) - value);
      }
      return "";
    };
    if (absl::EqualsIgnoreCase(attribute("key"), name))
      return absl::StrReplaceAll(
          attribute("value"),
          {{"&quot;", "\""}, {"&apos;", "'"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}});
  }
  return "";
}

void Fill(const std::string& path) {
  if (!Exists(path)) (void)agent::WriteFileAtomically(path, "");
}

// All that belongs to the database goes out of the way, into one folder.
absl::StatusOr<std::string> MoveAside(const DatabasePaths& paths) {
  const std::string aside =
      absl::StrCat(paths.database, "/Messaging.old-",
                   absl::FormatTime("%Y%m%d%H%M%S", absl::Now(), absl::LocalTimeZone()));
  MQ_RETURN_IF_ERROR(agent::MakeDirectories(aside, 0700));
  for (const std::string& folder : {paths.database, paths.log}) {
    for (const char* name :
         {kMail, "trn.chk", kLog, "trntmp.log", "trnres00001.jrs", "trnres00002.jrs", "temp.edb"}) {
      if (Exists(folder + "/" + name))
        MQ_RETURN_IF_ERROR(agent::MoveEntry(folder + "/" + name, aside + "/" + name));
    }
  }
  return aside;
}

// False: no database that can be used.
bool Load(const std::string& mail,
          const std::string& log,
          FileHead* head,
          QueueDatabase::Loaded* loaded) {
  std::map<std::int64_t, Item>* const items = &loaded->items;
  const auto put = [&](Item item) {
    loaded->last_key = std::max(loaded->last_key, item.key);
    loaded->last_number = std::max(loaded->last_number, item.number);
    (*items)[item.key] = std::move(item);
  };
  const std::optional<FileHead> found = ParseHead(kMail, mail);
  const std::optional<FileHead> log_head = ParseHead(kLog, log);
  if (!found.has_value()) return false;
  *head = *found;
  const bool logged =
      log_head.has_value() && log_head->id == head->id && log_head->generation == head->generation;
  if (!logged && !head->clean) return false;  // What it lacks is nowhere.
  const Records records = ParseRecords(mail);
  if (!records.whole) return false;
  for (const Json& one : records.good) {
    if (one.contains("last_key")) {
      loaded->last_key = one.value("last_key", std::int64_t{0});
      loaded->last_number = one.value("last_number", std::int64_t{0});
      continue;
    }
    std::optional<Item> item = FromJson(one);
    if (!item.has_value()) return false;
    put(*std::move(item));
  }
  if (!logged) return true;
  for (const Json& one : ParseRecords(log).good) {  // A torn end was never answered for.
    const std::string what = one.value("do", "");
    if (what == "add" || what == "split") {
      std::shared_ptr<const std::string> content;
      if (what == "split") {
        const auto from = items->find(one.value("from", std::int64_t{0}));
        if (from == items->end()) return false;
        content = from->second.content;
        items->erase(from);
      }
      for (const Json& each : one.at("items")) {
        std::optional<Item> item = FromJson(each);
        if (!item.has_value()) return false;
        if (content != nullptr) item->content = content;
        put(*std::move(item));
      }
    } else if (what == "change") {
      std::optional<Item> item = FromJson(one.at("item"));
      if (!item.has_value() || items->count(item->key) == 0) return false;
      item->content = (*items)[item->key].content;
      put(*std::move(item));
    } else if (what == "remove") {
      items->erase(one.value("key", std::int64_t{0}));
    } else {
      return false;
    }
  }
  return true;
}

Json WithoutContent(Item item) {
  item.content = std::make_shared<std::string>();
  return ToJson(item);
}

}  // namespace

DatabasePaths ReadDatabasePaths(const std::string& server_folder) {
  const std::string text =
      agent::ReadFile(server_folder + "/Bin/EdgeTransport.exe.config").value_or("");
  const auto path = [&](const char* key) {
    std::string value = AppSetting(text, key);
    if (value.empty()) return server_folder + "/TransportRoles/data/Queue";
    value = absl::StrReplaceAll(value, {{"%ExchangeInstallPath%", server_folder + "/"}});
    while (value.size() > 1 && (value.back() == '/' || value.back() == '\\')) value.pop_back();
    return value;
  };
  return {path("QueueDatabasePath"), path("QueueDatabaseLoggingPath")};
}

absl::StatusOr<QueueDatabase::Loaded> QueueDatabase::Open(const DatabasePaths& paths) {
  MQ_RETURN_IF_ERROR(agent::MakeDirectories(paths.database, 0700));
  MQ_RETURN_IF_ERROR(agent::MakeDirectories(paths.log, 0700));
  const std::string mail_path = paths.database + "/" + kMail;
  const std::string log_path = paths.log + "/" + kLog;
  Loaded loaded;
  FileHead head;
  bool usable = false;
  const bool had_mail = Exists(mail_path), had_log = Exists(log_path);
  std::unique_ptr<HeldFile> mail, log;
  const auto open = [&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(mail, HeldFile::Open(mail_path));
    MQ_ASSIGN_OR_RETURN(log, HeldFile::Open(log_path));
    return absl::OkStatus();
  };
  MQ_RETURN_IF_ERROR(open());
  std::string log_text;
  if (had_mail) {
    MQ_ASSIGN_OR_RETURN(const std::string mail_text, mail->ReadAll());
    MQ_ASSIGN_OR_RETURN(log_text, log->ReadAll());
    usable = Load(mail_text, log_text, &head, &loaded);
  }
  if (!usable) {
    loaded = Loaded();
    if (had_mail || had_log) {
      mail.reset();  // Windows moves nothing that is open.
      log.reset();
      if (!had_mail) (void)agent::RemoveFile(mail_path);
      if (!had_log) (void)agent::RemoveFile(log_path);
      MQ_ASSIGN_OR_RETURN(const std::string aside, MoveAside(paths));
      loaded.event = absl::StrCat("the queue database could not be used; it was moved to ", aside);
      MQ_RETURN_IF_ERROR(open());
    }
    head = {NewGuid(), 1, false};
    log_text.clear();
  }
  const bool log_fits = usable && ParseHead(kLog, log_text).has_value() &&
                        ParseHead(kLog, log_text)->generation == head.generation &&
                        ParseHead(kLog, log_text)->id == head.id;
  if (!log_fits || !ParseRecords(log_text).whole) {
    // A new log; of one with a torn end, its good part.
    std::string text = HeadText(kLog, {head.id, head.generation, false});
    if (log_fits) {
      for (const Json& one : ParseRecords(log_text).good) text += RecordText(one);
    }
    MQ_RETURN_IF_ERROR(log->Truncate());
    MQ_RETURN_IF_ERROR(log->Append(text, true));
  }
  head.clean = false;
  MQ_RETURN_IF_ERROR(mail->Overwrite(0, HeadText(kMail, head)));
  for (const char* name : {"trntmp.log", "trnres00001.jrs", "trnres00002.jrs", "temp.edb"})
    Fill(paths.log + "/" + name);
  Fill(paths.database + "/trn.chk");
  loaded.database.reset(new QueueDatabase(paths, head.id, head.generation));
  MQ_ASSIGN_OR_RETURN(loaded.database->identity_, agent::IdentityOf(mail_path));
  loaded.database->mail_ = std::move(mail);
  loaded.database->log_ = std::move(log);
  return loaded;
}

bool QueueDatabase::InPlace() const {
  const auto now = agent::IdentityOf(paths_.database + "/" + kMail);
  return now.ok() && *now == identity_;
}

absl::Status QueueDatabase::Log(const Json& record, bool durable) {
  return log_->Append(RecordText(record), durable);
}

absl::Status QueueDatabase::Add(const Item& item) {
  return Log({{"do", "add"}, {"items", Json::array({ToJson(item)})}}, true);
}

absl::Status QueueDatabase::Split(std::int64_t from, const std::vector<Item>& into) {
  Json items = Json::array();
  for (const Item& one : into) items.push_back(WithoutContent(one));
  return Log({{"do", "split"}, {"from", from}, {"items", items}}, true);
}

absl::Status QueueDatabase::Change(const Item& item) {
  return Log({{"do", "change"}, {"item", WithoutContent(item)}}, true);
}

absl::Status QueueDatabase::Remove(std::int64_t key) {
  return Log({{"do", "remove"}, {"key", key}}, false);
}

absl::Status QueueDatabase::Close(const std::map<std::int64_t, Item>& items,
                                  std::int64_t last_key,
                                  std::int64_t last_number) {
  if (!InPlace())
    return absl::DataLossError(paths_.database + "/mail.que was moved away while it was open");
  ++generation_;
  std::string text = HeadText(kMail, {id_, generation_, true});
  text += RecordText({{"last_key", last_key}, {"last_number", last_number}});
  for (const auto& entry : items) text += RecordText(ToJson(entry.second));
  mail_.reset();
  MQ_RETURN_IF_ERROR(agent::WriteFileAtomically(paths_.database + "/" + kMail, text, 0600));
  MQ_RETURN_IF_ERROR(agent::WriteFileAtomically(paths_.database + "/trn.chk",
                                                absl::StrCat(id_, " ", generation_, "\n"), 0600));
  MQ_RETURN_IF_ERROR(log_->Truncate());
  MQ_RETURN_IF_ERROR(log_->Append(HeadText(kLog, {id_, generation_, false}), true));
  log_.reset();
  return absl::OkStatus();
}

}  // namespace mailquench::simulation::exchange
