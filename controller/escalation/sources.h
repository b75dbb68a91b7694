// Who may send alerts or read metrics over HTTPS: a bearer token each.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_SOURCES_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_SOURCES_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/store/store.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// Tokens read "mqs.NAME.SECRET" with 256 bits of secret; the store has the SHA-256 of the secret
// alone. Thread-safe. Admit() is answered from memory; when a source was last used is written
// behind it, once a minute at most, and is no reason to fail.
class AlertSources {
 public:
  static absl::StatusOr<std::unique_ptr<AlertSources>> Open(Store* store, Clock* clock);
  ~AlertSources();  // Writes what is still to be written.

  // kInvalidArgument/BAD_SOURCE_NAME, kAlreadyExists/SOURCE_EXISTS (also one that was revoked).
  absl::StatusOr<v1::CreateSourceResponse> Create(const v1::CreateSourceRequest& request,
                                                  const std::string& actor);
  std::vector<v1::AlertSource> All();
  // Takes effect for the next request. kNotFound/SOURCE_NOT_FOUND.
  absl::StatusOr<v1::AlertSource> Revoke(const std::string& name);

  // Compares in constant time. kUnauthenticated/BAD_TOKEN, the same for every reason.
  absl::StatusOr<v1::AlertSource> Admit(const std::string& token);

 private:
  struct Row {
    v1::AlertSource source;
    std::string hash;
    bool used = false;  // last_use_time is to be written.
  };
  AlertSources(Store* store, Clock* clock) : store_(store), clock_(clock) {}
  void WriteUses();  // A thread of its own.

  Store* const store_;
  Clock* const clock_;
  // Taken before mu_, and held while the store is written: the store has rows in the order in which
  // they were changed, so that none that was revoked comes back.
  std::mutex write_mu_;
  std::mutex mu_;
  std::condition_variable used_;
  bool closing_ = false;
  std::map<std::string, Row> rows_;  // By name.
  std::thread writer_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_SOURCES_H_
