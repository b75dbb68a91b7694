#include "common/blacklist/udp_upstream.h"

#include <algorithm>

#include "common/blacklist/public_resolvers.h"

namespace mailquench::blacklist {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr int kOverdue = 8;  // Windows of questions that wait for a further try.
constexpr int kRefusalsAtOneOfMany = 2;
constexpr std::int64_t kFirstPause = 50 * kMillisecond;  // After an ICMP refusal; then doubled.
constexpr std::uint32_t kLateFor = 10'000;               // Milliseconds.

bool Failed(Rcode rcode) {
  return rcode == Rcode::kServFail || rcode == Rcode::kRefused || rcode == Rcode::kNotImplemented ||
         rcode == Rcode::kMalformed;
}

}  // namespace

Upstream::Upstream(std::string name,
                   const ServerAddress& address,
                   const ResolverOptions& options,
                   Random* random,
                   os::ReceiveBatch* batch,
                   Ended ended)
    : name_(std::move(name)),
      is_public_(IsPublicResolver(name_)),
      options_(options),
      timeout_(absl::ToInt64Nanoseconds(options.timeout)),
      patience_(absl::ToInt64Nanoseconds(options.patience)),
      random_(random),
      batch_(batch),
      ended_(std::move(ended)),
      ports_(address, 2 * std::max(options.window, Window::kLeast)),
      health_(timeout_, patience_),
      retry_time_(timeout_),
      window_(options.window) {}

int Upstream::Room(std::int64_t now) const {
  if (health_.dead()) return Idle() && health_.MayProbe(now) ? 1 : 0;
  const int overdue = flights_.count() - flights_.first_tries();
  if (blocked_ || overdue >= kOverdue * window_.size()) return 0;
  return std::max(0, window_.size() - flights_.first_tries() - over_tcp_);
}

bool Upstream::Take(Question& question, std::int64_t now) {
  Packet packet;
  if (!WriteQuestion(question.name, question.type, options_.random_case ? random_ : nullptr,
                     packet))
    return false;
  if (!edns_) packet.DropOpt();
  if (question.begun == 0) question.begun = now;
  const auto socket = ports_.Current(now);
  if (!socket.ok()) {
    ++stats_.given_up;
    ended_(std::move(question), NoReply(), true);
    return true;
  }
  health_.Asked(flights_.count() == 0, now);
  const std::uint32_t number = flights_.Add();
  Flight& flight = flights_[number];
  flight.question = std::move(question);
  flight.packet = packet;
  flight.socket = *socket;
  flight.first_sent = flight.sent = now;
  flight.id = flight.socket->Add(flight.packet, number, *random_);
  to_send_.emplace_back(number, flight.serial);
  ++stats_.sent;
  return true;
}

void Upstream::Flush(std::int64_t now) {
  os::SendBatch batch;
  std::uint32_t numbers[os::SendBatch::kSize];
  std::vector<std::uint32_t> failed;
  blocked_ = false;
  std::size_t at = 0;
  while (at < to_send_.size() && !blocked_) {
    // As many as are next to each other on one socket.
    UdpSocket* socket = nullptr;
    std::size_t end = at;
    batch.Clear();
    for (; end < to_send_.size() && batch.count() < os::SendBatch::kSize; ++end) {
      Flight& flight = flights_[to_send_[end].first];
      if (flight.serial != to_send_[end].second) continue;  // Answered meanwhile.
      if (socket == nullptr) socket = flight.socket;
      if (flight.socket != socket) break;
      numbers[batch.count()] = to_send_[end].first;
      batch.Add(flight.packet.bytes.data(), flight.packet.size);
    }
    while (socket != nullptr && !batch.Done() && !blocked_) {
      const os::SendBatch::Result result = batch.Send(socket->handle());
      // Those that were sent go again with the rest: a second answer is late, and hurts nobody.
      blocked_ = result == os::SendBatch::Result::kFull;
      if (result == os::SendBatch::Result::kFailed) failed.push_back(numbers[batch.Skip()]);
    }
    if (!blocked_) at = end;
  }
  to_send_.erase(to_send_.begin(), to_send_.begin() + static_cast<std::ptrdiff_t>(at));
  for (const std::uint32_t number : failed) Refused(number, now);
}

