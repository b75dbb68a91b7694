// A real clamd of a test's own: folders in a private place, a database of one signature.
#ifndef MAILQUENCH_TESTS_UNIT_ANTIVIRUS_PRIVATE_CLAMD_H_
#define MAILQUENCH_TESTS_UNIT_ANTIVIRUS_PRIVATE_CLAMD_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace mailquench::agent {

// The test file of EICAR, and the signature of it. Made of two halves, so that no scanner takes
// this source, or a program, for it.
std::string Eicar();
std::string EicarSignature();  // A line of a .ndb file; its name is kEicarName without the ending.
inline constexpr char kEicarName[] = "Eicar-Test.UNOFFICIAL";

class PrivateClamd {
 public:
  // `settings`: lines of clamd.conf after ours. Starts nothing.
  explicit PrivateClamd(const std::string& settings = "");
  ~PrivateClamd();  // Kills what it started, and removes its folders.
  PrivateClamd(const PrivateClamd&) = delete;
  PrivateClamd& operator=(const PrivateClamd&) = delete;

  // False where this machine cannot run one (no clamd).
  static bool Possible();

  // From the next start on no file that it writes can be longer: as on a disk that is full for
  // large files alone.
  void LimitFiles(std::int64_t bytes) { longest_file_ = bytes; }

  bool Start();  // Waits until it answers at its socket.
  void Kill();   // SIGKILL; returns when it is reaped.
  bool Running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

  const std::string& root() const { return root_; }
  std::string config() const { return root_ + "/clamd.conf"; }
  std::string database() const { return root_ + "/db"; }
  std::string socket() const { return root_ + "/clamd.sock"; }
  std::string Log() const;

 private:
  std::string root_;
  std::int64_t longest_file_ = -1;
  pid_t pid_ = -1;
};

void WriteText(const std::string& path, const std::string& text);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_UNIT_ANTIVIRUS_PRIVATE_CLAMD_H_
