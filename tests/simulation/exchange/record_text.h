// Records of the queue database as text: a length and a checksum, then JSON, each on its line.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_RECORD_TEXT_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_RECORD_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace mailquench::simulation::exchange {

// The first line of mail.que and of trn.log.
struct FileHead {
  std::string id;
  std::uint64_t generation = 0;
  bool clean = false;
};
// All of one length.
std::string HeadText(absl::string_view file, const FileHead& head);
std::optional<FileHead> ParseHead(absl::string_view file, const std::string& text);

std::string RecordText(const nlohmann::json& record);
struct Records {
  std::vector<nlohmann::json> good;
  bool whole = true;  // False: behind the good ones is something that is no record.
};
Records ParseRecords(const std::string& text);  // Of a file with its head.

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_RECORD_TEXT_H_
