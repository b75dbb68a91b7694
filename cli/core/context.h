// Which controller to talk to: named contexts in one YAML file.
#ifndef MAILQUENCH_CLI_CORE_CONTEXT_H_
#define MAILQUENCH_CLI_CORE_CONTEXT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::cli {

struct Context {
  std::string name;
  std::string address;  // host:port of the controller's API
  std::string ca;       // Paths of PEM files.
  std::string cert;
  std::string key;
  std::string trust_domain;
  std::string controller_id;  // SPIFFE id that the controller's certificate must carry.
};

struct ContextFile {
  std::string current;
  std::vector<Context> contexts;

  // Null when there is none of that name.
  const Context* Find(const std::string& name) const;
};

// A file that does not exist is an empty ContextFile. Errors: INVALID_ARGUMENT/CONFIG_MALFORMED.
absl::StatusOr<ContextFile> LoadContexts(const std::string& path);

// Replaces the file whole (mode 0600), making its folder; on an error the old one stays.
absl::Status SaveContexts(const std::string& path, const ContextFile& file);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_CONTEXT_H_
