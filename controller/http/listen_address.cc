#include "controller/http/listen_address.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::controller {

using boost::asio::ip::tcp;

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return Error(absl::StatusCode::kUnavailable, "CANNOT_LISTEN",
               absl::StrCat("HTTPS cannot listen on '", address, "': ", why,
                            "; nothing was started. Name an address of this machine and a free "
                            "port as host:port"));
}

absl::StatusOr<tcp::endpoint> ResolveListen(boost::asio::io_context* io,
                                            const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return CannotListen(address, "it has no port");
  std::uint32_t port = 0;  // A resolver takes what is no number, or too large, for 0.
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return CannotListen(address, "its port is no number from 0 to 65535");
  }
  std::string host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  tcp::resolver resolver(*io);
  const auto found =
      resolver.resolve(host, address.substr(colon + 1),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error) return CannotListen(address, error.message());
  return found.begin()->endpoint();
}

}  // namespace mailquench::controller
