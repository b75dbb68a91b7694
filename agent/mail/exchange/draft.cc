#include "agent/mail/exchange/draft.h"

namespace mailquench::agent::exchange {

void AddRecord(const std::string& server,
               const SettingKey& key,
               const RawSetting& before,
               const RawSetting& after,
               bool opened_relay,
               SettingsChange* change) {
  v1::Setting* setting = change->result.add_settings();
  setting->set_instance(server);
  setting->set_key(ToText(key));
  setting->set_before(before.value_or(""));
  setting->set_before_absent(!before.has_value());
  setting->set_after(after.value_or(""));
  setting->set_after_absent(!after.has_value());
  setting->set_opened_relay(opened_relay);
}

void AddWrite(const std::string& server,
              const SettingKey& key,
              const RawSetting& before,
              const RawSetting& after,
              SettingsChange* change) {
  change->files.push_back({server, ToText(key), before.value_or(""), !before.has_value(),
                           after.value_or(""), !after.has_value()});
}

void AddSetting(const std::string& server,
                const SettingKey& key,
                const RawSetting& before,
                const RawSetting& after,
                bool opened_relay,
                SettingsChange* change) {
  if (SameValue(key, before, after)) return;
  AddRecord(server, key, before, after, opened_relay, change);
  AddWrite(server, key, before, after, change);
}

}  // namespace mailquench::agent::exchange
