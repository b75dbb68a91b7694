// The contract suite's host on a real Postfix of its own.
#include <fstream>
#include <sstream>

#include "agent/mail/postfix/postfix_mail_system.h"
#include "tests/contract/mail_host.h"
#include "tests/unit/postfix/private_postfix.h"

namespace mailquench::contract {
namespace {
using agent::postfix::FindOptions;
using agent::postfix::PostfixMailSystem;
using agent::postfix::PrivatePostfix;

class PostfixHost final : public MailHost {
 public:
  // Trusts strangers, and keeps what is to be delivered.
  PostfixHost()
      : postfix_({"mynetworks = 0.0.0.0/0", "defer_transports = smtp, local"}),
        system_(Only(postfix_), "") {}

  agent::MailSystem& mail() override { return system_; }
  std::string instance() const override { return "-"; }
  std::string target() const override { return postfix_.target(); }
  bool ReleasesStopped() const override { return false; }
  std::string SettingsBytes() override {
    std::ostringstream out;
    for (const char* name : {"/main.cf", "/master.cf"})
      out << std::ifstream(postfix_.config() + name).rdbuf() << '\f';
    return out.str();
  }
  void Meddle() override { postfix_.Set("mynetworks = 198.51.100.0/24"); }
  std::string Log() override { return postfix_.Log(); }

 private:
  static FindOptions Only(const PrivatePostfix& postfix) {
    FindOptions options;
    options.config_directories = {postfix.config()};
    return options;
  }
  PrivatePostfix postfix_;
  PostfixMailSystem system_;
};

}  // namespace

std::unique_ptr<MailHost> MakeMailHost(std::string* why) {
  if (PrivatePostfix::Possible()) return std::make_unique<PostfixHost>();
  *why = "needs root and Postfix";
  return nullptr;
}

}  // namespace mailquench::contract
