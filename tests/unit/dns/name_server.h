// Private BIND and Knot servers on loopback, with keys that tsig-keygen made.
#ifndef MAILQUENCH_TESTS_UNIT_DNS_NAME_SERVER_H_
#define MAILQUENCH_TESTS_UNIT_DNS_NAME_SERVER_H_

#include <sys/types.h>

#include <string>

#include "controller/dns/look.h"
#include "controller/dns/tsig_key.h"

namespace mailquench::controller::dns::test {

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Makes `folder`/`file` by tsig-keygen, mode 0600.
void MakeKey(const Folder& folder,
             const std::string& file,
             const std::string& algorithm,
             const std::string& name);
TsigKey LoadKey(const Folder& folder, const std::string& file);

std::string ReadAll(const std::string& path);

// What the tests change: mx1 A 192.0.2.10, alias CNAME mx1, MX 10 mx1.
std::string ExampleZone(int serial = 1);

// A server that ends with the object.
class Server {
 public:
  // `options` and `rest` go into named.conf; files named there are in `folder`. It listens on
  // `address` and, with `v6`, on ::1.
  static Server Bind(const Folder& folder,
                     const std::string& address,
                     int port,
                     const std::string& options,
                     const std::string& rest,
                     bool v6 = false);
  // Serves example.test from the file `zone`; the key in `key_file` may update it.
  static Server Knot(const Folder& folder, int port, const std::string& key_file);

  Server(Server&& other) noexcept : pid_(other.pid_), address_(std::move(other.address_)) {
    other.pid_ = 0;
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { Stop(); }
  void Stop();
  void Pause() const;  // Stopped when it returns.
  void GoOn() const;
  const std::string& address() const { return address_; }  // "127.0.0.1:5353"

 private:
  Server(pid_t pid, std::string address) : pid_(pid), address_(std::move(address)) {}
  void WaitUntilUp() const;
  pid_t pid_ = 0;
  std::string address_;
};

// nsupdate with the key file; `lines` as its manual has them. The word of its exit status.
int NsUpdate(const Folder& folder,
             const std::string& key_file,
             const std::string& server,
             const std::string& lines);

}  // namespace mailquench::controller::dns::test

#endif  // MAILQUENCH_TESTS_UNIT_DNS_NAME_SERVER_H_
