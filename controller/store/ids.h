// Names that nobody else has, and hashes, for the controller's own rows.
#ifndef MAILQUENCH_CONTROLLER_STORE_IDS_H_
#define MAILQUENCH_CONTROLLER_STORE_IDS_H_

#include <string>

namespace mailquench::controller {

// A random UUID (version 4), lower case.
std::string NewId();
// 32 bytes.
std::string Sha256(const std::string& bytes);
std::string ToHex(const std::string& bytes);
// "" where `hex` is not hexadecimal.
std::string FromHex(const std::string& hex);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_IDS_H_
