#include "tests/simulation/exchange/control.h"

#include "agent/os/files.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {
namespace {
constexpr std::size_t kLongest = std::size_t{256} * 1024 * 1024;

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}
}  // namespace

std::string ControlPort::Start(const std::string& address) {
  listener_ = ListenOn(address, 0);
  if (!listener_.valid()) return "";
  ended_ = false;
  thread_ = std::thread([this] {
    while (!ended_) acceptor_.Look({listener_.get()});
  });
  return LocalOf(listener_);
}

void ControlPort::Stop() {
  if (ended_.exchange(true)) return;
  thread_.join();
  acceptor_.Join();
  listener_.Reset();
}

void ControlPort::Serve(os::Socket socket) {
  LineSocket peer(std::move(socket), ended_, kLongest);
  while (const std::optional<std::string> line = peer.ReadLine()) {
    Json answer;
    try {
      answer = answer_(Json::parse(*line));
    } catch (const Json::exception& error) {
      answer = {{"ok", false}, {"error", std::string("not understood: ") + error.what()}};
    }
    if (!peer.Write(Line(answer))) return;
  }
}

std::optional<Json> AskTransport(const std::string& world,
                                 const std::string& server,
                                 const Json& request,
                                 const std::atomic<bool>& ended) {
  const auto text = agent::ReadFile(SimFile(world, server, "transport.json"));
  const Json running = text.ok() ? Json::parse(*text, nullptr, false) : Json();
  if (!running.is_object()) return std::nullopt;
  std::optional<LineSocket> peer = ConnectTo(TextIn(running, "control"), ended, kLongest);
  if (!peer.has_value() || !peer->Write(Line(request))) return std::nullopt;
  const std::optional<std::string> line = peer->ReadLine();
  if (!line.has_value()) return std::nullopt;
  Json answer = Json::parse(*line, nullptr, false);
  if (!answer.is_object()) return std::nullopt;
  return answer;
}

}  // namespace mailquench::simulation::exchange