void Upstream::AddPolls(std::vector<pollfd>& polls) {
  const short events = static_cast<short>(POLLIN | (blocked_ ? POLLOUT : 0));
  for (const auto& socket : ports_.all()) polls.push_back({socket->handle(), events, 0});
  if (tcp_ != nullptr) tcp_->AddPolls(polls);
}

void Upstream::Process(const pollfd* ready, std::int64_t now) {
  // Sockets are opened and closed at the end only: the order is that of AddPolls().
  for (const auto& socket : ports_.all()) {
    if ((ready->revents & POLLERR) != 0) ReceiveErrors(*socket, now);
    if ((ready->revents & (POLLIN | POLLERR)) != 0) Receive(*socket, now);
    ++ready;
  }
  if (tcp_ != nullptr) tcp_->Process(ready);
  Tick(now);
  ports_.Close(now);
}

void Upstream::Receive(UdpSocket& socket, std::int64_t now) {
  for (int count = os::ReceiveBatch::kSize; count == os::ReceiveBatch::kSize;) {
    count = batch_->Receive(socket.handle());
    for (int i = 0; i < count; ++i)
      Got(socket, batch_->data(i), batch_->size(i), batch_->cut(i), now);
  }
  for (int refusals = batch_->TakeRefusals(); refusals > 0; --refusals) RefusedAnyOf(socket, now);
}

// A system that does not quote what was refused: it tells of refusals in their order, and the
// network answers mostly in that of the questions. Where it is the wrong one, another try of the
// right one ends by its time.
void Upstream::RefusedAnyOf(const UdpSocket& socket, std::int64_t now) {
  std::uint32_t oldest = Flight::kNone;
  for (int level = 0; level < Flights::kLevels; ++level) {
    for (std::uint32_t number = flights_.First(level); number != Flight::kNone;
         number = flights_[number].after) {
      const Flight& flight = flights_[number];
      if (flight.socket != &socket || flight.Paused()) continue;
      if (oldest == Flight::kNone || flight.sent < flights_[oldest].sent) oldest = number;
      break;  // Each level is in the order in which they were sent.
    }
  }
  if (oldest != Flight::kNone) Refused(oldest, now);
}

void Upstream::ReceiveErrors(UdpSocket& socket, std::int64_t now) {
  while (batch_->ReceiveError(socket.handle())) {
    // The id alone would do; the question is checked where the network has quoted it.
    const std::uint8_t* quoted = batch_->data(0);
    if (batch_->size(0) < 2) continue;
    const AskedId* asked = socket.Find(IdOf(quoted));
    if (asked == nullptr || asked->state != AskedId::State::kInFlight) continue;
    if (batch_->size(0) >= asked->question_end &&
        QuestionHash(quoted, asked->question_end) != asked->question)
      continue;
    Refused(asked->flight, now);
  }
}

void Upstream::Got(
    UdpSocket& socket, const std::uint8_t* message, std::size_t size, bool cut, std::int64_t now) {
  const AskedId* asked = size < kHeader ? nullptr : socket.Find(IdOf(message));
  if (asked != nullptr && asked->state == AskedId::State::kInFlight &&
      Answers(message, size, flights_[asked->flight].packet)) {
    health_.Heard(now);
    Answered(asked->flight, message, size, cut, now);
    return;
  }
  const bool late = asked != nullptr && asked->state != AskedId::State::kInFlight &&
                    static_cast<std::uint32_t>(now / kMillisecond) - asked->ended < kLateFor &&
                    size >= asked->question_end && (message[2] & 0x80) != 0 &&
                    QuestionHash(message, asked->question_end) == asked->question;
  if (!late) {
    ++stats_.forged;
    return;
  }
  ++stats_.late;
  health_.Heard(now);
  if (asked->state == AskedId::State::kAnswered && asked->sent_again)
    retry_time_.WasTooShort(static_cast<std::int64_t>(asked->took) * 1000);
}

