// common/os: what must be the same on every system. Built for Windows too, and run under Wine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/os/datagrams.h"
#include "common/os/name_servers.h"
#include "common/os/program.h"
#include "common/os/protect.h"
#include "common/os/random.h"
#include "common/os/socket.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"

namespace mailquench::os {
namespace {

using testing::HasSubstr;

class OsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::uint64_t number = 0;
    ASSERT_TRUE(FillRandom(&number, sizeof number));
    root_ = absl::StrCat(testing::TempDir(), "mq-os-", absl::Hex(number));
    ASSERT_TRUE(MakeFolders(root_).ok());
  }
  std::string At(const std::string& name) const { return root_ + "/" + name; }
  std::string root_;
};

TEST_F(OsTest, FilesWithNamesOfAllKinds) {
  for (const std::string name : {"plain", "Schlüssel", "Ключ", "鍵 key"}) {
    const std::string path = At(name);
    EXPECT_EQ(KindOf(path), FileKind::kMissing) << name;
    EXPECT_TRUE(absl::IsNotFound(ReadWhole(path, 10).status())) << ReadWhole(path, 10).status();
    ASSERT_TRUE(CreateWhole(path, "first", Privacy::kPrivate).ok());
    EXPECT_EQ(ReasonOf(CreateWhole(path, "other", Privacy::kPrivate)), "FILE_EXISTS");
    EXPECT_EQ(*ReadWhole(path, 10), "first");
    ASSERT_TRUE(ReplaceWhole(path, "second\r\n\x1a\nend", Privacy::kPublic).ok());
    EXPECT_EQ(*ReadWhole(path, 100), "second\r\n\x1a\nend");
    EXPECT_EQ(ReasonOf(ReadWhole(path, 5).status()), "FILE_TOO_LARGE");
    EXPECT_EQ(KindOf(path), FileKind::kRegular);
  }
  EXPECT_EQ(KindOf(root_), FileKind::kFolder);
  EXPECT_EQ(FolderOf(At("x")), root_);
}

TEST_F(OsTest, APathThatIsLong) {
  std::string path = root_;
  while (path.size() < 700) path += "/" + std::string(60, 'd');
  ASSERT_TRUE(MakeFolders(path).ok());
  ASSERT_TRUE(MakeFolders(path).ok());
  path += "/key";
  ASSERT_TRUE(ReplaceWhole(path, "1", Privacy::kPrivate).ok());
  ASSERT_TRUE(ReplaceWhole(path, "2", Privacy::kPrivate).ok());
  EXPECT_EQ(*ReadWhole(path, 10), "2");
  EXPECT_FALSE(*OpenToOthers(path));
}

TEST_F(OsTest, AFileWhereAFolderIsWanted) {
  ASSERT_TRUE(CreateWhole(At("file"), "", Privacy::kPublic).ok());
  EXPECT_FALSE(MakeFolders(At("file")).ok() && KindOf(At("file")) == FileKind::kFolder);
  EXPECT_FALSE(MakeFolders(At("file/below")).ok());
  EXPECT_FALSE(ReplaceWhole(At("file/below"), "x", Privacy::kPublic).ok());
  EXPECT_FALSE(ReplaceWhole(At("none/below"), "x", Privacy::kPublic).ok());
}

TEST_F(OsTest, PrivateMeansPrivate) {
  ASSERT_TRUE(ReplaceWhole(At("private"), "secret", Privacy::kPrivate).ok());
  ASSERT_TRUE(OpenToOthers(At("private")).ok());
  EXPECT_FALSE(*OpenToOthers(At("private")));
  ASSERT_TRUE(CreateWhole(At("created"), "secret", Privacy::kPrivate).ok());
  EXPECT_FALSE(*OpenToOthers(At("created")));
  // What was private stays so, and what was open is private after.
  ASSERT_TRUE(CreateWhole(At("open"), "", Privacy::kPublic).ok());
  ASSERT_TRUE(ReplaceWhole(At("open"), "secret", Privacy::kPrivate).ok());
  EXPECT_FALSE(*OpenToOthers(At("open")));
  EXPECT_FALSE(OpenToOthers(At("none")).ok());
  EXPECT_FALSE(HowToMakePrivate(At("open")).empty());
}

TEST_F(OsTest, AKeyFileIsReadBackAndPlainPemToo) {
  const std::string pem = *identity::NewKeyPem();
  ASSERT_TRUE(identity::WriteKeyFile(At("agent.key"), pem).ok());
  EXPECT_EQ(*identity::ReadKeyFile(At("agent.key")), pem);
  EXPECT_FALSE(*OpenToOthers(At("agent.key")));
  const std::string text = *identity::ReadFile(At("agent.key"));
  if (text != pem) {  // A system that protects: then no line of the key is in the file.
    EXPECT_TRUE(absl::StartsWith(text, "mailquench-dpapi-1\n")) << text;
    EXPECT_THAT(text, testing::Not(HasSubstr("PRIVATE KEY")));
    EXPECT_THAT(text, testing::Not(HasSubstr(pem.substr(pem.find('\n') + 1, 40))));
    // A blob that was damaged, or is another machine's.
    std::string bad = text;
    bad[bad.size() / 2] = bad[bad.size() / 2] == 'A' ? 'B' : 'A';
    EXPECT_EQ(ReasonOf(Unprotect(bad).status()), "SECRET_OF_ANOTHER_MACHINE");
    EXPECT_EQ(ReasonOf(Unprotect("mailquench-dpapi-1\n!").status()), "SECRET_OF_ANOTHER_MACHINE");
    ASSERT_TRUE(identity::WriteSecretFile(At("agent.key"), bad).ok());
    EXPECT_THAT(identity::ReadKeyFile(At("agent.key")).status().message(), HasSubstr("agent.key"));
  }
  ASSERT_TRUE(identity::WriteSecretFile(At("copied.key"), pem).ok());
  EXPECT_EQ(*identity::ReadKeyFile(At("copied.key")), pem);
  EXPECT_EQ(*Unprotect(*Protect(pem, ProtectedFor::kUser)), pem);
  EXPECT_EQ(*Unprotect(*Protect("", ProtectedFor::kMachine)), "");
}

