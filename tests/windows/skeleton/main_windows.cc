// The least that a gRPC service of Windows can be: what the SCM wants, one mutual-TLS connection,
// one bidirectional stream, and idle. The agent's memory is measured beside it (agent_days.py).
//
//   sc create Skeleton binPath= "skeleton.exe TARGET CA.pem CERT.pem KEY.pem LOG"
#include <grpcpp/grpcpp.h>
// After grpcpp, which wants Winsock 2 first.
#include <windows.h>

#include <fstream>
#include <sstream>
#include <string>

#include "mailquench/v1/agent_link.grpc.pb.h"

namespace {

char** arguments;
SERVICE_STATUS_HANDLE handle;
SERVICE_STATUS status{};
HANDLE stop_asked;

std::string Slurp(const char* path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

void Report(DWORD state) {
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCurrentState = state;
  status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP : 0;
  ::SetServiceStatus(handle, &status);
}

DWORD WINAPI Control(DWORD control, DWORD, void*, void*) {
  if (control == SERVICE_CONTROL_STOP) ::SetEvent(stop_asked);
  return NO_ERROR;
}

void WINAPI ServiceMain(DWORD, wchar_t**) {
  stop_asked = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  handle = ::RegisterServiceCtrlHandlerExW(L"Skeleton", Control, nullptr);
  Report(SERVICE_START_PENDING);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = Slurp(arguments[2]);
  options.pem_cert_chain = Slurp(arguments[3]);
  options.pem_private_key = Slurp(arguments[4]);
  const auto channel = grpc::CreateChannel(arguments[1], grpc::SslCredentials(options));
  Report(SERVICE_RUNNING);
  const bool connected = channel->WaitForConnected(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(20, GPR_TIMESPAN)));
  const auto stub = mailquench::v1::AgentLink::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Connect(&context);
  std::ofstream(arguments[5]) << (connected ? "connected" : "no connection");
  ::WaitForSingleObject(stop_asked, INFINITE);
  context.TryCancel();
  Report(SERVICE_STOPPED);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 1;
  arguments = argv;
  std::wstring name = L"Skeleton";
  const SERVICE_TABLE_ENTRYW table[] = {{name.data(), ServiceMain}, {nullptr, nullptr}};
  return ::StartServiceCtrlDispatcherW(table) ? 0 : 1;
}
