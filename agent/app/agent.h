// Composition of the agent.
#ifndef MAILQUENCH_AGENT_APP_AGENT_H_
#define MAILQUENCH_AGENT_APP_AGENT_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/antivirus/antivirus_set.h"
#include "agent/app/antivirus_config.h"
#include "agent/app/ending.h"
#include "agent/mail/mail_system.h"
#include "agent/operations/executor.h"
#include "agent/operations/journal.h"
#include "common/clock/clock.h"
#include "mailquench/v1/agent_link.pb.h"

namespace mailquench::agent {

inline constexpr char kAgentVersion[] = "0.1.0";

// STATE_DIR/agent.yaml. Unknown keys are refused. All keys are optional.
struct AgentConfig {
  std::string mail_system = "auto";  // mail_system: auto | postfix | none; on Windows
                                     // exchange | smtpsvc
  std::set<std::string> allow;       // allow: [operation, ...]; absent: all
  std::vector<std::string>
      postfix_configs;  // postfix_config_directories: [...]; absent: postmulti's
  // quarantine_roots: [DIRECTORY, ...]: where quarantines may be moved to; absent: nowhere
  std::set<std::string> quarantine_roots;
  // delist_hosts: [HOST, HOST:PORT, ...]: whom delist.fetch may ask; absent: the known lists' hosts
  std::vector<AllowedHost> delist_hosts;
  bool delist_private_targets = false;  // delist_private_targets: true | false
  std::string mail_log;                 // mail_log: FILE; absent: as the mail system has it
  // exchange_connection_uri: of the Exchange endpoint; absent: this server's own.
  std::string exchange_connection_uri;
  // exchange_powershell: [PROGRAM, ARGUMENT, ...]; absent: Windows PowerShell's own
  std::vector<std::string> exchange_powershell;
  absl::Duration contain_settle = absl::Minutes(2);  // contain_settle_seconds: 0 to 3600
  AntivirusConfig antivirus;
  absl::Duration heartbeat = absl::Seconds(30);  // heartbeat_seconds: 1 to 300
};

// Errors: kInvalidArgument/BAD_CONFIG with file, line and key.
absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& state_dir);

// The mail system, journal and executor of one process. Members are in the order of their
// dependence.
struct Agent {
  AgentConfig config;
  std::string state_dir;
  std::string host_id;  // "local" before enrolment.
  SystemClock clock;
  std::unique_ptr<MailSystem> mail;
  std::unique_ptr<AntivirusSet> antivirus;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Executor> executor;
};
// Makes the folder (0700) where it is missing.
absl::StatusOr<std::unique_ptr<Agent>> OpenAgent(const std::string& state_dir);

// What this host says of itself. Never fails: what could not be found out is left out and logged.
v1::Hello MakeHello(Agent& agent);

// mailquench-agent do: one operation, here and now, through the same journal. Returns the exit
// code.
// `timeout`: zero means the executor's own.
int DoCommand(const std::string& state_dir,
              const std::string& operation,
              const std::string& json,
              bool dry_run,
              const std::string& command_id,
              absl::Duration timeout);
// mailquench-agent outstanding: prints what the journal has begun and not finished, and changed and
// not put back, a line each. Returns 0 where there is nothing, 2 where there is something, 1 where
// that cannot be told. Makes no journal where there is none.
int OutstandingCommand(const std::string& state_dir);
// mailquench-agent run: the service. Ends when `ending` says so.
int RunCommand(const std::string& state_dir, const std::string& controller, Ending& ending);
int EnrolCommand(const std::string& state_dir,
                 const std::string& address,
                 const std::string& token_file,
                 const std::string& hostname);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_AGENT_H_
