#include "agent/mail/postfix/service.h"

#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr absl::Duration kPoll = absl::Milliseconds(5);
constexpr absl::Duration kPassingLock = absl::Milliseconds(500);
constexpr int kStarts = 2;
constexpr absl::Duration kPatience = absl::Seconds(5);  // Until what is left is killed.
constexpr absl::Duration kReloadPatience = absl::Seconds(2);
constexpr absl::Duration kScriptTimeout = absl::Minutes(10);

std::string Text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

struct Process {
  char state = 'Z';
  pid_t group = 0;
  std::string name;
};

// From /proc. Nothing where the process has ended.
std::optional<Process> ReadProcess(pid_t pid) {
  const std::string stat = Text(absl::StrCat("/proc/", pid, "/stat"));
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  Process process;
  process.name = stat.substr(open + 1, close - open - 1);
  std::istringstream rest(stat.substr(close + 1));
  int parent = 0;
  rest >> process.state >> parent >> process.group;
  return process;
}

// Whether a process of the group still works. One that has ended but was not waited for does not
// count.
bool GroupLives(pid_t group) {
  if (kill(-group, 0) != 0 && errno == ESRCH) return false;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return true;
  bool lives = false;
  while (const dirent* entry = readdir(proc)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    const std::optional<Process> process = ReadProcess(pid);
    if (process.has_value() && process->group == group && process->state != 'Z') lives = true;
  }
  closedir(proc);
  return lives;
}

std::string PidFile(const Instance& instance) {
  return instance.queue_directory + "/pid/master.pid";
}

// The master that holds the lock, or 0 where none can be named for certain.
pid_t MasterPid(const Instance& instance) {
  int pid = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(Text(PidFile(instance))), &pid)) return 0;
  if (pid <= 1) return 0;
  const std::optional<Process> process = ReadProcess(pid);
  const bool master = process.has_value() && process->name == "master" && process->group == pid &&
                      process->state != 'Z';
  return master ? pid : 0;
}

absl::StatusOr<bool> IsLocked(const Instance& instance) {
  const std::string path = PidFile(instance);
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) return false;
    return SystemError(errno, absl::StrCat("open ", path));
  }
  // master uses flock(2) on Linux. A shared lock held for this moment keeps no second asker out,
  // and at worst makes a master that starts just now believe that another runs: `master -t` has the
  // same weakness.
  const bool taken = flock(fd, LOCK_SH | LOCK_NB) != 0;
  const int error = errno;
  close(fd);
  if (taken && error != EWOULDBLOCK) return SystemError(error, absl::StrCat("flock ", path));
  return taken;
}

bool HasSystemd() {
  return absl::StripAsciiWhitespace(Text("/proc/1/comm")) == "systemd";
}

std::string UnitProperty(const std::string& unit, const std::string& property) {
  const auto run = RunProcess({"systemctl", "show", "--value", "-p", property, unit});
  return run.ok() ? std::string(absl::StripAsciiWhitespace(run->out)) : "";
}

// The systemd unit of the instance, or "" where systemd does not know it. Debian's is a template;
// its postfix.service is an empty shell around that (oneshot), while others have the real one
// there.
std::string Unit(const Instance& instance) {
  if (!HasSystemd()) return "";
  std::string unit = absl::StrCat("postfix@", instance.name, ".service");
  if (UnitProperty(unit, "LoadState") == "loaded") return unit;
  const std::string plain = "postfix.service";
  const bool real = instance.name == "-" && UnitProperty(plain, "LoadState") == "loaded" &&
                    UnitProperty(plain, "Type") != "oneshot";
  return real ? plain : "";
}

// Runs `postfix COMMAND` on the one instance. Its output goes into memory that has no name, because
// the daemons that it starts would keep a pipe open for ever. Returns what it said where it failed.
absl::StatusOr<std::string> RunScript(const Instance& instance,
                                      const std::string& command,
                                      absl::Time deadline,
                                      int* exit_code) {
  const int fd = memfd_create("postfix", MFD_CLOEXEC);
  if (fd < 0) return SystemError(errno, "memfd_create");
  const absl::Cleanup closer = [fd] { close(fd); };
  const std::string path = absl::StrCat("/proc/", getpid(), "/fd/", fd);
  ProcessOptions options;
  options.capture = false;
  options.timeout = std::min(kScriptTimeout, deadline - absl::Now());
  MQ_ASSIGN_OR_RETURN(
      const ProcessResult run,
      RunProcess({"/bin/sh", "-c", "exec \"$1/postfix\" -c \"$2\" \"$3\" >\"$4\" 2>&1 </dev/null",
                  "sh", instance.command_directory, instance.config_directory, command, path},
                 options));
  const std::string said = Text(path);
  *exit_code = run.exit_code;
  const std::vector<std::string> lines = absl::StrSplit(said, '\n', absl::SkipWhitespace());
  const std::size_t first = lines.size() > 3 ? lines.size() - 3 : 0;
  return absl::StrJoin(lines.begin() + static_cast<std::ptrdiff_t>(first), lines.end(), " | ");
}

