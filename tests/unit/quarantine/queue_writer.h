// Builds Postfix queue files for tests.
#ifndef MAILQUENCH_TESTS_UNIT_QUARANTINE_QUEUE_WRITER_H_
#define MAILQUENCH_TESTS_UNIT_QUARANTINE_QUEUE_WRITER_H_

#include <cstdio>
#include <string>
#include <vector>

namespace mailquench::agent::postfix {

inline std::string Rec(char type, const std::string& data) {
  std::string out(1, type);
  std::size_t n = data.size();
  for (; n >= 0x80; n >>= 7) out.push_back(static_cast<char>(0x80 | (n & 0x7f)));
  return out + static_cast<char>(n) + data;
}

inline std::string QueueFile(const std::string& sender,
                             const std::vector<std::string>& recipients,
                             const std::string& subject_lines,
                             const std::string& more = "") {
  std::string envelope = Rec('T', "1795542850 235911") + more + Rec('S', sender);
  for (const std::string& r : recipients) envelope += Rec('O', r) + Rec('R', r);
  const std::string content =
      Rec('N', "Received: x") + subject_lines + Rec('N', "") + Rec('N', "body");
  char size[128];
  std::snprintf(size, sizeof size, "%15d %15d %15d %15d %15d %15d",
                static_cast<int>(content.size()), 0, static_cast<int>(recipients.size()), 0,
                static_cast<int>(content.size()), 0);
  return Rec('C', size) + envelope + Rec('M', "") + content + Rec('X', "") + Rec('E', "");
}

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_TESTS_UNIT_QUARANTINE_QUEUE_WRITER_H_
