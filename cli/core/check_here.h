// Blacklists asked from this machine, without a controller.
#ifndef MAILQUENCH_CLI_CORE_CHECK_HERE_H_
#define MAILQUENCH_CLI_CORE_CHECK_HERE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/probe.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::cli {

struct HereOptions {
  std::vector<std::string> resolvers;  // Empty: those of /etc/resolv.conf.
  std::string catalogue;               // The operator's own file; empty: none.
  std::string keys;                    // The same.
  bool allow_public = false;
  std::vector<std::string> zones;             // Empty: all that are enabled.
  absl::Time until = absl::InfiniteFuture();  // Of --timeout.
};

// One command's use of the catalogue. Not thread-safe.
class Here {
 public:
  // Errors: BAD_CATALOGUE, KEYS_EXPOSED, BAD_KEYS, NOT_FOUND/NO_SUCH_LIST.
  static absl::StatusOr<Here> Open(const HereOptions& options);

  using OnAnswer = std::function<void(const v1::BlacklistAnswer&)>;
  using OnProgress = std::function<void(std::int64_t asked, std::int64_t all)>;
  // First every list's health (progress 0 of the number of lists), then the subjects. Errors:
  // BAD_SUBJECT, BAD_SERVER, DEADLINE_EXCEEDED/TIMED_OUT,
  // FAILED_PRECONDITION/LIST_DEAD (with what became of it). A resolver that
  // is not to be believed is left out; where none is left, nothing else is asked.
  absl::StatusOr<v1::BlacklistCheckDone> Check(const std::vector<std::string>& subjects,
                                               const OnAnswer& on_answer,
                                               const OnProgress& on_progress);
  // With `health` the enabled ones are asked.
  absl::StatusOr<v1::ListBlacklistsResponse> Lists(bool with_disabled, bool health);

 private:
  Here(HereOptions options, blacklist::Catalogue catalogue, blacklist::Keys keys)
      : options_(std::move(options)), catalogue_(std::move(catalogue)), keys_(std::move(keys)) {}
  std::vector<const blacklist::List*> Chosen() const;

  HereOptions options_;
  blacklist::Catalogue catalogue_;
  blacklist::Keys keys_;
};

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_CHECK_HERE_H_
