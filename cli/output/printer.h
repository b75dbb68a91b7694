// Data on stdout in the form that -o asks for.
// JSON is protobuf's own mapping: lowerCamelCase names, every field always present, 64-bit integers
// as strings.
#ifndef MAILQUENCH_CLI_OUTPUT_PRINTER_H_
#define MAILQUENCH_CLI_OUTPUT_PRINTER_H_

#include <google/protobuf/message.h>

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::cli {

// Columns are as wide as their widest cell; the last is not padded. A cell never contains a line
// break.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
std::string Render(const Table& table);

// Indented JSON, one-line JSON, YAML. Errors: INTERNAL.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);
absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message);
absl::StatusOr<std::string> ToYaml(const google::protobuf::Message& message);

// `output`: table, json, yaml or jsonl. As jsonl, a List...Response is one line an element;
// anything else one line.
absl::Status Print(const std::string& output,
                   const google::protobuf::Message& message,
                   const Table& table,
                   std::ostream& out);

// The results of one command. As a list, JSON and YAML are one document, an array even of a single
// result, which Finish() writes; every other form is written when the result comes.
class Results {
 public:
  Results(std::string output, bool as_list, std::ostream* out)
      : output_(std::move(output)), as_list_(as_list), out_(out) {}

  absl::Status Add(const google::protobuf::Message& message, const Table& table);
  // Without a result it writes nothing.
  void Finish();

 private:
  const std::string output_;
  const bool as_list_;
  std::ostream* const out_;
  std::vector<std::string> kept_;  // JSON, one a result.
};

// "RUN_STATE_SUCCEEDED" -> "succeeded": the enum's own prefix goes, the rest is lower case with
// hyphens.
std::string EnumWord(const std::string& name, const std::string& prefix);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_PRINTER_H_
