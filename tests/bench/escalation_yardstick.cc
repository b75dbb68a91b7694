#include "tests/bench/escalation_yardstick.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/fleet/stream_hub.h"
#include "controller/http/server.h"
#include "tests/bench/https_line.h"

namespace mailquench::bench {
namespace {

using controller::HttpRequest;
using controller::HttpResponse;

// Four pages and their heads in SQLite's WAL: what a small commit of the controller writes.
constexpr std::size_t kCommit = std::size_t{4} * (4096 + 24);
constexpr off_t kFile = off_t{4} * 1024 * 1024;  // As a WAL, it is written over from its beginning.

class Echo final : public controller::AgentEvents {
 public:
  void OnConnected(const std::string& host, const v1::Hello&) override {
    const std::lock_guard<std::mutex> lock(mu_);
    host_ = host;
  }
  void OnDisconnected(const std::string&) override {}
  void OnHeartbeat(const std::string&, const v1::Heartbeat&) override {}
  void OnProgress(const std::string&, const v1::Progress&) override {}
  void OnPlanned(const std::string&, const v1::OperationPlanned&) override {}
  void OnKnown(const std::string&, const v1::KnownCommands&) override {}
  void OnReport(const std::string&, const v1::OperationReport&) override {
    const std::lock_guard<std::mutex> lock(mu_);
    arrived_ = MonotonicNanos();
    changed_.notify_all();
  }
  // -1: nobody answered.
  std::int64_t Measure(controller::StreamHub* hub) {
    v1::ControllerMessage message;
    message.mutable_command()->set_command_id("echo");
    message.mutable_command()->mutable_operation()->mutable_contain();
    std::unique_lock<std::mutex> lock(mu_);
    arrived_ = 0;
    const std::string host = host_;
    const std::int64_t begin = MonotonicNanos();
    lock.unlock();
    if (!hub->Send(host, message)) return -1;
    lock.lock();
    const bool there =
        changed_.wait_for(lock, std::chrono::seconds(5), [&] { return arrived_ > 0; });
    return there ? arrived_ - begin : -1;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::string host_;
  std::int64_t arrived_ = 0;
};

// Of this program's one thread that measures.
class Disk {
 public:
  explicit Disk(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), commit_(kCommit, 'x') {
    const std::string zeros(kFile, '\0');
    if (::write(fd_, zeros.data(), zeros.size()) < 0) return;
    ::fsync(fd_);
  }
  ~Disk() { ::close(fd_); }
  std::int64_t Measure() {
    const std::lock_guard<std::mutex> lock(mu_);
    const std::int64_t begin = MonotonicNanos();
    for (int i = 0; i < 3; ++i) {
      const ssize_t written = ::pwrite(fd_, commit_.data(), commit_.size(), at_);
      if (written != static_cast<ssize_t>(commit_.size()) || ::fdatasync(fd_) != 0) return -1;
      at_ = (at_ + static_cast<off_t>(kCommit)) % (kFile - static_cast<off_t>(kCommit));
    }
    return MonotonicNanos() - begin;
  }

 private:
  const int fd_;
  const std::string commit_;
  std::mutex mu_;
  off_t at_ = 0;
};

HttpResponse Respond(int status, const std::string& body) {
  HttpResponse response;
  response.status = status;
  response.body = body;
  return response;
}

HttpResponse TakeAlerts(const HttpRequest& request) {
  const auto alerts =
      controller::ReadAlerts(v1::SOURCE_KIND_ALERTMANAGER, "bench", request.body, absl::Now());
  if (!alerts.ok()) return Respond(400, std::string(alerts.status().message()));
  return Respond(202, absl::StrCat("{\"taken\":", alerts->size(), ",\"duplicates\":0}"));
}

}  // namespace

absl::Status ServeYardstick(const std::string& dir) {
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &end, nullptr);
  Echo echo;
  Disk disk(dir + "/yardstick");
  controller::StreamHooks hooks;
  hooks.identify = [](grpc::ServerContextBase& context) -> absl::StatusOr<std::string> {
    MQ_ASSIGN_OR_RETURN(const rpc::Peer peer, rpc::PeerOf(context));
    return peer.id.name;
  };
  hooks.admit = [](const std::string&) { return absl::OkStatus(); };
  controller::StreamHub hub(std::move(hooks));
  hub.SetEvents(&echo);
  const rpc::Files files{dir + "/controller.key", dir + "/controller.pem", dir + "/ca.pem"};
  MQ_ASSIGN_OR_RETURN(const auto credentials, rpc::ServerCredentials(files));
  grpc::ServerBuilder builder;
  rpc::SetServerOptions(&builder);
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(hub.service());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("the yardstick's stream cannot be served");
  controller::HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.certificate = files.certificate;
  options.key = files.key;
  MQ_ASSIGN_OR_RETURN(const auto https,
                      controller::HttpServer::Start(options, [&](const HttpRequest& request) {
                        if (request.path == "/echo")
                          return Respond(200, absl::StrCat(echo.Measure(&hub)));
                        if (request.path == "/fsync")
                          return Respond(200, absl::StrCat(disk.Measure()));
                        return TakeAlerts(request);
                      }));
  std::printf("ready port=%d https_port=%d\n", port, https->port());
  std::fflush(stdout);
  int number = 0;
  ::sigwait(&end, &number);
  https->Stop();
  hub.DisconnectAll("the bench is over");
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server->Wait();
  hub.Stop();
  return absl::OkStatus();
}

}  // namespace mailquench::bench
