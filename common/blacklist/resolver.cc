#include "common/blacklist/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <poll.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kMostTexts = 16;
constexpr std::size_t kLongestText = 4096;
constexpr int kSeemsDead = 5;
constexpr absl::Duration kLongestPoll = absl::Milliseconds(250);

struct Question {
  std::string name;
  RecordType type = RecordType::kA;
  Resolver::Callback done;
  absl::Time begun = absl::InfiniteFuture();
  std::size_t first = 0;  // Index of the server that was asked first.
  std::size_t asked = 0;  // Servers that were asked.
};

Rcode FromAres(int status) {
  switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
      return Rcode::kNoError;
    case ARES_ENOTFOUND:
      return Rcode::kNxDomain;
    case ARES_ESERVFAIL:
      return Rcode::kServFail;
    case ARES_EREFUSED:
      return Rcode::kRefused;
    case ARES_EFORMERR:
      return Rcode::kFormErr;
    case ARES_ENOTIMP:
      return Rcode::kNotImplemented;
    case ARES_EBADRESP:
      return Rcode::kMalformed;
    default:
      return Rcode::kTimeout;
  }
}

void ReadAddresses(const unsigned char* packet, int size, Reply& reply) {
  ares_addrttl records[64];
  int count = 64;
  const int parsed = ares_parse_a_reply(packet, size, nullptr, records, &count);
  if (parsed != ARES_SUCCESS) {
    reply.answer.rcode = FromAres(parsed);
    return;
  }
  for (int i = 0; i < count; ++i) {
    reply.answer.addresses.push_back(ntohl(records[i].ipaddr.s_addr));
    const auto ttl = static_cast<std::uint32_t>(std::max(records[i].ttl, 0));
    reply.ttl = i == 0 ? ttl : std::min(reply.ttl, ttl);
  }
}

void ReadTexts(const unsigned char* packet, int size, Reply& reply) {
  ares_txt_ext* texts = nullptr;
  const int parsed = ares_parse_txt_reply_ext(packet, size, &texts);
  if (parsed != ARES_SUCCESS) {
    reply.answer.rcode = FromAres(parsed);
    return;
  }
  for (const ares_txt_ext* one = texts; one != nullptr; one = one->next) {
    if (one->record_start != 0 || reply.texts.empty()) {
      if (reply.texts.size() == kMostTexts) break;
      reply.texts.emplace_back();
    }
    std::string& text = reply.texts.back();
    text.append(reinterpret_cast<const char*>(one->txt),
                std::min(one->length, kLongestText - std::min(text.size(), kLongestText)));
  }
  ares_free_data(texts);
}

class AresResolver;

// One server: its channel, and what is in flight on it.
struct Server {
  AresResolver* owner = nullptr;
  std::string name;
  ares_channel channel = nullptr;
  int in_flight = 0;
  int window = 0;
  int failed = 0;              // In a row.
  std::deque<Question> again;  // That another server has not answered.
  // One that seems dead is asked one question at a time, to learn when it is back.
  bool Free() const { return in_flight < (failed >= kSeemsDead ? 1 : window); }
  std::map<ares_socket_t, short> sockets;  // What c-ares waits for.
};

struct Flight {
  Server* server = nullptr;
  Question question;
};

class AresResolver final : public Resolver {
 public:
  explicit AresResolver(const ResolverOptions& options) : options_(options) {}
  ~AresResolver() override {
    ending_ = true;
    GiveUp([](ares_channel channel) { ares_destroy(channel); });
  }

  absl::Status Open() {
    static std::once_flag once;
    static int ready = ARES_SUCCESS;
    std::call_once(once, [] { ready = ares_library_init(ARES_LIB_INIT_ALL); });
    if (ready != ARES_SUCCESS) return absl::InternalError(ares_strerror(ready));
    const std::vector<std::string> system = {""};
    for (const std::string& name : options_.servers.empty() ? system : options_.servers)
      MQ_RETURN_IF_ERROR(AddServer(name));
    return absl::OkStatus();
  }

  void Ask(const std::string& name, RecordType type, Callback done) override {
    Question question;
    question.name = name;
    question.type = type;
    question.done = std::move(done);
    waiting_.push_back(std::move(question));
  }

  void Run(absl::Time until) override {
    while (true) {
      Fill();
      if (Idle()) return;
      if (absl::Now() >= until) break;
      PollOnce(until);
    }
    GiveUp([](ares_channel channel) { ares_cancel(channel); });
  }

 private:
  absl::Status AddServer(const std::string& name) {
    auto server = std::make_unique<Server>();
    server->owner = this;
    server->name = name;
    server->window = options_.window;
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
                    ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN;
    options.timeout = static_cast<int>(absl::ToInt64Milliseconds(options_.timeout));
    options.tries = options_.tries;
    options.ednspsz = 1232;
    options.socket_receive_buffer_size = 1 << 20;
    options.sock_state_cb = [](void* data, ares_socket_t fd, int readable, int writable) {
      auto* self = static_cast<Server*>(data);
      const short events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
      if (events == 0)
        self->sockets.erase(fd);
      else
        self->sockets[fd] = events;
    };
    options.sock_state_cb_data = server.get();
    const int made =
        ares_init_options(&server->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                              ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB);
    if (made != ARES_SUCCESS) return absl::InternalError(ares_strerror(made));
    if (!name.empty() &&
        ares_set_servers_ports_csv(server->channel, name.c_str()) != ARES_SUCCESS) {
      ares_destroy(server->channel);
      return Error(absl::StatusCode::kInvalidArgument, "BAD_SERVER",
                   absl::StrCat("'", name, "' is no DNS server's address"));
    }
    servers_.push_back(std::move(server));
    return absl::OkStatus();
  }

