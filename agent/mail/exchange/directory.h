// The settings of Exchange as the directory has them, read and written through the shell.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_DIRECTORY_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_DIRECTORY_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/ace.h"
#include "agent/mail/exchange/block.h"
#include "agent/mail/exchange/connector.h"
#include "agent/mail/exchange/send_connector.h"
#include "agent/mail/exchange/setting.h"
#include "agent/mail/exchange/settings_ops.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// One value that an object shall have.
struct Wanted {
  SettingKey key;
  RawSetting value;
};

// Keeps what it has read until Forget(). On a Mailbox server all calls name the domain controller
// that answered the first one, so that what was written is read and not an older copy; where that
// cannot be told, and on Edge, which has no such parameter, none is named. Not thread-safe.
class Directory {
 public:
  // Both outlive it. No call lasts beyond `deadline`.
  Directory(Shell& shell, const SettingsOptions& options, absl::Time deadline)
      : shell_(shell), options_(options), deadline_(deadline) {}

  // Of this server. kDataLoss/NO_CONNECTORS: none was shown, which says nothing of what there is.
  absl::StatusOr<std::vector<Connector>> Connectors();
  absl::StatusOr<Aces> AcesOf(const Connector& connector);
  // What lets somebody relay and is no extended right of the connector's own: an inherited entry
  // (its right), or one that grants all (kAllRights). Without servers and administrators.
  absl::StatusOr<Aces> GrantsBeyond(const Connector& connector);
  absl::StatusOr<std::vector<Row>> RemoteDomains();
  absl::StatusOr<std::vector<std::string>> AcceptedDomains();
  absl::StatusOr<std::vector<Row>> IpBlockEntries();  // Edge.
  // Of the organisation, or of this Edge server. kDataLoss/SHELL_SPOKE_RUBBISH: one has no name.
  absl::StatusOr<std::vector<SendConnector>> SendConnectors();
  // Whether this Edge server has settings of an organisation, which it cannot change.
  absl::StatusOr<bool> IsSubscribed();

  // A question, asked once more where nobody knows what became of it, and again for a while where
  // no session can be had.
  absl::StatusOr<Answer> Ask(Pipeline pipeline);

  // What it is now; absent also where its object is not there.
  absl::StatusOr<RawSetting> Current(const SettingKey& key);
  // Makes one object, of which all of `wanted` are, so: one call, and one for each principal whose
  // permissions change. Reads it before and after. Where nobody knows what became of a call, what
  // is read decides, and it is made once more. Errors: kAborted/NOT_TAKEN, those of the shell.
  absl::Status Put(const std::vector<Wanted>& wanted);
  void Forget();

 private:
  absl::Status Find();  // The domain controller.
  absl::Status ReadAces(const Connector& connector);
  absl::StatusOr<Answer> Call(const Pipeline& pipeline);
  absl::Status Do(Cmdlet cmdlet);
  absl::StatusOr<std::optional<Connector>> FindConnector(const std::string& name);
  absl::StatusOr<RawSetting> CurrentOfConnector(const SettingKey& key);
  absl::StatusOr<bool> Are(const std::vector<Wanted>& wanted);
  absl::Status PutOnce(const std::vector<Wanted>& wanted);
  absl::Status SetProperties(Cmdlet set, const std::vector<Wanted>& wanted);
  absl::Status PutConnector(const std::vector<Wanted>& wanted);
  absl::Status PutAces(const Connector& connector, const Aces& wanted, bool users_come);
  absl::StatusOr<RawSetting> CurrentOfSendConnector(const SettingKey& key);
  absl::Status PutSendConnector(const std::vector<Wanted>& wanted);
  absl::Status PutDomain(const std::vector<Wanted>& wanted);
  absl::Status PutRule(const Wanted& wanted);
  absl::Status PutIpBlock(const Wanted& wanted);

  Shell& shell_;
  const SettingsOptions& options_;
  const absl::Time deadline_;
  std::optional<std::string> controller_;
  std::optional<std::vector<Connector>> connectors_;
  std::map<std::string, Aces> aces_, beyond_;  // By the connector's name.
  std::optional<std::vector<Row>> domains_;
  std::optional<std::vector<SendConnector>> send_connectors_;
};

// Whether the group ExchangeUsers is among what a connector shall have.
bool UsersCome(const std::vector<Wanted>& wanted);

// The shell cannot say whether the work was done.
bool NobodyKnows(const absl::Status& status);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_DIRECTORY_H_
