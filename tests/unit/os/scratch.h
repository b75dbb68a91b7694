// A folder of a test's own, and links in it, on every platform.
#ifndef MAILQUENCH_TESTS_UNIT_OS_SCRATCH_H_
#define MAILQUENCH_TESTS_UNIT_OS_SCRATCH_H_

#include <string>

namespace mailquench::agent {

// Made empty; removed at the end, without going through links.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A symbolic link; on Windows a junction. False where this system cannot make one.
bool MakeLink(const std::string& target, const std::string& link);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_UNIT_OS_SCRATCH_H_
