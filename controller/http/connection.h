// One connection of the HTTPS server: handshake, requests one after the other, the end.
#ifndef MAILQUENCH_CONTROLLER_HTTP_CONNECTION_H_
#define MAILQUENCH_CONTROLLER_HTTP_CONNECTION_H_

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "controller/http/server.h"

namespace mailquench::controller {

class Connection;

// What a connection needs of its server. Called by the thread of all connections.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual const HttpServerOptions& options() const = 0;
  virtual bool stopping() const = 0;
  // Leads to connection->Answer(), on the same thread.
  virtual void Dispatch(std::shared_ptr<Connection> connection, HttpRequest request) = 0;
  // Memory for a body, of what all may have together. False: there is none.
  virtual bool Reserve(std::uint64_t bytes) = 0;
  virtual void Release(std::uint64_t bytes) = 0;
  virtual void Closed(Connection* connection) = 0;
};

// Lives on the thread of all connections, and as long as something is waited for. Each phase has a
// deadline of its own that no byte moves.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  Connection(Socket socket,
             std::shared_ptr<boost::asio::ssl::context> context,
             std::string peer,
             ConnectionOwner* owner);

  void Start();
  void Answer(HttpResponse response);
  // Where its handler runs or its answer is on the way, it ends after that.
  void StopSoon();
  void Close();

  const std::string& peer() const { return peer_; }
  // Whether it is the peer that is waited for, and since when.
  bool waits_for_peer() const { return phase_ != Phase::kHandling; }
  std::chrono::steady_clock::time_point since() const { return since_; }

 private:
  enum class Phase { kHandshake, kIdle, kReading, kHandling, kWriting, kEnding };
  using ErrorCode = boost::system::error_code;

  // Runs a step of it. What that throws ends this connection alone, at once, and is logged.
  template <typename F>
  void Safely(F step);
  void Enter(Phase phase, absl::Duration limit);
  void NextRequest(bool first);
  void ReadHeader();
  void OnHeader();
  // Refuses what is not said in one clear way to be a body. True: it did.
  bool RefuseFraming();
  void ReadBody();
  void OnRead();
  void Failed(ErrorCode error);
  // Answers and ends: what else the peer sends is not understood, or not wanted.
  void Refuse(int status, const std::string& sentence);
  void Write(HttpResponse response);
  void End();
  void Linger();

  Socket& socket() { return stream_.next_layer(); }

  std::shared_ptr<boost::asio::ssl::context> context_;  // Outlives the stream.
  boost::asio::ssl::stream<Socket> stream_;
  boost::asio::steady_timer deadline_;
  const std::string peer_;
  ConnectionOwner* const owner_;
  Phase phase_ = Phase::kHandshake;
  std::chrono::steady_clock::time_point since_;
  bool closed_ = false;
  std::uint64_t reserved_ = 0;

  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  HttpRequest request_;
  std::optional<boost::beast::http::response<boost::beast::http::string_body>> response_;
  std::array<char, 4096> scrap_;
  std::uint64_t lingered_ = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_CONNECTION_H_
