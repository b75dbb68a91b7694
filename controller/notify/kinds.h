// The kinds of notices, in one place: what the rules' file may name, and how urgent each is.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_KINDS_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_KINDS_H_

#include <string>
#include <vector>

namespace mailquench::controller {

struct NoticeKind {
  std::string name;
  std::string severity;  // Of a notice that names none: info, warning, page.
  std::string title;     // For a subject: what happened, in a few words.
};

// Sorted by severity, worst first.
const std::vector<NoticeKind>& NoticeKinds();
// nullptr where there is none.
const NoticeKind* FindNoticeKind(const std::string& name);

// 0 info, 1 warning, 2 page; -1: none of these.
int SeverityRank(const std::string& severity);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_KINDS_H_
