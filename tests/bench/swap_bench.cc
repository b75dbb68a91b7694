// Times the whole-queue swap on a folder that looks like a Postfix queue.
//   swap_bench DIRECTORY FILES ROUNDS   prints {"swap_ms": [...], "call_ms": [...]} on one line
// swap_ms: first rename to last fsync. call_ms: the whole quarantine call with its preparation,
// manifests and all fsyncs. The caller makes DIRECTORY/deferred/X/... (tests/bench/swap.py does).
// Each round swaps the queue aside and puts it back.
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/queue_ops.h"

namespace {
using namespace mailquench;         // NOLINT(google-build-using-namespace)
using namespace mailquench::agent;  // NOLINT(google-build-using-namespace)
}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: swap_bench DIRECTORY FILES ROUNDS\n");
    return 1;
  }
  const std::string root = argv[1];
  const passwd* postfix = getpwnam("postfix");
  if (postfix == nullptr) return 1;
  agent::postfix::Instance instance;
  instance.name = "-";
  instance.config_directory = "/etc/postfix";
  instance.queue_directory = root;
  instance.mail_owner = postfix->pw_uid;
  instance.mail_group = postfix->pw_gid;
  instance.setgid_group = postfix->pw_gid;
  std::string swaps, calls;
  for (int round = 0; round < std::atoi(argv[3]); ++round) {
    CallContext context;
    context.command_id = absl::StrCat("bench-", round);
    absl::Duration took;
    const absl::Time begin = absl::Now();
    const auto swapped = agent::postfix::SwapQueue(instance, v1::QueueQuarantine(), context, &took);
    const absl::Duration whole = absl::Now() - begin;
    if (!swapped.ok()) {
      std::fprintf(stderr, "%s\n", swapped.status().ToString().c_str());
      return 1;
    }
    absl::StrAppend(&swaps, round == 0 ? "" : ",", absl::ToDoubleMilliseconds(took));
    absl::StrAppend(&calls, round == 0 ? "" : ",", absl::ToDoubleMilliseconds(whole));
    // Put the files back for the next round, by a plain rename of the one directory that has them.
    namespace fs = std::filesystem;
    for (const auto& entry : fs::recursive_directory_iterator(swapped->directory())) {
      if (!entry.is_directory() || entry.path().filename() != "deferred" ||
          fs::is_empty(entry.path()))
        continue;
      fs::remove_all(root + "/deferred");
      fs::rename(entry.path(), root + "/deferred");
      break;
    }
    fs::remove_all(swapped->directory());
  }
  const auto left = agent::postfix::CountQueue(instance);
  if (!left.ok() || *left != std::atoll(argv[2])) {
    std::fprintf(stderr, "the queue does not hold its files any more\n");
    return 1;
  }
  std::printf("{\"swap_ms\": [%s], \"call_ms\": [%s]}\n", swaps.c_str(), calls.c_str());
  return 0;
}