std::string Seconds(absl::Time since) {
  return absl::StrCat(absl::ToInt64Seconds(absl::Now() - since), " s");
}

// Calls `done` every few milliseconds until it is true or the deadline has passed; `waiting` every
// second.
bool WaitUntil(absl::Time deadline,
               const std::function<bool()>& done,
               const std::function<void()>& waiting) {
  absl::Time next = absl::Now() + absl::Seconds(1);
  while (!done()) {
    const absl::Time now = absl::Now();
    if (now >= deadline) return false;
    if (now >= next) {
      waiting();
      next += absl::Seconds(1);
    }
    absl::SleepFor(kPoll);
  }
  return true;
}

std::vector<std::string> Hosts(const std::string& interfaces, bool ipv6_only) {
  const std::string loopback = ipv6_only ? "[::1]" : "127.0.0.1";
  std::vector<std::string> hosts;
  for (auto word : absl::StrSplit(interfaces, absl::ByAnyChar(", \t"), absl::SkipEmpty())) {
    std::string host(word);
    if (host == "all" || host == "loopback-only" || host == "localhost") host = loopback;
    if (host.find(':') != std::string::npos && host.front() != '[')
      host = absl::StrCat("[", host, "]");
    hosts.push_back(host);
  }
  return hosts;
}

// A port by number or by its name in services(5); 0 where there is none.
int Port(const std::string& name) {
  int port = 0;
  if (absl::SimpleAtoi(name, &port)) return port > 0 && port < 65536 ? port : 0;
  servent entry{};
  servent* found = nullptr;
  char buffer[4096];
  getservbyname_r(name.c_str(), "tcp", &entry, buffer, sizeof buffer, &found);
  return found == nullptr ? 0 : ntohs(static_cast<std::uint16_t>(found->s_port));
}

// An instance that has been told to end.
struct Ending {
  Instance instance;
  pid_t master = 0;  // 0 where it could not be named.
  std::string unit;
  absl::Time begin;
  bool forced = false;
};

// Tells the instance to end, unless it does not run.
absl::Status Tell(const Instance& instance,
                  const CallContext& context,
                  std::vector<Ending>* endings) {
  MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
  if (!running) return absl::OkStatus();
  Ending ending{instance, MasterPid(instance), Unit(instance), absl::Now(), false};
  bool told = false;
  if (!ending.unit.empty() && UnitProperty(ending.unit, "ActiveState") == "active") {
    const auto run = RunProcess({"systemctl", "stop", "--no-block", ending.unit});
    told = run.ok() && run->exit_code == 0;
  }
  if (!told)
    ending.unit.clear();  // systemd does not know that it runs; so it does not end it either.
  if (!told && ending.master != 0) told = kill(ending.master, SIGTERM) == 0 || errno == ESRCH;
  if (!told) {
    int code = 0;
    const auto said = RunScript(instance, "stop", context.deadline, &code);
    if (!said.ok()) return Prepend(said.status(), "postfix stop");
  }
  endings->push_back(std::move(ending));
  return absl::OkStatus();
}

