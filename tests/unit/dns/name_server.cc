#include "tests/unit/dns/name_server.h"

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/dns/query.h"
#include "tests/e2e/processes.h"

namespace mailquench::controller::dns::test {

using mailquench::test::Eventually;
using mailquench::test::Spawn;
using mailquench::test::WaitFor;

Folder::Folder() {
  char name[] = "/tmp/mq-dns-XXXXXX";
  path_ = mkdtemp(name);
}

Folder::~Folder() {
  std::filesystem::remove_all(path_);
}

void Folder::Write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name)) << text;
}

void MakeKey(const Folder& folder,
             const std::string& file,
             const std::string& algorithm,
             const std::string& name) {
  const std::string path = folder.path(file);
  EXPECT_EQ(WaitFor(Spawn({"/usr/sbin/tsig-keygen", "-a", algorithm, name}, path)), 0);
  std::filesystem::permissions(path, std::filesystem::perms(0600));
}

TsigKey LoadKey(const Folder& folder, const std::string& file) {
  auto key = TsigKey::Load(folder.path(file));
  EXPECT_TRUE(key.ok()) << key.status();
  return *std::move(key);
}

std::string ReadAll(const std::string& path) {
  std::stringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

std::string ExampleZone(int serial) {
  return absl::StrCat("$TTL 300\n@ SOA ns1 hostmaster ", serial,
                      " 3600 600 86400 60\n@ NS ns1\n@ MX 10 mx1\nns1 A 127.0.0.1\n"
                      "mx1 A 192.0.2.10\nalias CNAME mx1\n");
}

Server Server::Bind(const Folder& folder,
                    const std::string& address,
                    int port,
                    const std::string& options,
                    const std::string& rest,
                    bool v6) {
  const std::string own = absl::StrCat("named-", port);
  folder.Write(own + ".conf",
               absl::StrCat("options { directory \"", folder.path(), "\"; pid-file \"",
                            folder.path(own), ".pid\"; session-keyfile \"", folder.path(own),
                            ".session\"; managed-keys-directory \"", folder.path(),
                            "\"; listen-on port ", port, " { ", address, "; }; listen-on-v6 port ",
                            port, " { ", v6 ? "::1" : "none",
                            "; }; recursion no; dnssec-validation no; notify explicit; ", options,
                            " };\ncontrols { };\n", rest));
  Server server(Spawn({"/usr/sbin/named", "-f", "-n", "1", "-c", folder.path(own + ".conf")},
                      folder.path(own + ".log")),
                absl::StrCat(address, ":", port));
  server.WaitUntilUp();
  return server;
}

Server Server::Knot(const Folder& folder, int port, const std::string& key_file) {
  // Without the folder of its databases every update is a SERVFAIL.
  std::filesystem::create_directory(folder.path("db"));
  const std::string text = ReadAll(folder.path(key_file));
  const auto between = [&](const std::string& from, const std::string& to) {
    const std::size_t begin = text.find(from) + from.size();
    return text.substr(begin, text.find(to, begin) - begin);
  };
  folder.Write(
      "knot.conf",
      absl::StrReplaceAll(
          "server:\n  rundir: DIR\n  user: root:root\n  listen: 127.0.0.1@PORT\n"
          "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
          "database:\n  storage: DIR/db\n"
          "key:\n  - id: NAME\n    algorithm: ALGORITHM\n    secret: SECRET\n"
          "acl:\n  - id: change\n    key: NAME\n    action: [update, query]\n"
          "zone:\n  - domain: example.test\n    storage: DIR\n    file: zone\n    acl: change\n",
          {{"DIR", folder.path()},
           {"PORT", absl::StrCat(port)},
           {"NAME", between("key \"", "\"")},
           {"ALGORITHM", between("algorithm ", ";")},
           {"SECRET", between("secret \"", "\"")}}));
  Server server(Spawn({"/usr/sbin/knotd", "-c", folder.path("knot.conf")}, folder.path("knot.log")),
                absl::StrCat("127.0.0.1:", port));
  server.WaitUntilUp();
  return server;
}

void Server::WaitUntilUp() const {
  const auto endpoint = ParseEndpoint(address_);
  Question question;
  question.name = "example.test";
  question.type = "SOA";
  EXPECT_TRUE(Eventually([&] {
    return Ask(*endpoint, question, {absl::Milliseconds(200), 1}).ok();
  })) << address_;
}

void Server::Stop() {
  if (pid_ == 0) return;
  GoOn();
  kill(pid_, SIGTERM);
  WaitFor(pid_);
  pid_ = 0;
}

void Server::Pause() const {
  kill(pid_, SIGSTOP);
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
  EXPECT_TRUE(WIFSTOPPED(status));
}

void Server::GoOn() const {
  kill(pid_, SIGCONT);
}

int NsUpdate(const Folder& folder,
             const std::string& key_file,
             const std::string& server,
             const std::string& lines) {
  folder.Write("nsupdate.in", absl::StrCat("server ", absl::StrReplaceAll(server, {{":", " "}}),
                                           "\n", lines, "\nsend\n"));
  return WaitFor(
      Spawn({"/usr/bin/nsupdate", "-k", folder.path(key_file), folder.path("nsupdate.in")},
            folder.path("nsupdate.out")));
}

}  // namespace mailquench::controller::dns::test
