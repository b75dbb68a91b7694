#include "agent/mail/smtpsvc/setting.h"

#include <algorithm>
#include <set>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/ip_block.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr char kStart[] = "metabase:";
constexpr std::uint32_t kIsInherited = 0x20;  // METADATA_ISINHERITED: told, never stored.

bool IsList(Property property) {
  return property == Property::kRelayIpList || property == Property::kIpSecurity;
}

std::set<std::string> Blocks(const std::vector<std::string>& list) {
  std::set<std::string> out;
  for (const std::string& one : list) {
    const std::optional<IpBlock> block = ParseIisBlock(one);
    out.insert(block.has_value() ? block->ForIis() : one);
  }
  return out;
}

std::set<std::string> Lowered(const std::vector<std::string>& list) {
  std::set<std::string> out;
  for (const std::string& one : list) out.insert(absl::AsciiStrToLower(one));
  return out;
}
}  // namespace

std::string ToText(const SettingKey& key) {
  return absl::StrCat(kStart, key.key, "/", PropertyName(key.property));
}

absl::StatusOr<SettingKey> SettingKeyFrom(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  if (absl::StartsWith(text, kStart) && slash != std::string::npos) {
    const std::optional<Property> property = PropertyByName(text.substr(slash + 1));
    const std::size_t at = sizeof kStart - 1;
    if (property.has_value() && slash >= at)
      return SettingKey{text.substr(at, slash - at), *property};
  }
  return Error(absl::StatusCode::kDataLoss, "BAD_SETTING_TEXT",
               absl::StrCat("the record names the setting '", Printable(text),
                            "', which is none of the metabase; nothing was written"));
}

bool SameList(const IpSecurity& a, const IpSecurity& b) {
  return a.grant_by_default == b.grant_by_default && Blocks(a.ip_grant) == Blocks(b.ip_grant) &&
         Blocks(a.ip_deny) == Blocks(b.ip_deny) &&
         Lowered(a.domain_grant) == Lowered(b.domain_grant) &&
         Lowered(a.domain_deny) == Lowered(b.domain_deny);
}

absl::StatusOr<RawSetting> CurrentText(Metabase& metabase,
                                       const SettingKey& key,
                                       const RawSetting& expected) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> own,
                      metabase.Read(key.key, key.property, /*inherited=*/false));
  if (!own.has_value()) return RawSetting();
  if (expected.has_value() && IsList(key.property)) {
    MQ_ASSIGN_OR_RETURN(const AnyValue value, FromText(*expected));
    if (const auto* wanted = std::get_if<IpSecurity>(&value)) {
      const auto list = metabase.ReadIpSecurity(key.key, key.property);
      if (!list.ok() && ReasonOf(list.status()) != "BAD_IP_LIST") return list.status();
      if (list.ok() && list->has_value() && SameList(**list, *wanted)) return expected;
    }
  }
  return RawSetting(ToText(*own));
}

absl::Status PutText(Metabase& metabase, const SettingKey& key, const RawSetting& text) {
  if (!text.has_value()) {
    MQ_RETURN_IF_ERROR(metabase.Delete(key.key, key.property));
  } else {
    MQ_ASSIGN_OR_RETURN(const AnyValue value, FromText(*text));
    if (const auto* list = std::get_if<IpSecurity>(&value))
      MQ_RETURN_IF_ERROR(metabase.WriteIpSecurity(key.key, key.property, *list));
    else
      MQ_RETURN_IF_ERROR(metabase.Write(key.key, key.property, std::get<MetabaseValue>(value)));
  }
  MQ_ASSIGN_OR_RETURN(const RawSetting now, CurrentText(metabase, key, text));
  if (now == text) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "NOT_TAKEN",
               absl::StrCat("/LM/SMTPSVC/", key.key, " ", PropertyName(key.property),
                            " was written and something else stands there now: another program "
                            "writes it, or IIS did not take the value"));
}

absl::Status SettingsDraft::Add(const std::string& server,
                                Property property,
                                const RawSetting& after,
                                bool opened_relay) {
  const SettingKey key{server, property};
  MQ_ASSIGN_OR_RETURN(const RawSetting before, CurrentText(metabase_, key));
  if (before == after) return absl::OkStatus();
  v1::Setting* setting = change_->result.add_settings();
  setting->set_instance(server);
  setting->set_key(ToText(key));
  setting->set_before(before.value_or(""));
  setting->set_before_absent(!before.has_value());
  setting->set_after(after.value_or(""));
  setting->set_after_absent(!after.has_value());
  setting->set_opened_relay(opened_relay);
  change_->files.push_back({server, ToText(key), setting->before(), setting->before_absent(),
                            setting->after(), setting->after_absent()});
  return absl::OkStatus();
}

absl::Status SettingsDraft::SetDword(const std::string& server,
                                     Property property,
                                     std::uint32_t number) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> now,
                      metabase_.Read(server, property, /*inherited=*/true));
  if (now.has_value() && AsDword(*now) == number) return absl::OkStatus();
  const MetabaseValue value =
      now.has_value() ? MakeDword(number, now->attributes & ~kIsInherited, now->user_type)
                      : MakeDword(number);
  return Add(server, property, ToText(value), false);
}

absl::Status SettingsDraft::SetString(const std::string& server,
                                      Property property,
                                      const std::string& text) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> now,
                      metabase_.Read(server, property, /*inherited=*/true));
  const std::string old = now.has_value() ? AsString(*now).value_or("?") : "";
  if (absl::EqualsIgnoreCase(old, text)) return absl::OkStatus();
  MetabaseValue value = MakeString(text);
  if (now.has_value()) {
    value.attributes = now->attributes & ~kIsInherited;
    value.user_type = now->user_type;
  }
  return Add(server, property, ToText(value), false);
}

absl::Status SettingsDraft::SetList(const std::string& server,
                                    Property property,
                                    const IpSecurity& list,
                                    bool opened_relay) {
  return Add(server, property, ToText(list), opened_relay);
}

absl::Status SettingsDraft::Remove(const std::string& server, Property property) {
  return Add(server, property, std::nullopt, false);
}

}  // namespace mailquench::agent::smtpsvc
