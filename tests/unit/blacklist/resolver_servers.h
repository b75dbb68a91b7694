// Real rbldnsd and BIND on loopback, for the resolver's tests.
#ifndef MAILQUENCH_TESTS_UNIT_BLACKLIST_RESOLVER_SERVERS_H_
#define MAILQUENCH_TESTS_UNIT_BLACKLIST_RESOLVER_SERVERS_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/resolver.h"
#include "tests/e2e/processes.h"

namespace mailquench::blacklist {

inline std::string PrivateFolder() {
  char name[] = "/tmp/mq-resolver-XXXXXX";
  std::string dir = mkdtemp(name);
  std::filesystem::permissions(dir, std::filesystem::perms(0755));
  return dir;
}

inline std::unique_ptr<Resolver> MakeResolver(const ResolverOptions& options) {
  auto made = Resolver::Make(options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

inline Reply AskOne(const ResolverOptions& options, const std::string& name, RecordType type) {
  const auto resolver = MakeResolver(options);
  Reply got;
  resolver->Ask(name, type, [&](const Reply& reply) { got = reply; });
  resolver->Run();
  return got;
}

// The zone bl.test lists 127.0.0.2 and 192.0.2.0/25.
class Rbldnsd : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = PrivateFolder();
    std::ofstream(dir_ + "/list") << ":127.0.0.2:Listed: $\n127.0.0.2\n192.0.2.0/25\n";
    port_ = test::FreePort();
    Start();
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(dir_);
  }
  void Start() {
    pid_ = test::Spawn({"/usr/sbin/rbldnsd", "-n", "-u", "rbldns:rbldns", "-w", dir_, "-b",
                        absl::StrCat("127.0.0.1/", port_), "bl.test:ip4set:list"},
                       dir_ + "/log");
    ASSERT_TRUE(test::Eventually([&] {
      return !AskOne(Options(port_), "2.0.0.127.bl.test", RecordType::kA).answer.addresses.empty();
    }));
  }
  void Stop() {
    if (pid_ == 0) return;
    kill(pid_, SIGTERM);
    test::WaitFor(pid_);
    pid_ = 0;
  }
  static ResolverOptions Options(int port, std::vector<std::string> before = {}) {
    ResolverOptions options;
    options.servers = std::move(before);
    options.servers.push_back(absl::StrCat("127.0.0.1:", port));
    options.timeout = absl::Milliseconds(200);
    return options;
  }
  std::unique_ptr<Resolver> Make(std::vector<std::string> before = {}) {
    return MakeResolver(Options(port_, std::move(before)));
  }

  struct Tally {
    int listed = 0, clean = 0, wrong = 0, timeouts = 0;
    int right() const { return listed + clean; }
  };
  // Asks `count` questions, half of which are listed.
  static void AskMany(Resolver& resolver, int count, Tally& tally) {
    for (int i = 0; i < count; ++i) AskNumber(resolver, i, tally);
  }
  static void AskNumber(Resolver& resolver, int i, Tally& tally) {
    const int last = i % 256;
    resolver.Ask(absl::StrCat(last, ".2.0.192.bl.test"), RecordType::kA,
                 [&tally, last](const Reply& reply) {
                   const bool is = reply.answer.rcode == Rcode::kNoError &&
                                   reply.answer.addresses == std::vector<std::uint32_t>{0x7f000002};
                   if (is && last < 128)
                     ++tally.listed;
                   else if (reply.answer.rcode == Rcode::kNxDomain && last >= 128)
                     ++tally.clean;
                   else
                     ++(reply.answer.rcode == Rcode::kTimeout ? tally.timeouts : tally.wrong);
                 });
  }

  std::string dir_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_TESTS_UNIT_BLACKLIST_RESOLVER_SERVERS_H_
