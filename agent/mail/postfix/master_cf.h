// Edits master.cf without touching a byte that it was not asked to.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_MASTER_CF_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_MASTER_CF_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/mail/postfix/logical_file.h"

namespace mailquench::agent::postfix {

// Services are named "NAME/TYPE". Overrides are `-o n=v`, `-on=v` and `-o {n = v}`; the last of a
// name counts. Not thread-safe.
class MasterCf {
 public:
  struct Service {
    std::string key;      // "submission/inet"
    std::string name;     // "submission", "127.0.0.1:10025"
    std::string type;     // "inet", "unix", "pass"
    std::string command;  // "smtpd"
    std::map<std::string, std::string> overrides;
  };

  explicit MasterCf(const std::string& text);

  std::vector<Service> Services() const;
  std::optional<Service> Find(const std::string& key) const;
  std::optional<std::string> Get(const std::string& key) const { return file_.Get(key); }
  // No bytes: removes the entry.
  void SetRaw(const std::string& key, const std::optional<std::string>& raw);
  // Unknown services are left alone.
  void SetOverride(const std::string& key, const std::string& name, const std::string& value);
  void RemoveOverride(const std::string& key, const std::string& name);
  std::string Text() const { return file_.Text(); }

 private:
  LogicalFile file_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_MASTER_CF_H_