  bool Idle() const {
    return waiting_.empty() && std::all_of(servers_.begin(), servers_.end(), [](const auto& s) {
             return s->in_flight == 0 && s->again.empty();
           });
  }

  void Fill() {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      while (!servers_[i]->again.empty() && servers_[i]->Free()) Send(i, Take(servers_[i]->again));
    }
    for (std::size_t full = 0; !waiting_.empty() && full < servers_.size();) {
      const std::size_t i = next_;
      next_ = (next_ + 1) % servers_.size();
      if (!servers_[i]->Free()) {
        ++full;
        continue;
      }
      full = 0;
      Question question = Take(waiting_);
      question.first = i;
      Send(i, std::move(question));
    }
  }

  static Question Take(std::deque<Question>& questions) {
    Question question = std::move(questions.front());
    questions.pop_front();
    return question;
  }

  // Ends what is in flight by `end`, and what waits. Taken out first: what a callback asks
  // meanwhile waits for the next Run(), or this would never end.
  void GiveUp(const std::function<void(ares_channel)>& end) {
    std::deque<Question> all;
    all.swap(waiting_);
    for (const auto& server : servers_) {
      while (!server->again.empty()) all.push_back(Take(server->again));
    }
    for (const auto& server : servers_) end(server->channel);
    while (!all.empty()) End(Take(all), Reply());
  }

  void Send(std::size_t at, Question question) {
    Server* server = servers_[at].get();
    if (question.begun == absl::InfiniteFuture()) question.begun = absl::Now();
    ++question.asked;
    ++server->in_flight;
    auto* flight = new Flight{server, std::move(question)};
    const int type = flight->question.type == RecordType::kA ? ns_t_a : ns_t_txt;
    // Copied: c-ares may call back, and free the flight, before it returns.
    const std::string name = flight->question.name;
    ares_query(server->channel, name.c_str(), ns_c_in, type, &AresResolver::Arrived, flight);
  }

  static void Arrived(void* data, int status, int, unsigned char* packet, int size) {
    const std::unique_ptr<Flight> flight(static_cast<Flight*>(data));
    AresResolver* self = flight->server->owner;
    --flight->server->in_flight;
    Reply reply;
    reply.server = flight->server->name;
    reply.answer.rcode = FromAres(status);
    if (status == ARES_SUCCESS) {
      if (flight->question.type == RecordType::kA)
        ReadAddresses(packet, size, reply);
      else
        ReadTexts(packet, size, reply);
    }
    const Rcode rcode = reply.answer.rcode;
    const bool failed = rcode == Rcode::kTimeout || rcode == Rcode::kServFail ||
                        rcode == Rcode::kRefused || rcode == Rcode::kNotImplemented ||
                        rcode == Rcode::kMalformed;
    flight->server->failed = failed ? flight->server->failed + 1 : 0;
    Question& question = flight->question;
    if (failed && !self->ending_ && status != ARES_ECANCELLED &&
        question.asked < self->servers_.size()) {
      const std::size_t next = (question.first + question.asked) % self->servers_.size();
      self->servers_[next]->again.push_back(std::move(question));
      return;
    }
    self->End(flight->question, std::move(reply));
  }

  void End(const Question& question, Reply reply) {
    if (question.begun != absl::InfiniteFuture()) reply.time = absl::Now() - question.begun;
    question.done(reply);
  }

  void PollOnce(absl::Time until) {
    std::vector<pollfd> polls;
    std::vector<Server*> owners;
    absl::Duration wait = std::min(kLongestPoll, until - absl::Now());
    for (const auto& server : servers_) {
      for (const auto& [fd, events] : server->sockets) {
        polls.push_back({fd, events, 0});
        owners.push_back(server.get());
      }
      timeval most{0, 250000}, left{};
      const timeval* next = ares_timeout(server->channel, &most, &left);
      wait = std::min(wait, absl::DurationFromTimeval(*next));
    }
    const int ready =
        ::poll(polls.data(), polls.size(),
               static_cast<int>(std::max<std::int64_t>(
                   0, absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))))));
    for (std::size_t i = 0; ready > 0 && i < polls.size(); ++i) {
      if (polls[i].revents == 0) continue;
      const bool in = (polls[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool out = (polls[i].revents & POLLOUT) != 0;
      ares_process_fd(owners[i]->channel, in ? polls[i].fd : ARES_SOCKET_BAD,
                      out ? polls[i].fd : ARES_SOCKET_BAD);
    }
    for (const auto& server : servers_)  // Those whose time is over.
      ares_process_fd(server->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }

  const ResolverOptions options_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::size_t next_ = 0;
  std::deque<Question> waiting_;
  bool ending_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Make(const ResolverOptions& options) {
  auto resolver = std::make_unique<AresResolver>(options);
  MQ_RETURN_IF_ERROR(resolver->Open());
  return resolver;
}

}  // namespace mailquench::blacklist
