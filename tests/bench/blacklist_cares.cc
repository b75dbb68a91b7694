#include "tests/bench/blacklist_cares.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <poll.h>

#include "absl/strings/str_cat.h"

namespace mailquench::bench {
namespace {

using blacklist::Answer;
using blacklist::Rcode;

struct Flight {
  int question = 0;
  int* in_flight = nullptr;
  const std::function<void(int, const Answer&)>* answered = nullptr;
};

void Arrived(void* data, int status, int, unsigned char* message, int size) {
  const auto* flight = static_cast<Flight*>(data);
  --*flight->in_flight;
  Answer answer;
  ares_addrttl records[8];
  int count = 8;
  if (status == ARES_SUCCESS) status = ares_parse_a_reply(message, size, nullptr, records, &count);
  if (status == ARES_SUCCESS) {
    answer.rcode = Rcode::kNoError;
    for (int i = 0; i < count; ++i) answer.addresses.push_back(ntohl(records[i].ipaddr.s_addr));
  } else if (status == ARES_ENOTFOUND) {
    answer.rcode = Rcode::kNxDomain;
  }
  (*flight->answered)(flight->question, answer);
  delete flight;
}

}  // namespace

void AskWithCares(int port,
                  int questions,
                  const std::function<std::string(int)>& name_of,
                  const std::function<void(int, const Answer&)>& answered) {
  constexpr int kWindow = 80;
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
                  ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN;
  options.timeout = 1500;
  options.tries = 4;
  options.ednspsz = 1232;
  options.socket_receive_buffer_size = 1 << 20;
  ares_channel channel = nullptr;
  ares_init_options(&channel, &options,
                    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                        ARES_OPT_SOCK_RCVBUF);
  ares_set_servers_ports_csv(channel, absl::StrCat("127.0.0.1:", port).c_str());
  int asked = 0, in_flight = 0;
  while (asked < questions || in_flight > 0) {
    while (asked < questions && in_flight < kWindow) {
      ++in_flight;
      auto* flight = new Flight{asked, &in_flight, &answered};
      ares_query(channel, name_of(asked++).c_str(), ns_c_in, ns_t_a, &Arrived, flight);
    }
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    pollfd one{ARES_GETSOCK_READABLE(bits, 0) ? sockets[0] : -1, POLLIN, 0};
    ::poll(&one, 1, 10);
    ares_process_fd(channel, one.revents != 0 ? one.fd : ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  ares_destroy(channel);
}

}  // namespace mailquench::bench
