// A real Postfix instance of a test's own: folders in a private place, a free port on loopback,
// unknown to postmulti.
#ifndef MAILQUENCH_TESTS_UNIT_POSTFIX_PRIVATE_POSTFIX_H_
#define MAILQUENCH_TESTS_UNIT_POSTFIX_PRIVATE_POSTFIX_H_

#include <string>
#include <vector>

#include "agent/mail/postfix/instance.h"

namespace mailquench::agent::postfix {

// A TCP port of 127.0.0.1 that nobody used a moment ago.
int FreePort();

// Sends one mail through SMTP. The last reply, or what went wrong.
std::string SendMail(const std::string& target,
                     const std::string& sender,
                     const std::string& recipient,
                     const std::string& subject);

class PrivatePostfix {
 public:
  // Writes the configuration; `settings` are main.cf lines after ours. Starts nothing.
  explicit PrivatePostfix(const std::vector<std::string>& settings = {});
  PrivatePostfix(const PrivatePostfix&) = delete;
  PrivatePostfix& operator=(const PrivatePostfix&) = delete;
  // Ends the instance, kills what is left of it, and removes its folders.
  ~PrivatePostfix();

  // False where this machine cannot run one (not root, or no Postfix).
  static bool Possible();

  const std::string& root() const { return root_; }
  std::string config() const { return root_ + "/etc"; }
  std::string queue() const { return root_ + "/queue"; }
  std::string target() const;
  int port() const { return port_; }
  Instance instance() const;
  // One more service line of master.cf.
  void AddService(const std::string& line);
  // Sets a main.cf parameter with postconf -e.
  void Set(const std::string& assignment);
  std::string Log() const;
  // Files below the named queue directory.
  int Files(const std::string& queue_name) const;

 private:
  std::string root_;
  int port_ = 0;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_TESTS_UNIT_POSTFIX_PRIVATE_POSTFIX_H_
