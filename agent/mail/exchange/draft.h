// A change of settings as it is being computed.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_DRAFT_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_DRAFT_H_

#include <string>

#include "agent/mail/exchange/setting.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

// Recorded and written, unless it is so already.
void AddSetting(const std::string& server,
                const SettingKey& key,
                const RawSetting& before,
                const RawSetting& after,
                bool opened_relay,
                SettingsChange* change);
// Only recorded: how a single permission is named to people.
void AddRecord(const std::string& server,
               const SettingKey& key,
               const RawSetting& before,
               const RawSetting& after,
               bool opened_relay,
               SettingsChange* change);
// Only written.
void AddWrite(const std::string& server,
              const SettingKey& key,
              const RawSetting& before,
              const RawSetting& after,
              SettingsChange* change);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_DRAFT_H_
