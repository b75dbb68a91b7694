// Real servers and clients over loopback: who gets in, and who does not.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "controller/identity/ca.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::rpc {
namespace {

// Before gRPC reads its environment, as a main() would do.
const bool kForbidden = [] {
  ForbidTls12();
  return true;
}();

using controller::CertificateAuthority;

// One unary call without generated code; the request is the empty message.
grpc::Status CallOnce(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  grpc::CompletionQueue queue;
  const grpc::Slice empty("");
  auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&empty, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

// The identity of a peer as a handler sees it.
class WhoService final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* c) override {
    class Reactor final : public grpc::ServerGenericBidiReactor {
     public:
      explicit Reactor(const grpc::Status& status) { Finish(status); }
      void OnDone() override { delete this; }
    };
    const auto peer = PeerOf(*c);
    if (!peer.ok())
      return new Reactor({grpc::StatusCode::UNAUTHENTICATED, ReasonOf(peer.status())});
    return new Reactor({grpc::StatusCode::ABORTED, peer->id.ToUri() + " " + peer->serial});
  }
};

class MtlsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(kForbidden);
    grpc::EnableDefaultHealthCheckService(true);
    ca_ = *CertificateAuthority::Create("mail.example", &clock_);
    foreign_ = *CertificateAuthority::Create("mail.example", &clock_);
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  Files Write(const std::string& name,
              const std::string& key,
              const std::string& certificate,
              const std::string& ca) {
    Files files{folder_.At(name + ".key"), folder_.At(name + ".pem"), folder_.At(name + ".ca.pem")};
    EXPECT_TRUE(identity::WriteSecretFile(files.key, key).ok());
    EXPECT_TRUE(identity::WritePublicFile(files.certificate, certificate).ok());
    EXPECT_TRUE(identity::WritePublicFile(files.ca, ca).ok());
    return files;
  }
  Files ControllerFiles(const CertificateAuthority& ca, const std::string& name = "main") {
    const auto pair = ca.IssueController(name, {{"localhost"}, {"127.0.0.1"}});
    return Write("controller-" + name + "-" + ca.fingerprint(), pair->key_pem,
                 pair->certificate_pem + ca.ca_pem(), ca.ca_pem());
  }
  // `trusted`: the CA that the client believes in.
  Files OperatorFiles(const CertificateAuthority& ca, const CertificateAuthority& trusted) {
    const auto pair = ca.IssueOperator("jo", identity::Role::kResponder);
    return Write("jo", pair->key_pem, pair->certificate_pem, trusted.ca_pem());
  }
  Files AgentFiles(const CertificateAuthority& ca) {
    const std::string key = *identity::NewKeyPem();
    return Write("agent", key, *ca.IssueAgent(*identity::MakeCsrDer(key), identity::RandomUuid()),
                 ca.ca_pem());
  }
  void Start(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    SetServerOptions(&builder);
    builder.RegisterCallbackGenericService(&service_);
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ASSERT_NE(port_, 0);
  }
  void StartController() {
    auto credentials = ServerCredentials(ControllerFiles(*ca_));
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    Start(*credentials);
  }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }
  grpc::Status Call(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    return CallOnce(grpc::CreateCustomChannel(Address(), credentials, AgentChannelArguments()),
                    "/grpc.health.v1.Health/Check");
  }
  // Credentials made straight from gRPC, to be what ChannelCredentials() would refuse to be.
  std::shared_ptr<grpc::ChannelCredentials> RawCredentials(const std::string& ca,
                                                           const std::string& key = "",
                                                           const std::string& certificate = "") {
    return grpc::SslCredentials({ca, key, certificate});
  }
  std::string OpenSsl(const std::string& arguments) {
    const std::string command =
        "timeout 10 openssl s_client -connect " + Address() + " " + arguments + " </dev/null 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    std::array<char, 4096> buffer;
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      out.append(buffer.data(), n);
    }
    ::pclose(pipe);
    return out;
  }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  std::unique_ptr<CertificateAuthority> ca_;
  std::unique_ptr<CertificateAuthority> foreign_;
  WhoService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(MtlsTest, AnAgentAndAnOperatorGetIn) {
  StartController();
  for (const Files& files : {AgentFiles(*ca_), OperatorFiles(*ca_, *ca_)}) {
    const auto credentials = ChannelCredentials(files, "spiffe://mail.example/controller/main");
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    const grpc::Status status = Call(*credentials);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

TEST_F(MtlsTest, AClientWithoutACertificateIsRefused) {
  StartController();
  EXPECT_EQ(Call(RawCredentials(ca_->ca_pem())).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(MtlsTest, ACertificateOfAForeignCaIsRefused) {
  StartController();
  const auto pair = foreign_->IssueOperator("jo", identity::Role::kAdmin);
  EXPECT_EQ(Call(RawCredentials(ca_->ca_pem(), pair->key_pem, pair->certificate_pem)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  // The same client with a certificate of the right CA gets in: nothing else was in the way.
  const auto good = ca_->IssueOperator("jo", identity::Role::kAdmin);
  EXPECT_TRUE(Call(RawCredentials(ca_->ca_pem(), good->key_pem, good->certificate_pem)).ok());
}

TEST_F(MtlsTest, AnExpiredCertificateIsRefused) {
  StartController();
  clock_.now -= absl::Hours(13);
  const auto pair = ca_->IssueOperator("jo", identity::Role::kAdmin);
  EXPECT_EQ(Call(RawCredentials(ca_->ca_pem(), pair->key_pem, pair->certificate_pem)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(
      ReasonOf(ChannelCredentials(Write("x", pair->key_pem, pair->certificate_pem, ca_->ca_pem()))
                   .status()),
      "CERTIFICATE_EXPIRED");
}

TEST_F(MtlsTest, ACertificateOfTheWrongKindIsRefused) {
  StartController();
  // A controller's certificate may be used by a client, but a controller does not serve its like.
  const auto pair = ca_->IssueController("other", {});
  EXPECT_EQ(Call(RawCredentials(ca_->ca_pem(), pair->key_pem, pair->certificate_pem)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(MtlsTest, AnAgentIsRefusedWhereOnlyOperatorsAreServed) {
  Start(*ServerCredentials(ControllerFiles(*ca_), {identity::Kind::kOperator}));
  EXPECT_FALSE(Call(*ChannelCredentials(AgentFiles(*ca_))).ok());
  EXPECT_TRUE(Call(*ChannelCredentials(OperatorFiles(*ca_, *ca_))).ok());
}

TEST_F(MtlsTest, AClientRefusesAControllerThatItDidNotExpect) {
  StartController();
  const Files files = AgentFiles(*ca_);
  EXPECT_TRUE(Call(*ChannelCredentials(files)).ok());
  EXPECT_TRUE(Call(*ChannelCredentials(files, "spiffe://mail.example/controller/")).ok());
  EXPECT_FALSE(Call(*ChannelCredentials(files, "spiffe://mail.example/controller/ma")).ok());
  EXPECT_FALSE(Call(*ChannelCredentials(files, "spiffe://mail.example/controller/other")).ok());
}

TEST_F(MtlsTest, AClientRefusesAControllerOfAForeignCa) {
  Start(*ServerCredentials(ControllerFiles(*foreign_)));
  EXPECT_EQ(Call(*ChannelCredentials(AgentFiles(*ca_))).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(MtlsTest, OnlyTls13IsSpoken) {
  StartController();
  const Files files = AgentFiles(*ca_);
  const std::string client =
      "-cert " + files.certificate + " -key " + files.key + " -CAfile " + files.ca;
  testing::internal::CaptureStderr();
  const std::string old = OpenSsl("-tls1_2 " + client);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("no shared cipher"));
  EXPECT_THAT(old, testing::HasSubstr("no peer certificate available"));
  EXPECT_THAT(old, testing::HasSubstr("Cipher is (NONE)"));
  const std::string now = OpenSsl("-tls1_3 " + client);
  EXPECT_THAT(now, testing::HasSubstr("New, TLSv1.3, Cipher is TLS_"));
  EXPECT_THAT(now, testing::HasSubstr("Verify return code: 0 (ok)"));
}

TEST_F(MtlsTest, FilesThatDoNotBelongTogetherAreRefusedBeforeAnythingListens) {
  Files files = ControllerFiles(*ca_);
  EXPECT_TRUE(CheckFiles(files, absl::Now()).ok());
  ASSERT_TRUE(identity::WriteSecretFile(files.key, *identity::NewKeyPem()).ok());
  EXPECT_EQ(ReasonOf(ServerCredentials(files).status()), "KEY_MISMATCH");
  files.key = folder_.At("missing.key");
  EXPECT_TRUE(absl::IsNotFound(ServerCredentials(files).status()));
}

TEST_F(MtlsTest, EnrolmentAcceptsTheCaOfTheToken) {
  const auto credentials = EnrolmentServerCredentials(ControllerFiles(*ca_));
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  Start(*credentials);
  const auto ca = FetchPinnedCa(Address(), ca_->fingerprint());
  ASSERT_TRUE(ca.ok()) << ca.status();
  EXPECT_EQ(*ca, ca_->ca_pem());
  const auto client = EnrolmentChannelCredentials(Address(), ca_->fingerprint());
  ASSERT_TRUE(client.ok()) << client.status();
  const grpc::Status status = Call(*client);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(MtlsTest, EnrolmentRefusesAnotherCa) {
  Start(*EnrolmentServerCredentials(ControllerFiles(*foreign_)));
  const auto client = EnrolmentChannelCredentials(Address(), ca_->fingerprint());
  EXPECT_TRUE(absl::IsUnauthenticated(client.status())) << client.status();
  EXPECT_EQ(ReasonOf(client.status()), "CA_PIN_MISMATCH");
}

TEST_F(MtlsTest, EnrolmentRefusesAServerThatOnlyShowsTheRightCa) {
  // The CA's certificate is public: the thief sends it behind a certificate of his own.
  const auto pair = foreign_->IssueController("main", {{"localhost"}, {"127.0.0.1"}});
  Start(grpc::SslServerCredentials([&] {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({pair->key_pem, pair->certificate_pem + ca_->ca_pem()});
    return options;
  }()));
  const auto client = EnrolmentChannelCredentials(Address(), ca_->fingerprint());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_FALSE(Call(*client).ok());
}

TEST_F(MtlsTest, EnrolmentRefusesACertificateOfAnAgentAsServer) {
  // An agent's own certificate is of the right CA, yet no controller's.
  const Files agent = AgentFiles(*ca_);
  Start(grpc::SslServerCredentials([&] {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back(
        {*identity::ReadFile(agent.key), *identity::ReadFile(agent.certificate) + ca_->ca_pem()});
    return options;
  }()));
  const auto client = EnrolmentChannelCredentials(Address(), ca_->fingerprint());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_FALSE(Call(*client).ok());
}

TEST_F(MtlsTest, EnrolmentDoesNotStartWithoutTheCaInTheChain) {
  const auto pair = ca_->IssueController("main", {});
  EXPECT_EQ(ReasonOf(EnrolmentServerCredentials(
                         Write("short", pair->key_pem, pair->certificate_pem, ca_->ca_pem()))
                         .status()),
            "CA_NOT_IN_CHAIN");
}

TEST_F(MtlsTest, AServerThatDoesNotAnswerIsReportedInTime) {
  // A listener that accepts nothing: the kernel completes the connection, the handshake gets no
  // answer.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  const absl::Time start = absl::Now();
  const auto ca = FetchPinnedCa(Address(), ca_->fingerprint(), absl::Milliseconds(300));
  EXPECT_EQ(ReasonOf(ca.status()), "ENROLMENT_UNREACHABLE");
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  ::close(fd);
  EXPECT_EQ(ReasonOf(FetchPinnedCa(Address(), ca_->fingerprint()).status()),
            "ENROLMENT_UNREACHABLE");
  EXPECT_EQ(ReasonOf(FetchPinnedCa("nonsense", ca_->fingerprint()).status()), "BAD_ADDRESS");
}

TEST_F(MtlsTest, AHandlerLearnsWhoCallsAndWithWhichCertificate) {
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service_);
  builder.AddListeningPort("127.0.0.1:0", *ServerCredentials(ControllerFiles(*ca_)), &port_);
  int plain = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &plain);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
  const auto who = [](const std::string& address,
                      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    return CallOnce(grpc::CreateChannel(address, credentials), "/x/Who").error_message();
  };
  const Files files = OperatorFiles(*ca_, *ca_);
  const auto own = identity::ParseCertificate(*identity::ReadFile(files.certificate));
  EXPECT_EQ(who(Address(), *ChannelCredentials(files)),
            "spiffe://mail.example/operator/responder/jo " + own->serial);
  EXPECT_EQ(who("127.0.0.1:" + std::to_string(plain), grpc::InsecureChannelCredentials()),
            "NO_PEER_IDENTITY");
}

}  // namespace
}  // namespace mailquench::rpc
