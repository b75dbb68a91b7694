// What a person does on a host without an agent: per platform and operation, as data that is
// compiled in (controller/manual/platforms/*.yaml).
#ifndef MAILQUENCH_CONTROLLER_MANUAL_GUIDE_H_
#define MAILQUENCH_CONTROLLER_MANUAL_GUIDE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::controller {

struct GuideStep {
  std::string text;     // With {placeholders}; instructions.h has the list.
  std::string command;  // To be typed as it is; "": none.
  std::string when;     // A fact of the order, "!" in front: it is not so; "": always.
};
// What the person notes before, so that it can be put back or found again.
struct GuideQuestion {
  std::string key;
  std::string ask;
  bool relay = false;  // Its value may have let strangers relay.
  bool place = false;  // Noted, not owed: where something was put, or what service.start puts back.
};
struct GuideEntry {
  std::string refused;             // Why a person cannot do it either; the rest is empty then.
  std::vector<std::string> parts;  // Made of these operations, in this order; the rest is empty.
  std::vector<std::string> verdicts;
  std::vector<GuideStep> steps;
  std::vector<GuideQuestion> questions;
};

// Immutable once read; any thread.
class Guide {
 public:
  // The one that is compiled in. kInternal/BAD_GUIDE: the build is broken.
  static absl::StatusOr<Guide> BuiltIn();
  // From texts, one a platform. kInvalidArgument/BAD_GUIDE with line and column.
  static absl::StatusOr<Guide> Read(const std::vector<std::string>& texts);

  // Names, in their order.
  std::vector<std::string> Platforms() const;
  // Null where nobody has written down how. `operation`: "queue.watch".
  const GuideEntry* Find(const std::string& platform, const std::string& operation) const;
  // "": a person can do it; else why not. What nobody has written down is not possible.
  std::string WhyNot(const std::string& platform, const std::string& operation) const;
  // kInvalidArgument/UNKNOWN_PLATFORM, naming those that there are.
  absl::Status Check(const std::string& platform) const;

 private:
  struct Platform {
    std::string title;
    std::map<std::string, GuideEntry> operations;
  };
  std::map<std::string, Platform> platforms_;
};

// The texts that are compiled in.
std::vector<std::string> BuiltInPlatforms();

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_MANUAL_GUIDE_H_
