#include "tests/unit/postfix/private_postfix.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/service.h"
#include "agent/os/process.h"

namespace mailquench::agent::postfix {
namespace {
namespace fs = std::filesystem;

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

std::string Exchange(int fd, const std::string& command) {
  if (!command.empty()) (void)!write(fd, command.data(), command.size());
  std::string reply;
  char c = 0;
  while (read(fd, &c, 1) == 1) {
    reply.push_back(c);
    if (c != '\n') continue;
    const std::size_t begin = reply.rfind('\n', reply.size() - 2);
    const std::size_t line = begin == std::string::npos ? 0 : begin + 1;
    if (reply.size() > line + 3 && reply[line + 3] == ' ') return reply.substr(line);
  }
  return "lost: " + reply;
}
}  // namespace

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

std::string SendMail(const std::string& target,
                     const std::string& sender,
                     const std::string& recipient,
                     const std::string& subject) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval limit{20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(target.substr(target.rfind(':') + 1))));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return "no connection";
  }
  std::string reply = Exchange(fd, "");
  for (const std::string& command :
       {std::string("EHLO test.invalid\r\n"), absl::StrCat("MAIL FROM:<", sender, ">\r\n"),
        absl::StrCat("RCPT TO:<", recipient, ">\r\n"), std::string("DATA\r\n"),
        absl::StrCat("From: ", sender, "\r\nTo: ", recipient, "\r\nSubject: ", subject,
                     "\r\n\r\nBody of ", subject, "\r\n.\r\n")}) {
    reply = Exchange(fd, command);
    if (reply[0] != '2' && reply[0] != '3') break;
  }
  (void)!write(fd, "QUIT\r\n", 6);
  close(fd);
  return reply;
}

bool PrivatePostfix::Possible() {
  return geteuid() == 0 && access("/usr/sbin/postfix", X_OK) == 0 && getpwnam("postfix") != nullptr;
}

PrivatePostfix::PrivatePostfix(const std::vector<std::string>& settings) : port_(FreePort()) {
  char path[] = "/tmp/mq-postfix.XXXXXX";
  root_ = mkdtemp(path);
  chmod(root_.c_str(), 0755);  // Postfix's own user passes through.
  for (const char* folder : {"/etc", "/queue", "/data"}) fs::create_directory(root_ + folder);
  const passwd* owner = getpwnam("postfix");
  (void)!chown((root_ + "/data").c_str(), owner->pw_uid, owner->pw_gid);
  std::ofstream(root_ + "/log").close();  // Made empty.
  (void)!chown((root_ + "/log").c_str(), owner->pw_uid, owner->pw_gid);
  std::ofstream main(config() + "/main.cf");
  main
      << "# A test's own instance.\ncompatibility_level = 3.6\nqueue_directory = " << queue()
      << "\ndata_directory = " << root_ << "/data\nmaillog_file = " << root_
      << "/log\nmaillog_file_prefixes = " << root_
      << "\ninet_protocols = ipv4\ninet_interfaces = 127.0.0.1\nsmtpd_peername_lookup = no\n"
         "alias_maps =\nlocal_recipient_maps =\nmyhostname = host.test\nmydestination = host.test\n"
         "smtp_dns_support_level = disabled\nsmtpd_tls_security_level = none\n";
  for (const std::string& line : settings) main << line << "\n";
  // Debian's table as it is delivered, but for the port and the chroot.
  std::istringstream original(Slurp("/usr/share/postfix/master.cf.dist"));
  std::ofstream master(config() + "/master.cf");
  std::string line;
  while (std::getline(original, line)) {
    if (line.rfind("smtp ", 0) == 0 && line.find(" inet ") != std::string::npos) {
      line = absl::StrCat("127.0.0.1:", port_, " inet n - n - - smtpd");
    }
    master << line << "\n";
  }
  master.close();
  main.close();
  (void)RunProcess({"/usr/sbin/postconf", "-c", config(), "-F", "*/*/chroot=n"});
}

PrivatePostfix::~PrivatePostfix() {
  const std::string pid = Slurp(queue() + "/pid/master.pid");
  CallContext context;
  context.deadline = absl::Now() + absl::Seconds(20);
  const absl::StatusOr<bool> running = IsRunning(instance());
  if (running.ok() && *running && !StopInstance(instance(), context).ok()) {
    kill(-std::atoi(pid.c_str()), SIGKILL);
  }
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

std::string PrivatePostfix::target() const {
  return absl::StrCat("127.0.0.1:", port_);
}

Instance PrivatePostfix::instance() const {
  FindOptions options;
  options.config_directories = {config()};
  const auto found = FindInstances({}, options);
  if (!found.ok()) std::abort();
  return found->front();
}

void PrivatePostfix::AddService(const std::string& line) {
  std::ofstream(config() + "/master.cf", std::ios::app) << line << "\n";
}

void PrivatePostfix::Set(const std::string& assignment) {
  (void)RunProcess({"/usr/sbin/postconf", "-c", config(), "-e", assignment});
}

std::string PrivatePostfix::Log() const {
  return Slurp(root_ + "/log");
}

int PrivatePostfix::Files(const std::string& queue_name) const {
  int files = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(queue() + "/" + queue_name, error)) {
    if (entry.is_regular_file()) ++files;
  }
  return files;
}

}  // namespace mailquench::agent::postfix
