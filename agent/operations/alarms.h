// Why a person must look at this host: a file that monitoring can see.
#ifndef MAILQUENCH_AGENT_OPERATIONS_ALARMS_H_
#define MAILQUENCH_AGENT_OPERATIONS_ALARMS_H_

#include <mutex>
#include <string>
#include <vector>

namespace mailquench::agent {

// One line for each instance that is in trouble, "INSTANCE: why"; no file where there is none.
// Thread-safe. Two processes that write at the same time may lose one of the lines: both log it.
class Alarms {
 public:
  explicit Alarms(std::string path) : path_(std::move(path)) {}

  // The latest word about an instance replaces the one before. No instances: the host as a whole.
  void Raise(const std::vector<std::string>& instances, const std::string& text);
  // For instances that are well again. What is said about the host as a whole stays until
  // Clear({}), which ends everything.
  void Clear(const std::vector<std::string>& instances);
  // "" where nobody need look.
  std::string Text() const;

 private:
  void Write(const std::vector<std::string>& lines);

  const std::string path_;
  std::mutex mu_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_ALARMS_H_