void Upstream::Answered(std::uint32_t number,
                        const std::uint8_t* message,
                        std::size_t size,
                        bool cut,
                        std::int64_t now) {
  Flight& flight = flights_[number];
  if (flight.copies == 1) {
    retry_time_.Sample(now - flight.sent);
    answered_sent_ = std::max(answered_sent_, flight.sent);
    window_.Answered(2 * flights_.first_tries() >= window_.size(), now, retry_time_.Get());
  }
  if (IsFormErr(message) && flight.packet.HasOpt()) {
    AskWithoutOpt(number, now);
    return;
  }
  if (!flight.packet.HasOpt() && !IsFormErr(message)) edns_ = false;
  if (cut || IsTruncated(message)) {
    const Packet packet = flight.packet;
    AskOverTcp(Remove(number, AskedId::State::kAnswered, now), packet);
    return;
  }
  Reply reply = NoReply();
  ReadReply(message, size, flight.question.type, reply);
  ++stats_.answered;
  const bool failed = Failed(reply.answer.rcode);
  ended_(Remove(number, AskedId::State::kAnswered, now), std::move(reply), failed);
}

// A server from before EDNS calls our question ill-formed (RFC 6891, section 7).
void Upstream::AskWithoutOpt(std::uint32_t number, std::int64_t now) {
  Flight& flight = flights_[number];
  flight.socket->End(flight.id, AskedId::State::kAnswered, flight.copies > 1, flight.first_sent,
                     now);
  flight.packet.DropOpt();
  flight.id = flight.socket->Add(flight.packet, number, *random_);
  flight.sent = now;
  ++flight.copies;
  flights_.Move(number, 1);
  to_send_.emplace_back(number, flight.serial);
  ++stats_.resent;
}

void Upstream::AskOverTcp(Question question, Packet packet) {
  ++stats_.over_tcp;
  if (tcp_ == nullptr) {
    auto made = TcpChannel::Make(name_, options_.timeout);
    if (!made.ok()) {
      ++stats_.given_up;
      ended_(std::move(question), NoReply(), true);
      return;
    }
    tcp_ = *std::move(made);
  }
  ++over_tcp_;
  auto kept = std::make_shared<Question>(std::move(question));
  tcp_->Ask(packet, [this, kept, packet](const std::uint8_t* message, std::size_t size) {
    --over_tcp_;
    if (giving_up_ != nullptr) {
      giving_up_->push_back(std::move(*kept));
      return;
    }
    Reply reply = NoReply();
    const bool answered = message != nullptr && Answers(message, size, packet);
    if (answered) ReadReply(message, size, kept->type, reply);
    ++(answered ? stats_.answered : stats_.given_up);
    const bool failed = !answered || Failed(reply.answer.rcode);
    ended_(std::move(*kept), std::move(reply), failed);
  });
}

std::int64_t Upstream::Wait(int level) const {
  if (level < Flights::kTries) return retry_time_.OfTry(level);
  if (level == Flights::kPassed) return retry_time_.OfTry(0);
  return std::min(timeout_, kFirstPause << (level - Flights::kTries));
}

