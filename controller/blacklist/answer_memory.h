// What each list last said of each subject: when it is due again, and what is new in an answer.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_ANSWER_MEMORY_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_ANSWER_MEMORY_H_

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/subject.h"
#include "controller/store/store.h"

namespace mailquench::controller {

// Thread-safe. Some 100 bytes a pair of subject and list.
class AnswerMemory {
 public:
  // From the store.
  absl::Status Load(Store* store);

  struct Last {
    absl::Time asked = absl::InfinitePast();
    bool listed = false;    // It said so, believed or not.
    bool believed = false;  // It said so and was believed, or a listing there is open.
    bool failed = false;    // It gave no answer.
  };
  Last Of(const std::string& subject, const std::string& zone) const;
  // A listing of it is open.
  bool Listed(const std::string& subject) const;

  // `listed`: what it said; nothing where it was not asked after all. `failed`: there was no
  // answer.
  void Asked(const std::string& subject,
             const std::string& zone,
             absl::Time when,
             std::optional<bool> listed,
             bool failed);
  void Believed(const std::string& subject, const std::string& zone, bool listed);
  // Subject and zone of every listing that is open.
  void SetOpen(std::set<std::pair<std::string, std::string>> open);
  // What no host has any more is forgotten.
  void Keep(const std::set<std::string>& subjects);

  // Zones among these that list much of the fleet at once and alone: why, by zone.
  std::map<std::string, std::string> Anomalies(const blacklist::Catalogue& catalogue,
                                               const std::vector<std::string>& zones) const;

 private:
  mutable std::mutex mu_;
  std::set<std::pair<std::string, std::string>> open_;
  std::map<std::string, std::map<std::string, Last>> last_;  // By subject, then by zone.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_ANSWER_MEMORY_H_
