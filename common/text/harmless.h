// Text that others wrote (a server, a host, whoever sends mail) must not steer the operator's
// terminal, and must not look like other text than it is.
#ifndef MAILQUENCH_COMMON_TEXT_HARMLESS_H_
#define MAILQUENCH_COMMON_TEXT_HARMLESS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace mailquench {

// One line of valid UTF-8 without control characters (C0, DEL, C1) and without bidirectional
// overrides and isolates: each becomes a space, what is no UTF-8 becomes U+FFFD.
std::string Harmless(std::string_view text);

// The same for a text of several lines: a line break stays one.
std::string HarmlessLines(std::string_view text);

// The same for text that is JSON, or YAML with such characters in double quotes alone: they are
// written as \uXXXX, so that a reader gets what was there.
std::string EscapeHarmful(std::string_view text);

// The bytes at the end of `text` that begin a character and do not end it.
std::size_t CutAtEnd(std::string_view text);

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_TEXT_HARMLESS_H_
