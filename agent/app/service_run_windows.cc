#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "agent/app/agent.h"
#include "agent/app/service_windows.h"
#include "agent/os/event_log.h"
#include "agent/os/files.h"
#include "agent/os/service_host.h"
#include "common/command/words.h"

namespace mailquench::agent {
namespace {
constexpr char kProgram[] = "mailquench-agent";

// What the service manager asks for.
class Managed final : public Ending {
 public:
  Managed(ServiceControl& control, EventLog& events, const ServiceFlags& flags)
      : control_(control), events_(events), flags_(flags) {}
  bool Await(absl::Duration most) override { return control_.AwaitStop(most); }
  void Serving() override {
    control_.Serving();
    events_.Write(
        EventKind::kInformation, kEventStarted,
        absl::StrCat("Mailquench agent ", kAgentVersion, " has started; its controller is ",
                     flags_.controller, ", its log ", flags_.state_dir, "\\agent.log"));
  }

 private:
  ServiceControl& control_;
  EventLog& events_;
  const ServiceFlags& flags_;
};

int Serve(const ServiceFlags& flags, ServiceControl& control) {
  EventLog events(flags.name);
  absl::Status ready = MakeStateFolder(flags.state_dir);
  if (ready.ok()) ready = LogAsService(flags.state_dir, flags.name);
  if (!ready.ok()) {
    events.Write(EventKind::kError, kEventTrouble,
                 absl::StrCat("The agent did not start: ", ready.message()));
    return 1;
  }
  Managed ending(control, events, flags);
  const int code = RunCommand(flags.state_dir, flags.controller, ending);
  spdlog::default_logger()->flush();
  if (code == 1) return 1;  // Said by a critical line.
  events.Write(code == 0 ? EventKind::kInformation : EventKind::kWarning, kEventEnded,
               code == 0 ? "Mailquench agent has ended, as it was asked to."
                         : "Mailquench agent has ended, as it was asked to; an alarm stands, which "
                           "the file 'alarm' in its folder tells.");
  return 0;  // A clean end: the manager is not to start it again.
}
}  // namespace

int RunServiceCommand(const ServiceFlags& flags) {
  int code = 1;
  const absl::Status ran = RunAsService(flags.name, [&](ServiceControl& control) {
    code = Serve(flags, control);
    return code;
  });
  if (ran.ok()) return code;
  command::Say(kProgram, std::string(ran.message()));
  return 1;
}

}  // namespace mailquench::agent
