#include "controller/http/server.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "common/status/error.h"
#include "controller/http/connection.h"
#include "controller/http/handler_pool.h"
#include "controller/http/listen_address.h"
#include "controller/http/outbox.h"
#include "controller/http/peers.h"
#include "controller/http/tls_context.h"

namespace mailquench::controller {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

class Server final : public HttpServer, public ConnectionOwner {
 public:
  Server(const HttpServerOptions& options, LateHandler handler, std::unique_ptr<TlsContext> tls)
      : options_(options),
        handler_(std::move(handler)),
        outbox_(std::make_shared<HttpOutbox>(
            [this] { asio::post(io_, [this] { outbox_->Deliver(); }); })),
        tls_(std::move(tls)),
        work_(io_.get_executor()),
        acceptor_(io_),
        pause_(io_) {}
  ~Server() override { Stop(); }

  absl::Status Listen();
  int port() const override { return port_; }
  void Stop() override;

  const HttpServerOptions& options() const override { return options_; }
  bool stopping() const override { return stopping_; }
  void Dispatch(std::shared_ptr<Connection> connection, HttpRequest request) override;
  bool Reserve(std::uint64_t bytes) override;
  void Release(std::uint64_t bytes) override { bodies_ -= bytes; }
  void Closed(Connection* connection) override;

 private:
  void Run();
  void Accept();
  void Pause();
  void Take(tcp::socket socket);
  void CloseLongestWait();
  // Each of these is posted to the thread of all connections.
  void BeginStop();
  void CloseAll();

  const HttpServerOptions options_;
  const LateHandler handler_;
  const std::shared_ptr<HttpOutbox> outbox_;
  int port_ = 0;
  std::mutex stop_mu_;
  bool stopped_ = false;
  std::promise<void> drained_;
  std::unique_ptr<HandlerPool> pool_;
  std::thread thread_;

  // What follows is the thread's of all connections, `io_` apart. `io_` is destroyed first: what is
  // waited for holds connections, and they know the rest.
  std::unique_ptr<TlsContext> tls_;
  std::uint64_t bodies_ = 0;
  bool stopping_ = false;
  bool accepting_ = false;  // Something leads to the next Accept().
  bool told_ = false;       // That the last connection is gone.
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::unordered_map<std::string, int> peers_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
};

absl::Status Server::Listen() {
  MQ_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ResolveListen(&io_, options_.listen));
  ErrorCode error;
  const auto failed = [&error](const ErrorCode& result) {
    return static_cast<bool>(error = result);
  };
  ErrorCode step;
  if (failed(acceptor_.open(endpoint.protocol(), step)) ||
      failed(acceptor_.set_option(tcp::acceptor::reuse_address(true), step)) ||
      failed(acceptor_.bind(endpoint, step)) ||
      failed(acceptor_.listen(asio::socket_base::max_listen_connections, step))) {
    return CannotListen(options_.listen, error.message());
  }
  ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
  port_ = acceptor_.local_endpoint(step).port();
  pool_ = std::make_unique<HandlerPool>(options_.threads);
  Accept();
  thread_ = std::thread([this]() { Run(); });
  return absl::OkStatus();
}

// Connections catch what they throw. What else does (no memory) ends no more than one step.
void Server::Run() {
  while (true) {
    try {
      if (!accepting_ && !stopping_) Pause();
      io_.run();
      return;
    } catch (const std::exception& failure) {
      spdlog::error("HTTPS lost a connection: {}", failure.what());
    } catch (...) {
      spdlog::error("HTTPS lost a connection");
    }
  }
}

void Server::Accept() {
  acceptor_.async_accept([this](const ErrorCode& error, tcp::socket socket) {
    accepting_ = false;
    if (stopping_ || error == asio::error::operation_aborted) return;
    if (!error) {
      try {
        Take(std::move(socket));
      } catch (const std::exception& failure) {
        spdlog::error("HTTPS could not take a connection: {}", failure.what());
      } catch (...) {
        spdlog::error("HTTPS could not take a connection");
      }
      return Accept();
    }
    Pause();
  });
  accepting_ = true;
}

// No file handles, or no memory: to ask again at once would only burn the processor.
void Server::Pause() {
  pause_.expires_after(std::chrono::milliseconds(100));
  pause_.async_wait([this](const ErrorCode& cancelled) {
    accepting_ = false;
    if (!cancelled && !stopping_) Accept();
  });
  accepting_ = true;
}

