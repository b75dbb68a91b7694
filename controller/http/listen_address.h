// Where the HTTPS server listens.
#ifndef MAILQUENCH_CONTROLLER_HTTP_LISTEN_ADDRESS_H_
#define MAILQUENCH_CONTROLLER_HTTP_LISTEN_ADDRESS_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mailquench::controller {

// kUnavailable/CANNOT_LISTEN.
absl::Status CannotListen(const std::string& address, absl::string_view why);

// Of "host:port" or "[IPv6]:port". Errors: CannotListen().
absl::StatusOr<boost::asio::ip::tcp::endpoint> ResolveListen(boost::asio::io_context* io,
                                                             const std::string& address);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_LISTEN_ADDRESS_H_
