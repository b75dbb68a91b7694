// UTF-16LE as it stands in the metabase and in streams of NTFS, without the calls of Windows.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_UTF16_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_UTF16_H_

#include <optional>
#include <string>

namespace mailquench::agent::smtpsvc {

// nullopt where it is none: an odd length, half of a surrogate pair; broken UTF-8.
std::optional<std::string> Utf8FromUtf16(const std::string& bytes);
std::optional<std::string> Utf16FromUtf8(const std::string& text);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_UTF16_H_
