// One change of settings being written.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_APPLICATION_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_APPLICATION_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/setting.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

class Application {
 public:
  // Both outlive it. `way_back`: of calls that put back, which have time of their own.
  Application(Directory& directory, std::function<Directory()> way_back)
      : directory_(directory), way_back_(std::move(way_back)) {}

  // See ExchangeSettings::Apply(). `verify` is asked once all is written.
  absl::Status Run(const SettingsChange& change, const std::function<absl::Status()>& verify);

 private:
  struct Entry {
    SettingKey key;
    RawSetting before;
    RawSetting after;
    std::string name;
  };
  using Object = std::vector<Entry>;
  enum class Now { kBefore, kAfter, kPartly, kOther };

  absl::Status Sort(const SettingsChange& change);
  static absl::StatusOr<Now> StateOf(Directory& directory,
                                     const Object& object,
                                     const Entry** other);
  static absl::StatusOr<Now> StateOfEntry(Directory& directory,
                                          const Object& object,
                                          const Entry& entry);
  absl::Status Look();
  absl::Status WriteAll();
  absl::Status Check(const std::function<absl::Status()>& verify);
  absl::Status PutBack();
  absl::Status RollBack(const absl::Status& cause);

  Directory& directory_;
  const std::function<Directory()> way_back_;
  std::vector<Object> objects_;
  std::set<const Object*> ours_;  // Written by this change, now or before a crash.
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_APPLICATION_H_
