// An alert's labels, and texts with ${label} in them.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_LABEL_TEXT_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_LABEL_TEXT_H_

#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// "" where the alert has no such label.
std::string LabelOf(const v1::Alert& alert, const std::string& name);

// `text` with each ${name} replaced by what `value` says of the name. What is no ${name} stays.
std::string ExpandLabels(const std::string& text,
                         const std::function<std::string(const std::string&)>& value);

// The names in it.
std::set<std::string> LabelsIn(const std::string& text);

// "" or what is wrong with it: a ${ without its }, or with what is no label's name.
std::string WrongLabelText(const std::string& text);

// "" or what is wrong with a selector that may have ${label} in it. Such a one may only stand for a
// value that hosts must have (site=${site}, site in (${a},b)): in a key, behind != or in notin an
// alert could widen what is selected.
std::string WrongSelector(const std::string& text);

// Letters, digits, `.`, `-`, `_`, `/`, and at least one: what a selector reads as one value.
bool IsPlainValue(const std::string& value);

// Of an alert, for a sentence: harmless, and not longer than 100 bytes.
std::string Shown(const std::string& text);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_LABEL_TEXT_H_
