// Stands between a client and a DNS server over UDP, and does to the replies what a test wants.
#ifndef MAILQUENCH_TESTS_UNIT_DNS_MEDDLER_H_
#define MAILQUENCH_TESTS_UNIT_DNS_MEDDLER_H_

#include <netinet/in.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace mailquench::controller::dns::test {

class Meddler {
 public:
  // Of each reply of the server to a request: what the client gets in its place, in order. Called
  // in the meddler's own thread.
  using Replies =
      std::function<std::vector<std::string>(const std::string& request, const std::string& reply)>;
  // `server`: "127.0.0.1:5353". What `passes` says no to does not reach it.
  Meddler(const std::string& server,
          Replies replies,
          std::function<bool(const std::string& request)> passes = nullptr);
  ~Meddler();
  Meddler(const Meddler&) = delete;
  Meddler& operator=(const Meddler&) = delete;

  std::string address() const;                // What the client shall ask.
  int requests() const { return requests_; }  // That came.
  void End();                                 // After it nothing is answered.
  // From another port of ours, to the client that is being answered. For `replies` alone.
  void SendFromAnotherPort(const std::string& bytes);

 private:
  void Run();
  const std::string server_;
  const Replies replies_;
  const std::function<bool(const std::string&)> passes_;
  int fd_ = -1;
  int port_ = 0;
  sockaddr_in client_{};
  std::atomic<int> requests_ = 0;
  std::atomic<bool> end_ = false;
  std::thread thread_;
};

}  // namespace mailquench::controller::dns::test

#endif  // MAILQUENCH_TESTS_UNIT_DNS_MEDDLER_H_
