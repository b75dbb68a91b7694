// A private copy of a Postfix configuration, with a queue folder of its own; nothing of the
// machine's is touched.
#ifndef MAILQUENCH_TESTS_UNIT_POSTFIX_SETTINGS_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_POSTFIX_SETTINGS_FIXTURE_H_

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/settings_ops.h"
#include "agent/os/process.h"
#include "common/status/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mailquench::agent::postfix {

inline std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
inline void Spill(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  // Postfix waits up to 2 s for a file that was changed just now.
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(5));
}

class SettingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-settings-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
    for (const char* folder : {"/etc", "/spool", "/data"})
      std::filesystem::create_directory(root_ + folder);
    Spill(Main(), "# a comment\ncompatibility_level = 3.6\nqueue_directory = " + root_ +
                      "/spool\ndata_directory = " + root_ +
                      "/data\nmyhostname = mail.lab.test\nmydestination = lab.test,\n# "
                      "inside\n\tlocalhost\nrelay_domains = "
                      "partner.test\ninet_interfaces = 127.0.0.1\ninet_protocols = "
                      "ipv4\nalias_maps =\nmaillog_file = " +
                      root_ + "/mail.log\nmaillog_file_prefixes = /var, /dev/stdout, " + root_ +
                      "\nmynetworks = 127.0.0.0/8\nsmtpd_sasl_auth_enable = yes\n# the end");
    Spill(Master(),
          "smtp      inet  n  -  n  -  -  smtpd\n"
          "submission inet n  -  n  -  -  smtpd\n"
          "  -o syslog_name=postfix/submission\n"
          "# comment within\n"
          "  -o smtpd_sasl_auth_enable=yes\n"
          "  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }\n"
          "127.0.0.1:10025 inet n - n - - smtpd\n"
          "  -o content_filter=\n"
          "  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n"
          "cleanup   unix  n  -  n  -  0  cleanup\n"
          "rewrite   unix  -  -  n  -  -  trivial-rewrite\n");
    instance_.name = "-";
    instance_.config_directory = root_ + "/etc";
    instance_.queue_directory = root_ + "/spool";
    instance_.daemon_directory = "/usr/lib/postfix/sbin";
    instance_.command_directory = "/usr/sbin";
    instance_.version = "3.7.11";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string Main() const { return root_ + "/etc/main.cf"; }
  std::string Master() const { return root_ + "/etc/master.cf"; }
  std::vector<Instance> All() const { return {instance_}; }
  std::string Effective(const std::string& name) const {
    const auto ended = RunProcess({"postconf", "-c", instance_.config_directory, "-x", "-h", name});
    return ended.ok() ? ended->out.substr(0, ended->out.find('\n')) : "postconf failed";
  }
  std::string EffectiveAt(const std::string& service, const std::string& name) const {
    const auto ended = RunProcess(
        {"postconf", "-c", instance_.config_directory, "-P", "-h", service + "/" + name});
    return ended.ok() ? ended->out.substr(0, ended->out.find('\n')) : "postconf failed";
  }
  // All files of the configuration folder, for comparing them whole.
  std::map<std::string, std::string> Everything() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(root_ + "/etc"))
      files[entry.path().filename()] = Slurp(entry.path());
    return files;
  }
  ServiceHooks Stopped() const {
    return {[](const Instance&) -> absl::StatusOr<bool> { return false; },
            [](const Instance&) { return absl::InternalError("reloaded although stopped"); },
            [](const Instance&) { return absl::InternalError("asked although stopped"); }};
  }
  absl::Status ApplyStopped(const SettingsChange& change) const {
    return Apply(change, All(), Stopped(), CallContext());
  }
  static v1::RelayLock Lock(v1::RelayMode mode, const std::vector<std::string>& clients = {}) {
    v1::RelayLock lock;
    lock.set_mode(mode);
    for (const std::string& client : clients) lock.add_clients(client);
    return lock;
  }
  static const v1::Setting* Find(const SettingsChange& change, const std::string& key) {
    for (const v1::Setting& setting : change.result.settings()) {
      if (setting.key() == key) return &setting;
    }
    return nullptr;
  }
  static std::vector<v1::Setting> Recorded(const std::vector<SettingsChange>& changes) {
    std::vector<v1::Setting> settings;
    for (const SettingsChange& change : changes)
      settings.insert(settings.end(), change.result.settings().begin(),
                      change.result.settings().end());
    return settings;
  }

  std::string root_;
  Instance instance_;
};

#define MQ_ASSERT_OK(expr)                         \
  do {                                             \
    const absl::Status mq_ok_ = (expr);            \
    ASSERT_TRUE(mq_ok_.ok()) << mq_ok_.ToString(); \
  } while (false)

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_TESTS_UNIT_POSTFIX_SETTINGS_FIXTURE_H_
