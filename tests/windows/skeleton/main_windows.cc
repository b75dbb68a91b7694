// The least that a gRPC service of Windows can be: one mutual-TLS connection, one bidirectional
// stream, and idle. The agent's memory is measured beside it (tests/windows/memory.sh).
//
//   skeleton TARGET CA.pem CERT.pem KEY.pem   ended by its killer
#include <grpcpp/grpcpp.h>
// After grpcpp, which wants Winsock 2 first.
#include <windows.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "mailquench/v1/agent_link.grpc.pb.h"

namespace {

std::string Slurp(const char* path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("skeleton TARGET CA.pem CERT.pem KEY.pem\n", stderr);
    return 1;
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = Slurp(argv[2]);
  options.pem_cert_chain = Slurp(argv[3]);
  options.pem_private_key = Slurp(argv[4]);
  const auto channel = grpc::CreateChannel(argv[1], grpc::SslCredentials(options));
  if (!channel->WaitForConnected(
          gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(20, GPR_TIMESPAN)))) {
    std::puts("no connection");
    return 1;
  }
  const auto stub = mailquench::v1::AgentLink::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Connect(&context);
  std::puts("connected");
  std::fflush(stdout);
  mailquench::v1::ControllerMessage message;
  while (stream->Read(&message)) {
  }
  ::Sleep(INFINITE);
  return 0;
}