void Upstream::Tick(std::int64_t now) {
  // One whose answer is overdue, while later ones are answered, is probably lost. It is sent again
  // when the retry time is over, which has a floor; until then its place is free, or chance losses
  // would fill the window.
  const std::int64_t passed = std::min(answered_sent_, now - retry_time_.Probable());
  for (std::uint32_t number = flights_.First(0);
       number != Flight::kNone && flights_[number].sent < passed; number = flights_.First(0))
    flights_.Move(number, Flights::kPassed);
  for (int level = 0; level < Flights::kLevels; ++level) {
    std::uint32_t number = flights_.First(level);
    if (number == Flight::kNone) continue;
    const std::int64_t before = now - Wait(level);
    // Those of the last level come back at its end, sent just now.
    for (; number != Flight::kNone && flights_[number].sent <= before;
         number = flights_.First(level))
      Expired(number, now);
  }
}

std::int64_t Upstream::UntilNext(std::int64_t now, std::int64_t most) {
  for (int level = 0; level < Flights::kLevels; ++level) {
    const std::uint32_t number = flights_.First(level);
    if (number != Flight::kNone) most = std::min(most, flights_[number].sent + Wait(level) - now);
  }
  if (tcp_ != nullptr)
    most = absl::ToInt64Nanoseconds(
        tcp_->UntilTimeout(absl::Nanoseconds(std::max<std::int64_t>(0, most))));
  return std::max<std::int64_t>(0, most);
}

void Upstream::Expired(std::uint32_t number, std::int64_t now) {
  Flight& flight = flights_[number];
  if (flight.level == 0 || flight.level == Flights::kPassed) window_.Lost(now, retry_time_.Get());
  const bool paused = flight.Paused();  // The end of a pause is no further failure.
  if (!paused) health_.NotHeard(now);
  const bool over =
      now - flight.first_sent >= patience_ ||
      (!flight.question.last && (health_.dead() || flight.copies >= options_.tries)) ||
      (!paused && Silent(now) && health_.SentBeforeSilence(flight.first_sent));
  if (over) {
    NotAnswered(number, now);
    return;
  }
  flight.sent = now;
  ++flight.copies;
  flights_.Move(number, std::min(flight.copies, Flights::kTries) - 1);
  to_send_.emplace_back(number, flight.serial);
  ++stats_.resent;
}

// A packet of ICMP says that the server is not there. Anyone may have sent it: the try has failed,
// no more.
void Upstream::Refused(std::uint32_t number, std::int64_t now) {
  Flight& flight = flights_[number];
  if (flight.serial == 0 || flight.Paused()) return;
  health_.Refused();
  ++flight.refused;
  if (!flight.question.last && (health_.dead() || flight.refused >= kRefusalsAtOneOfMany)) {
    NotAnswered(number, now);
  } else if (flight.refused >= Flights::kRefusals) {
    health_.RefusedToTheEnd();
    NotAnswered(number, now);
  } else {
    flight.sent = now;
    flights_.Move(number, Flights::kTries + flight.refused - 1);
  }
}

void Upstream::NotAnswered(std::uint32_t number, std::int64_t now) {
  ++stats_.given_up;
  ended_(Remove(number, AskedId::State::kGivenUp, now), NoReply(), true);
}

Question Upstream::Remove(std::uint32_t number, AskedId::State state, std::int64_t now) {
  Flight& flight = flights_[number];
  flight.socket->End(flight.id, state, flight.copies > 1, flight.first_sent, now);
  Question question = std::move(flight.question);
  flights_.Remove(number);
  return question;
}

void Upstream::GiveUp(std::deque<Question>& questions, std::int64_t now) {
  for (int level = 0; level < Flights::kLevels; ++level) {
    while (flights_.First(level) != Flight::kNone) {
      questions.push_back(Remove(flights_.First(level), AskedId::State::kGivenUp, now));
      ++stats_.given_up;
    }
  }
  to_send_.clear();
  giving_up_ = &questions;
  stats_.given_up += over_tcp_;
  if (tcp_ != nullptr) tcp_->Cancel();
  giving_up_ = nullptr;
}

Reply Upstream::NoReply() const {
  Reply reply;
  reply.server = name_;
  return reply;
}

}  // namespace mailquench::blacklist
