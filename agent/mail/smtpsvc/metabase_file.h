// A stand-in for IIS' metabase in test builds alone: one JSON file, which the agent under test and
// the simulated SMTP service both open. A release build does not contain it.
//
//   {"keys": {"": {"RelayForAuth": "dword attr=1 ut=1 1"},
//             "1": {"ServerBindings": "multi-string attr=1 ut=1 [\":25:\"]"},
//             "1/Domain/example.org": {}},
//    "faults": {"fail_write": ["1/RelayForAuth"],
//               "overwrite": {"1/RelayIpList": "binary attr=1 ut=1 00"}}}
//
// The values are the texts of metabase_value.h. `fail_write`: writing these fails; "*" is all.
// `overwrite`: a write is taken and at once replaced by this text, as Exchange's DS2MB would; "" is
// deleted. What a key lacks it has from the keys above it, as in the metabase.
//
// Lists of addresses are bytes here as in IIS. Lists of hosts without more have the layout that two
// public samples show; any other list has a form of this file's own, since IIS' is not documented.
// Bytes that are neither are what IIS cannot read: kDataLoss/BAD_IP_LIST, as with the value that
// Windows Server 2022 comes with.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_FILE_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_FILE_H_

#ifdef MAILQUENCH_FAULT_POINTS

#include <memory>
#include <string>
#include <utility>

#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

class MetabaseFile final : public Metabase {
 public:
  // kUnavailable/NO_METABASE at each call while `path` is not there.
  explicit MetabaseFile(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<std::vector<std::string>> Children(const std::string& key) override;
  absl::StatusOr<std::optional<MetabaseValue>> Read(const std::string& key,
                                                    Property property,
                                                    bool inherited) override;
  absl::Status Write(const std::string& key,
                     Property property,
                     const MetabaseValue& value) override;
  absl::Status Delete(const std::string& key, Property property) override;
  absl::StatusOr<std::optional<IpSecurity>> ReadIpSecurity(const std::string& key,
                                                           Property property) override;
  absl::Status WriteIpSecurity(const std::string& key,
                               Property property,
                               const IpSecurity& value) override;

 private:
  absl::Status Put(const std::string& key, Property property, const std::string& text);
  const std::string path_;
};

// Of the file that the environment's MAILQUENCH_METABASE names; nullptr where it names none.
std::unique_ptr<Metabase> MetabaseOfEnvironment();

// The bytes of a list and the list of bytes; for the tests.
std::string IpListBytes(const IpSecurity& value);
absl::StatusOr<IpSecurity> IpListFrom(const std::string& bytes);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_FAULT_POINTS
#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_FILE_H_
