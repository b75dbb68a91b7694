// Settings of the metabase as text: what a person reads in a report and a journal keeps, and exact
// both ways.
//   dword attr=1 ut=1 7
//   string attr=1 ut=1 "C:\\inetpub\\mailroot\\Queue"     expand-string likewise
//   multi-string attr=1 ut=1 [":25:", "192.0.2.1:587:"]
//   binary attr=1 ut=1 180000802000...                    any type that has no such form, too
//   ip-security grant-by-default=no grant=["192.0.2.1, 255.255.255.255"] deny=[] domain-grant=[]
//   domain-deny=[]
// The last is what an IIsIPSecurity object shall say: its bytes are IIS' own business.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_VALUE_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

using AnyValue = std::variant<MetabaseValue, IpSecurity>;

std::string ToText(const MetabaseValue& value);
std::string ToText(const IpSecurity& value);
// Error: kDataLoss/BAD_SETTING_TEXT.
absl::StatusOr<AnyValue> FromText(const std::string& text);

// "RelayIpList"; a number for one without a name here.
std::string PropertyName(Property property);
std::optional<Property> PropertyByName(const std::string& name);

// Values as they are made and taken apart. The last three: nullopt where the value is of another
// type.
MetabaseValue MakeDword(std::uint32_t number,
                        std::uint32_t attributes = 1,
                        std::uint32_t user_type = 1);
MetabaseValue MakeString(const std::string& text);
MetabaseValue MakeMultiString(const std::vector<std::string>& texts);
std::optional<std::uint32_t> AsDword(const MetabaseValue& value);
std::optional<std::string> AsString(const MetabaseValue& value);
std::optional<std::vector<std::string>> AsMultiString(const MetabaseValue& value);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_VALUE_H_