absl::Status Await(Ending& ending, const CallContext& context) {
  const std::string& name = ending.instance.name;
  absl::Status failure;
  const auto ended = [&] {
    const auto locked = IsRunning(ending.instance);
    if (!locked.ok()) {
      failure = locked.status();
      return true;
    }
    if (!*locked && (ending.master == 0 || !GroupLives(ending.master))) return true;
    // systemd has its own patience, and then kills too.
    const bool patient = absl::Now() - ending.begin < kPatience;
    if (ending.master != 0 && !ending.forced && !patient && ending.unit.empty()) {
      context.progress(absl::StrCat("Postfix instance '", name, "' has not ended ",
                                    Seconds(ending.begin),
                                    " after SIGTERM; what is left is killed"));
      kill(-ending.master, SIGKILL);
      ending.forced = true;
    }
    return false;
  };
  const auto waiting = [&] {
    context.progress(absl::StrCat("Postfix instance '", name, "' is still ending after ",
                                  Seconds(ending.begin)));
  };
  if (!WaitUntil(context.deadline, ended, waiting)) {
    return Error(
        absl::StatusCode::kDeadlineExceeded, "STOP_TIMED_OUT",
        absl::StrCat("Postfix instance '", name, "' was told to stop but had not ended ",
                     Seconds(ending.begin), " later; its queue was not touched; it may end yet: ",
                     "ask for its status, or stop it again"));
  }
  if (!failure.ok()) return failure;
  // The unit is "deactivating" for a moment more; a start that is asked for meanwhile would be
  // lost.
  if (!ending.unit.empty()) {
    const absl::Time limit = std::min(context.deadline, absl::Now() + kPatience);
    const auto settled = [&] { return UnitProperty(ending.unit, "ActiveState") != "deactivating"; };
    WaitUntil(limit, settled, waiting);
  }
  return absl::OkStatus();
}

// Daemons of the master's group that read settings when they begin and then live on.
std::vector<pid_t> Daemons(pid_t group) {
  std::vector<pid_t> daemons;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return daemons;
  while (const dirent* entry = readdir(proc)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    const std::optional<Process> process = ReadProcess(pid);
    if (!process.has_value() || process->group != group || process->state == 'Z') continue;
    const std::string& name = process->name;
    if (name == "smtpd" || name == "qmgr" || name == "pickup") daemons.push_back(pid);
  }
  closedir(proc);
  return daemons;
}
}  // namespace

absl::StatusOr<bool> IsRunning(const Instance& instance) {
  // `postfix status` takes the lock for a moment too (master -t): one that no master explains must
  // last to be believed. A monitor that asks often would else look like a Postfix that runs.
  const absl::Time until = absl::Now() + kPassingLock;
  for (;;) {
    MQ_ASSIGN_OR_RETURN(const bool taken, IsLocked(instance));
    if (!taken) return false;
    if (MasterPid(instance) != 0 || absl::Now() >= until) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
}

absl::Status StopInstances(const std::vector<Instance>& instances, const CallContext& context) {
  std::vector<Ending> endings;
  absl::Status first;
  for (const Instance& instance : instances) {
    const absl::Status told = Tell(instance, context, &endings);
    if (first.ok()) first = told;
  }
  for (Ending& ending : endings) {
    const absl::Status ended = Await(ending, context);
    if (first.ok()) first = ended;
  }
  return first;
}

absl::Status StopInstance(const Instance& instance, const CallContext& context) {
  return StopInstances({instance}, context);
}

namespace {
// By the unit where there is one, else by Postfix' own command.
absl::Status StartOnce(const Instance& instance, absl::Time begin, const CallContext& context) {
  const std::string unit = Unit(instance);
  std::string said;
  int code = 0;
  if (!unit.empty()) {
    ProcessOptions options;
    options.timeout = std::min(kScriptTimeout, context.deadline - absl::Now());
    const auto run = RunProcess({"systemctl", "start", unit}, options);
    if (!run.ok()) return Prepend(run.status(), "systemctl start");
    code = run->exit_code;
    said = std::string(absl::StripAsciiWhitespace(run->err));
  } else {
    auto out = RunScript(instance, "start", context.deadline, &code);
    if (absl::IsDeadlineExceeded(out.status())) {
      return Error(absl::StatusCode::kDeadlineExceeded, "START_TIMED_OUT",
                   absl::StrCat("Postfix instance '", instance.name, "' had not started after ",
                                Seconds(begin),
                                "; the start was ended; see its mail log and start it again"));
    }
    if (!out.ok()) return Prepend(out.status(), "postfix start");
    said = *out;
  }
  if (code == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "START_FAILED",
               absl::StrCat("Postfix instance '", instance.name, "' did not start (status ", code,
                            "): ", said.empty() ? "see its mail log" : said,
                            "; it stays stopped and its queue is as it was"));
}
}  // namespace

absl::Status StartInstance(const Instance& instance, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(bool running, IsRunning(instance));
  const absl::Time begin = absl::Now();
  for (int tries = 1; !running; ++tries) {
    const absl::Status started = StartOnce(instance, begin, context);
    if (started.ok()) break;
    // `postfix status` at the same moment lets it believe that another runs: that passes.
    if (ReasonOf(started) != "START_FAILED" || tries == kStarts) return started;
    absl::SleepFor(kPassingLock);
    MQ_ASSIGN_OR_RETURN(running, IsRunning(instance));
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> listeners, TcpListeners(instance));
  std::string missing = "its master";
  const auto up = [&] {
    const auto locked = IsRunning(instance);
    if (!locked.ok() || !*locked) {
      missing = "its master";
      return false;
    }
    for (const std::string& listener : listeners) {
      if (Accepts(listener, absl::Seconds(1))) continue;
      missing = "listener " + listener;
      return false;
    }
    return true;
  };
  const auto waiting = [&] {
    context.progress(absl::StrCat("Postfix instance '", instance.name, "' is starting, ", missing,
                                  " is not there after ", Seconds(begin)));
  };
  const absl::Time limit = std::min(context.deadline, absl::Now() + absl::Minutes(1));
  if (WaitUntil(limit, up, waiting)) return absl::OkStatus();
  return Error(absl::StatusCode::kDeadlineExceeded, "START_TIMED_OUT",
               absl::StrCat("Postfix instance '", instance.name, "' was started, but ", missing,
                            " was not there ", Seconds(begin),
                            " later; it was left as it is; see its mail log"));
}

absl::Status ReloadInstance(const Instance& instance,
                            const CallContext& context,
                            bool* sessions_left) {
  if (sessions_left != nullptr) *sessions_left = false;
  MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
  if (!running) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_RUNNING",
                 absl::StrCat("Postfix instance '", instance.name,
                              "' does not run, so it was not reloaded; it "
                              "reads its settings when it is started"));
  }
  const pid_t master = MasterPid(instance);
  const std::vector<pid_t> old = master == 0 ? std::vector<pid_t>() : Daemons(master);
  int code = 0;
  const auto said = RunScript(instance, "reload", context.deadline, &code);
  if (!said.ok()) return Prepend(said.status(), "postfix reload");
  if (code == 0) {
    // The script returns when the signal is sent. Idle daemons end when the master has read its new
    // table; until then a session that is opened may still see the old settings. A busy one is not
    // waited for long.
    const auto gone = [&] {
      return std::none_of(old.begin(), old.end(), [&](pid_t pid) {
        const std::optional<Process> process = ReadProcess(pid);
        return process.has_value() && process->group == master && process->state != 'Z';
      });
    };
    const bool all_gone =
        WaitUntil(std::min(context.deadline, absl::Now() + kReloadPatience), gone, [] {});
    if (sessions_left != nullptr) *sessions_left = !all_gone;
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kFailedPrecondition, "RELOAD_FAILED",
               absl::StrCat("Postfix instance '", instance.name, "' was not reloaded (status ",
                            code, "): ", *said, "; it runs on with the settings that it had"));
}

