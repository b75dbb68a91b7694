// A setting of the metabase as the journal and the contract name it: "metabase:1/RelayIpList", with
// the texts of metabase_value.h for its values.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_SETTING_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_SETTING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/restore_rules.h"
#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

struct SettingKey {
  std::string key;  // Below /LM/SMTPSVC.
  Property property = Property::kRelayIpList;
};
std::string ToText(const SettingKey& key);
// Error: kDataLoss/BAD_SETTING_TEXT.
absl::StatusOr<SettingKey> SettingKeyFrom(const std::string& text);

// Whether two lists say the same, in whatever order and spelling.
bool SameList(const IpSecurity& a, const IpSecurity& b);

// What stands at this very key, absent where it is only inherited. Where `expected` is what a list
// shall say and IIS reads just that in it, `expected` itself: the bytes are IIS' own business.
absl::StatusOr<RawSetting> CurrentText(Metabase& metabase,
                                       const SettingKey& key,
                                       const RawSetting& expected = std::nullopt);

// Writes what the text says, or deletes, and reads it again. Errors: kAborted/NOT_TAKEN (something
// else stands there afterwards), kDataLoss/BAD_SETTING_TEXT, those of the metabase.
absl::Status PutText(Metabase& metabase, const SettingKey& key, const RawSetting& text);

// What a change does to the settings of servers, as it is being computed.
class SettingsDraft {
 public:
  SettingsDraft(Metabase& metabase, SettingsChange* change)
      : metabase_(metabase), change_(change) {}

  // `opened_relay`: the value of now lets strangers relay. Nothing is added where it is so already.
  absl::Status SetDword(const std::string& server, Property property, std::uint32_t number);
  // One that says the same in other letters is left; so is none where `text` is "".
  absl::Status SetString(const std::string& server, Property property, const std::string& text);
  absl::Status SetList(const std::string& server,
                       Property property,
                       const IpSecurity& list,
                       bool opened_relay = false);
  absl::Status Remove(const std::string& server, Property property);

 private:
  absl::Status Add(const std::string& server,
                   Property property,
                   const RawSetting& after,
                   bool opened_relay);
  Metabase& metabase_;
  SettingsChange* change_;
};

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_SETTING_H_
