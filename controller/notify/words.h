// A notice in words: the templates of channels, and what is said where there is none.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_WORDS_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_WORDS_H_

#include <string>

#include "absl/status/status.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// "" where each {{field}} of it is known, else what is wrong.
std::string FaultOfTemplate(const std::string& text);

// `text` with each {{field}} replaced; one that this notice lacks is empty. What stands in a field
// is never read as a template.
std::string FillTemplate(const std::string& text, const v1::Notice& notice);

// Channel's template, or the built-in words where it is empty. A subject is one line of at most 200
// bytes; neither has control characters, whoever wrote the parts.
std::string SubjectOf(const std::string& text, const v1::Notice& notice);
std::string BodyOf(const std::string& text, const v1::Notice& notice);

// "2026-11-26T08:00:00Z"
std::string TimeOfNotice(const v1::Notice& notice);

// `text` cut to this many bytes, at the end of a character.
std::string CutTo(const std::string& text, std::size_t bytes);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_WORDS_H_
