// A private rbldnsd that serves lists on loopback; what it serves can be changed under way.
#ifndef MAILQUENCH_TESTS_UNIT_BLACKLIST_LIST_SERVER_H_
#define MAILQUENCH_TESTS_UNIT_BLACKLIST_LIST_SERVER_H_

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/resolver.h"
#include "tests/e2e/processes.h"

namespace mailquench::test {

struct ServedList {
  std::string type;  // ip4set, ip6trie, dnset, generic
  std::string text;
};

// What a well list for addresses has, beside `entries`.
inline ServedList WellList(const std::string& entries) {
  return {"ip4set",
          absl::StrCat("$SOA 300 ns.test hostmaster.test 7 600 300 86400 300\n$NS 300 ns.test\n",
                       ":127.0.0.2:Listed: $\n127.0.0.2\n", entries)};
}

// The end of an own list file: the built-in lists are off, since none of them is served here.
inline std::string BuiltInOff() {
  std::string text = "disable:\n";
  const auto built_in = blacklist::Catalogue::BuiltIn();
  EXPECT_TRUE(built_in.ok()) << built_in.status();
  for (const blacklist::List& list : built_in->lists()) {
    if (list.enabled) absl::StrAppend(&text, "  - ", list.zone, "\n");
  }
  return text;
}

class ListServer {
 public:
  explicit ListServer(const std::map<std::string, ServedList>& lists) {
    char name[] = "/tmp/mq-lists-XXXXXX";
    dir_ = mkdtemp(name);
    std::filesystem::permissions(dir_, std::filesystem::perms(0755));
    for (const auto& [zone, list] : lists) {
      arguments_.push_back(absl::StrCat(zone, ":", list.type, ":", zone));
      Write(zone, list.text);
    }
    port_ = FreePort();
    Start();
  }
  ~ListServer() {
    Stop();
    std::filesystem::remove_all(dir_);
  }
  ListServer(const ListServer&) = delete;
  ListServer& operator=(const ListServer&) = delete;

  std::string server() const { return absl::StrCat("127.0.0.1:", port_); }
  const std::string& dir() const { return dir_; }

  void Start() {
    std::vector<std::string> command = {"/usr/sbin/rbldnsd",
                                        "-n",
                                        "-u",
                                        "rbldns:rbldns",
                                        "-w",
                                        dir_,
                                        "-c",
                                        "0",
                                        "-b",
                                        absl::StrCat("127.0.0.1/", port_)};
    command.insert(command.end(), arguments_.begin(), arguments_.end());
    pid_ = Spawn(command, dir_ + "/log");
    ASSERT_TRUE(Eventually([&] { return Answers(); })) << "rbldnsd does not answer";
  }
  void Stop() {
    if (pid_ == 0) return;
    kill(pid_, SIGTERM);
    WaitFor(pid_);
    pid_ = 0;
  }
  // Serves another text from now on.
  void Change(const std::string& zone, const std::string& text) {
    Write(zone, text);
    Stop();
    Start();
  }

 private:
  void Write(const std::string& zone, const std::string& text) const {
    std::ofstream(dir_ + "/" + zone) << text << "\n";
  }
  bool Answers() const {
    blacklist::ResolverOptions options;
    options.servers = {server()};
    options.timeout = absl::Milliseconds(100);
    const auto resolver = blacklist::Resolver::Make(options);
    bool up = false;
    (*resolver)->Ask("nobody.invalid", blacklist::RecordType::kA,
                     [&](const blacklist::Reply& reply) {
                       up = reply.answer.rcode != blacklist::Rcode::kTimeout;
                     });
    (*resolver)->Run(absl::Now() + absl::Milliseconds(300));
    return up;
  }

  std::string dir_;
  std::vector<std::string> arguments_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_UNIT_BLACKLIST_LIST_SERVER_H_