absl::StatusOr<std::vector<std::string>> TcpListeners(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::string master, ReadFile(instance.config_directory + "/master.cf"));
  MQ_ASSIGN_OR_RETURN(Parameters main, EffectiveParameters(instance.config_directory,
                                                           {"inet_interfaces", "inet_protocols",
                                                            "master_service_disable"}));
  const std::string& interfaces = main["inet_interfaces"];
  const std::string& disable = main["master_service_disable"];
  const std::vector<std::string> disabled =
      absl::StrSplit(disable, absl::ByAnyChar(", \t"), absl::SkipEmpty());
  const bool ipv6_only = main["inet_protocols"] == "ipv6";
  std::vector<std::string> listeners;
  for (const MasterCf::Service& service : MasterCf(master).Services()) {
    if (service.type != "inet") continue;
    const std::string& name = service.name;
    const bool off = std::any_of(disabled.begin(), disabled.end(), [&](const std::string& d) {
      return d == "inet" || d == service.key || d == name + ".inet";
    });
    if (off) continue;
    const std::size_t colon = name.rfind(':');
    const std::string host = colon == std::string::npos ? "" : name.substr(0, colon);
    const int port = Port(name.substr(colon == std::string::npos ? 0 : colon + 1));
    if (port == 0) continue;
    std::string named = host;
    if (named.size() > 2 && named.front() == '[') named = named.substr(1, named.size() - 2);
    if (named == "0.0.0.0") named = "all";
    if (named == "::") named = "::1";
    for (const std::string& h : Hosts(named.empty() ? interfaces : named, ipv6_only)) {
      listeners.push_back(absl::StrCat(h, ":", port));
    }
  }
  return listeners;
}

}  // namespace mailquench::agent::postfix
