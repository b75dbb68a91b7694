// Times the whole-queue swap, and the memory of a survey, on a folder that looks like a Postfix
// queue.
//   swap_bench DIRECTORY FILES ROUNDS   prints {"swap_ms": [...], "rss_kb": N, "surveyed": N} on
//   one line
// The caller makes DIRECTORY/deferred/X/... (tests/bench/run does). Each round swaps the queue
// aside and puts it back.
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/queue_ops.h"

namespace {
using namespace mailquench;         // NOLINT(google-build-using-namespace)
using namespace mailquench::agent;  // NOLINT(google-build-using-namespace)

long ResidentKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::atol(line.c_str() + 6);
  }
  return -1;
}
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
  std::string times;
  for (int round = 0; round < std::atoi(argv[3]); ++round) {
    CallContext context;
    context.command_id = absl::StrCat("bench-", round);
    absl::Duration took;
    const auto swapped = agent::postfix::SwapQueue(instance, v1::QueueQuarantine(), context, &took);
    if (!swapped.ok()) {
      std::fprintf(stderr, "%s\n", swapped.status().ToString().c_str());
      return 1;
    }
    absl::StrAppend(&times, round == 0 ? "" : ",", absl::ToDoubleMilliseconds(took));
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
  CallContext context;
  const auto survey = agent::postfix::SurveyQueue(instance, context);
  if (!survey.ok()) {
    std::fprintf(stderr, "%s\n", survey.status().ToString().c_str());
    return 1;
  }
  std::printf("{\"swap_ms\": [%s], \"rss_kb\": %ld, \"surveyed\": %lld}\n", times.c_str(),
              ResidentKb(), static_cast<long long>(survey->messages()));
  return survey->messages() == std::atoll(argv[2]) ? 0 : 1;
}
