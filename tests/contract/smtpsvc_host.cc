// The contract suite's host on the SMTP service of Windows, as simulated.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/mail/smtpsvc/smtpsvc_mail_system.h"
#include "agent/os/files.h"
#include "tests/contract/mail_host.h"
#include "tests/contract/send_mail.h"
#include "tests/contract/smtpsvc_services.h"
#include "tests/simulation/smtpsvc/prepare.h"
#include "tests/simulation/smtpsvc/virtual_server.h"

namespace mailquench::contract {
namespace {
namespace fs = std::filesystem;
using agent::smtpsvc::MetabaseFile;
using agent::smtpsvc::Property;

std::string NewFolder() {
  static int number = 0;
  const fs::path folder =
      fs::temp_directory_path() / absl::StrCat("mq-smtpsvc-", FreePort(), "-", ++number);
  fs::create_directories(folder);
  return folder.string();
}

class SmtpsvcHost final : public MailHost {
 public:
  SmtpsvcHost() : folder_(NewFolder()), port_(FreePort()), metabase_(folder_ + "/metabase.json") {}
  ~SmtpsvcHost() override {
    system_.reset();
    services_.reset();
    Remove(folder_);
  }

  // "" or what went wrong.
  std::string Make() {
    simulation::VirtualServerPlan plan;
    plan.mailroot = folder_ + "/vsi 1";
    plan.port = port_;
    plan.domains = {"local.test"};
    plan.open_relay = true;
    const absl::Status done = simulation::Prepare(folder_ + "/metabase.json", plan);
    std::string why = std::string(done.message());
    if (done.ok()) services_ = MakeServices(folder_, metabase_, &why);
    if (services_ == nullptr) return why;
    system_ = std::make_unique<agent::smtpsvc::SmtpsvcMailSystem>(
        metabase_, services_->manager(), nullptr, agent::smtpsvc::SmtpsvcOptions());
    return "";
  }

  agent::MailSystem& mail() override { return *system_; }
  std::string instance() const override { return "1"; }
  std::string target() const override { return absl::StrCat("127.0.0.1:", port_); }
  bool ReleasesStopped() const override { return true; }
  // Its state is no setting.
  std::string SettingsBytes() override {
    std::string out;
    for (const char* key : {"", "1"}) {
      for (const Property property :
           {Property::kAuthFlags, Property::kRelayForAuth, Property::kRelayIpList,
            Property::kIpSecurity, Property::kServerBindings, Property::kQueueDirectory,
            Property::kSmartHost, Property::kSmartHostType, Property::kFullyQualifiedDomainName}) {
        const auto value = metabase_.Read(key, property, false);
        if (!value.ok() || !value->has_value()) {
          absl::StrAppend(&out, key, "/", static_cast<std::uint32_t>(property), " absent\n");
        } else {
          absl::StrAppend(&out, key, "/", static_cast<std::uint32_t>(property), " ",
                          (*value)->attributes, " ", (*value)->user_type, " ",
                          static_cast<std::uint32_t>((*value)->type), " ", (*value)->bytes, "\n");
        }
      }
    }
    return out;
  }
  void Meddle() override {
    (void)metabase_.Write("1", Property::kAuthFlags, simulation::MakeNumber(6));
  }
  std::string Log() override { return agent::ReadFile(folder_ + "/events.txt").value_or(""); }

 private:
  // Folder by folder: what a test has planted is not followed.
  static void Remove(const fs::path& folder) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      if (entry.is_directory(error) && !entry.is_symlink(error)) Remove(entry.path());
      fs::remove(entry.path(), error);
    }
    fs::remove(folder, error);
  }
  const std::string folder_;
  const int port_;
  MetabaseFile metabase_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<agent::smtpsvc::SmtpsvcMailSystem> system_;
};

}  // namespace

std::unique_ptr<MailHost> MakeMailHost(std::string* why) {
  auto host = std::make_unique<SmtpsvcHost>();
  *why = host->Make();
  return why->empty() ? std::move(host) : nullptr;
}

}  // namespace mailquench::contract