TEST_F(OsTest, RandomNumbersDiffer) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    std::uint64_t number = 0;
    ASSERT_TRUE(FillRandom(&number, sizeof number));
    seen.insert(number);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST_F(OsTest, TheEnvironmentIsUtf8) {
  EXPECT_EQ(Environment("MAILQUENCH_NEVER_SET"), "");
  SetEnvironment("MAILQUENCH_OS_TEST", "Zürich Почта");
  EXPECT_EQ(Environment("MAILQUENCH_OS_TEST"), "Zürich Почта");
  const std::string large(3000, 'x');
  SetEnvironment("MAILQUENCH_OS_TEST", large);
  EXPECT_EQ(Environment("MAILQUENCH_OS_TEST"), large);
}

TEST_F(OsTest, NameServersOfAFileAndOfTheSystem) {
  ASSERT_TRUE(CreateWhole(At("resolv.conf"),
                          "# none\r\nnameserver 192.0.2.1\r\n  nameserver 2001:db8::1\nsearch x\n",
                          Privacy::kPublic)
                  .ok());
  EXPECT_THAT(NameServersIn(At("resolv.conf")), testing::ElementsAre("192.0.2.1", "2001:db8::1"));
  EXPECT_TRUE(NameServersIn(At("none")).empty());
  for (const std::string& server : SystemNameServers()) EXPECT_FALSE(server.empty());
  EXPECT_EQ(InterfaceIndex("no such interface"), 0u);
}

// A port on loopback at which nobody listens.
sockaddr_in Nobody() {
  StartSockets();
  const Socket taken = OpenSocket(AF_INET, SOCK_DGRAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(taken.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address;
}

TEST_F(OsTest, DatagramsInBatches) {
  sockaddr_in address = Nobody();
  const Socket server = OpenSocket(AF_INET, SOCK_DGRAM);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const Socket client =
      OpenDatagramSocket(reinterpret_cast<const sockaddr*>(&address), sizeof address, 1 << 16);
  ASSERT_TRUE(client.valid());
  std::string texts[70];
  SendBatch out;
  out.Clear();
  for (std::size_t i = 0; i < SendBatch::kSize; ++i) {
    texts[i] = absl::StrCat("message ", i);
    out.Add(texts[i].data(), texts[i].size());
  }
  while (!out.Done()) ASSERT_NE(out.Send(client.get()), SendBatch::Result::kFailed);
  ReceiveBatch in;
  int got = 0;
  for (int turn = 0; turn < 100 && got < 64; ++turn) {
    pollfd entry{server.get(), POLLIN, 0};
    PollSocketsFor(&entry, 1, 100'000'000);
    const int count = in.Receive(server.get());
    for (int i = 0; i < count; ++i, ++got) {
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(in.data(i)), in.size(i)), texts[got]);
      EXPECT_FALSE(in.cut(i));
    }
  }
  EXPECT_EQ(got, 64);
  EXPECT_EQ(in.Receive(server.get()), 0);
  // One that is longer than the room for it.
  std::string large(6000, 'x');
  out.Clear();
  out.Add(large.data(), large.size());
  ASSERT_EQ(out.Send(client.get()), SendBatch::Result::kSent);
  pollfd entry{server.get(), POLLIN, 0};
  ASSERT_EQ(PollSocketsFor(&entry, 1, 5'000'000'000), 1);
  ASSERT_EQ(in.Receive(server.get()), 1);
  EXPECT_TRUE(in.cut(0));
}

TEST_F(OsTest, ARefusalIsToldInOneOfTheTwoWays) {
  const sockaddr_in address = Nobody();
  const Socket client =
      OpenDatagramSocket(reinterpret_cast<const sockaddr*>(&address), sizeof address, 1 << 16);
  ReceiveBatch in;
  int refusals = 0, quoted = 0;
  for (int turn = 0; turn < 50 && refusals + quoted == 0; ++turn) {
    std::string text = "question";
    SendBatch out;
    out.Clear();
    out.Add(text.data(), text.size());
    out.Send(client.get());
    pollfd entry{client.get(), POLLIN, 0};
    PollSocketsFor(&entry, 1, 100'000'000);
    while (in.ReceiveError(client.get())) {
      ++quoted;
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(in.data(0)), in.size(0)), text);
    }
    in.Receive(client.get());
    refusals += in.TakeRefusals();
  }
  EXPECT_GT(refusals + quoted, 0);
  EXPECT_TRUE(refusals == 0 || quoted == 0);
}

}  // namespace
}  // namespace mailquench::os