void Server::Take(tcp::socket socket) {
  ErrorCode error;
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // It has gone already.
  asio::ip::address address = remote.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  const std::string peer = address.to_string();
  const std::string group = PeerGroup(peer);
  const auto there = peers_.find(group);
  if (there != peers_.end() && there->second >= options_.max_per_peer) return;
  if (connections_.size() >= static_cast<std::size_t>(options_.max_connections)) {
    CloseLongestWait();
    if (connections_.size() >= static_cast<std::size_t>(options_.max_connections)) return;
  }
  socket.set_option(tcp::no_delay(true), error);
  const auto connection =
      std::make_shared<Connection>(std::move(socket), tls_->Current(), peer, this);
  connections_.emplace(connection.get(), connection);
  ++peers_[group];
  try {
    connection->Start();
  } catch (...) {
    connection->Close();
    throw;
  }
}

// Whoever keeps a place without using it loses it to the next: so slow ones from many addresses
// cannot shut others out, who need a place for milliseconds.
void Server::CloseLongestWait() {
  std::shared_ptr<Connection> longest;
  for (const auto& [key, connection] : connections_) {
    if (!connection->waits_for_peer()) continue;
    if (!longest || connection->since() < longest->since()) longest = connection;
  }
  if (longest) longest->Close();
}

void Server::Closed(Connection* connection) {
  const auto count = peers_.find(PeerGroup(connection->peer()));
  if (count != peers_.end() && --count->second == 0) peers_.erase(count);
  connections_.erase(connection);
  if (stopping_ && connections_.empty() && !std::exchange(told_, true)) drained_.set_value();
}

bool Server::Reserve(std::uint64_t bytes) {
  if (bytes > options_.max_bodies || bodies_ > options_.max_bodies - bytes) return false;
  bodies_ += bytes;
  return true;
}

void Server::Dispatch(std::shared_ptr<Connection> connection, HttpRequest request) {
  HttpServer::Respond respond = outbox_->Expect(std::move(connection));
  auto shared = std::make_shared<const HttpRequest>(std::move(request));
  pool_->Add([this, respond = std::move(respond), shared = std::move(shared)](bool run) {
    if (!run) {
      HttpResponse refused;
      refused.status = 503;
      refused.body = "{\"error\":\"The controller stops; nothing was taken. Send it again\"}\n";
      return respond(std::move(refused));
    }
    const auto failed = [&respond](const char* why) {
      spdlog::error("HTTPS could not answer a request: {}", why);
      respond(InternalError());
    };
    try {
      handler_(*shared, respond);
    } catch (const std::exception& failure) {
      failed(failure.what());
    } catch (...) {
      failed("what is no std::exception");
    }
  });
}

void Server::BeginStop() {
  stopping_ = true;
  ErrorCode ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  const auto all = connections_;
  for (const auto& [key, connection] : all) connection->StopSoon();
  if (connections_.empty() && !std::exchange(told_, true)) drained_.set_value();
}

void Server::CloseAll() {
  const auto all = connections_;
  for (const auto& [key, connection] : all) connection->Close();
  work_.reset();
}

void Server::Stop() {
  const std::lock_guard<std::mutex> lock(stop_mu_);
  if (std::exchange(stopped_, true)) return;
  if (!thread_.joinable()) {  // It never listened.
    if (pool_) pool_->Stop();
    return;
  }
  asio::post(io_, [this]() { BeginStop(); });
  pool_->Stop();
  outbox_->Drain();
  drained_.get_future().wait_for(absl::ToChronoNanoseconds(options_.request_time));
  asio::post(io_, [this]() {
    CloseAll();
    io_.stop();
  });
  thread_.join();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              LateHandler handler) {
  try {
    MQ_ASSIGN_OR_RETURN(std::unique_ptr<TlsContext> tls,
                        TlsContext::Load(options.certificate, options.key));
    auto server = std::make_unique<Server>(options, std::move(handler), std::move(tls));
    MQ_RETURN_IF_ERROR(server->Listen());
    return server;
  } catch (const std::exception& failure) {
    return CannotListen(options.listen, failure.what());
  }
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              Handler handler) {
  return Start(options, LateHandler([handler = std::move(handler)](const HttpRequest& request,
                                                                   const Respond& respond) {
                 respond(handler(request));
               }));
}

}  // namespace mailquench::controller
