// Asks what tests/bench/blacklist.py has put into 60 zones, and checks each answer.
//   blacklist_bench [--cares] PORT ADDRESSES                 A of ADDRESSES x 60 names
//   blacklist_bench --lose SHARE PORT ADDRESSES              through a proxy that loses so much
//   each way blacklist_bench --memory PORT ADDRESSES MORE_ADDRESSES   twice in one process
// Prints a line of JSON a run: questions, seconds, right, wrong, lost, resent, forged, late,
// rss_kb.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/resolver.h"
#include "tests/bench/blacklist_cares.h"
#include "tests/fakes/udp_proxy.h"

namespace {
using namespace mailquench;             // NOLINT(google-build-using-namespace)
using namespace mailquench::blacklist;  // NOLINT(google-build-using-namespace)

constexpr int kZones = 60;

// The address number `i` is 10.x.y.z; every zone lists those with an even number.
std::string NameOf(int question) {
  const int i = question / kZones;
  return absl::StrCat(i & 255, ".", (i >> 8) & 255, ".", i >> 16, ".10.l", question % kZones,
                      ".test");
}
bool IsListed(int question) {
  return question / kZones % 2 == 0;
}

struct Tally {
  int right = 0, wrong = 0, lost = 0;
  void Count(int question, const Answer& answer) {
    const bool listed = answer.rcode == Rcode::kNoError && answer.addresses.size() == 1 &&
                        answer.addresses[0] == 0x7f000002;
    const bool clean = answer.rcode == Rcode::kNxDomain;
    if (answer.rcode == Rcode::kTimeout)
      ++lost;
    else
      ++((IsListed(question) ? listed : clean) ? right : wrong);
  }
};

long ResidentKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::atol(line.c_str() + 6);
  }
  return 0;
}

void Print(int questions, absl::Duration took, const Tally& tally, const ResolverStats& stats) {
  std::printf(
      "{\"questions\": %d, \"seconds\": %.6f, \"right\": %d, \"wrong\": %d, \"lost\": %d, "
      "\"resent\": %ld, \"forged\": %ld, \"late\": %ld, \"rss_kb\": %ld}\n",
      questions, absl::ToDoubleSeconds(took), tally.right, tally.wrong, tally.lost,
      static_cast<long>(stats.resent), static_cast<long>(stats.forged),
      static_cast<long>(stats.late), ResidentKb());
}

void Ours(Resolver& resolver, int questions) {
  Tally tally;
  int asked = 0;
  const absl::Time begin = absl::Now();
  resolver.Run(absl::InfiniteFuture(), [&] {
    if (asked == questions) return absl::InfiniteFuture();
    const int question = asked++;
    resolver.Ask(NameOf(question), RecordType::kA,
                 [&tally, question](const Reply& reply) { tally.Count(question, reply.answer); });
    return absl::InfinitePast();
  });
  Print(questions, absl::Now() - begin, tally, resolver.stats());
}

void Cares(int port, int questions) {
  Tally tally;
  const absl::Time begin = absl::Now();
  bench::AskWithCares(port, questions, NameOf, [&tally](int question, const Answer& answer) {
    tally.Count(question, answer);
  });
  Print(questions, absl::Now() - begin, tally, ResolverStats());
}

}  // namespace

int main(int argc, char** argv) {
  int at = 1;
  bool cares = false;
  double lose = -1;
  for (; at < argc && argv[at][0] == '-'; ++at) {
    if (std::strcmp(argv[at], "--cares") == 0)
      cares = true;
    else if (std::strcmp(argv[at], "--lose") == 0 && at + 1 < argc)
      lose = std::atof(argv[++at]);
    else
      at = argc;
  }
  if (argc < at + 2) {
    std::fprintf(stderr, "usage: see the head of tests/bench/blacklist_bench.cc\n");
    return 1;
  }
  int port = std::atoi(argv[at]);
  std::unique_ptr<test::UdpProxy> proxy;
  if (lose >= 0) {
    test::UdpProxyOptions options;
    options.server = port;
    options.lose_questions = options.lose_answers = lose;
    options.seed = static_cast<std::uint32_t>(::getpid());
    proxy = std::make_unique<test::UdpProxy>(options);
    port = proxy->port();
  }
  if (cares) {
    for (++at; at < argc; ++at) Cares(port, std::atoi(argv[at]) * kZones);
    return 0;
  }
  ResolverOptions options;
  options.servers = {absl::StrCat("127.0.0.1:", port)};
  const auto resolver = Resolver::Make(options);
  if (!resolver.ok()) {
    std::fprintf(stderr, "%s\n", resolver.status().ToString().c_str());
    return 1;
  }
  for (++at; at < argc; ++at) Ours(**resolver, std::atoi(argv[at]) * kZones);
  return 0;
}
