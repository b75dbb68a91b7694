// Edits main.cf without touching a byte that it was not asked to.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_MAIN_CF_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_MAIN_CF_H_

#include <optional>
#include <string>
#include <vector>

#include "agent/mail/postfix/logical_file.h"

namespace mailquench::agent::postfix {

// Where a parameter is defined more than once the last definition counts, as in Postfix. Setting
// and then putting the raw bytes back gives the same text again. Not thread-safe.
class MainCf {
 public:
  explicit MainCf(const std::string& text);

  // Raw bytes of the entry that counts, comments inside it and its newline included.
  std::optional<std::string> Get(const std::string& name) const { return file_.Get(name); }
  // Its value: continuation lines joined, nothing expanded.
  std::optional<std::string> Value(const std::string& name) const;
  void Set(const std::string& name, const std::string& value);
  // No bytes: removes every definition.
  void SetRaw(const std::string& name, const std::optional<std::string>& raw);
  void Remove(const std::string& name) { file_.Remove(name); }
  std::vector<std::string> Names() const { return file_.Keys(); }
  std::size_t Count(const std::string& name) const { return file_.Count(name); }
  std::string Text() const { return file_.Text(); }

 private:
  LogicalFile file_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_MAIN_CF_H_
