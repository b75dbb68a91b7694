// A mail system of a test's own, with a server that really speaks SMTP, for the contract suite.
#ifndef MAILQUENCH_TESTS_CONTRACT_MAIL_HOST_H_
#define MAILQUENCH_TESTS_CONTRACT_MAIL_HOST_H_

#include <memory>
#include <string>

#include "agent/mail/mail_system.h"

namespace mailquench::contract {

class MailHost {
 public:
  virtual ~MailHost() = default;
  virtual agent::MailSystem& mail() = 0;
  // Of its one instance, which is stopped at first, relays for everybody, and keeps what is queued:
  // it delivers nothing.
  virtual std::string instance() const = 0;
  virtual std::string target() const = 0;  // Numeric "ADDRESS:PORT".
  // Whether mail goes back into its queue only while it is stopped.
  virtual bool ReleasesStopped() const = 0;
  // Whether single messages can be read and taken while the service is stopped; else only while it
  // runs.
  virtual bool ReadsAtRest() const { return true; }
  // All settings that an operation may touch, byte for byte.
  virtual std::string SettingsBytes() = 0;
  // Changes one setting that a lock of the relay makes, as somebody would by hand.
  virtual void Meddle() = 0;
  // Of the server, for the message of a failed test.
  virtual std::string Log() { return ""; }
};

// One program of the suite links one definition. nullptr: this machine cannot run one, `why` says
// it.
std::unique_ptr<MailHost> MakeMailHost(std::string* why);

}  // namespace mailquench::contract

#endif  // MAILQUENCH_TESTS_CONTRACT_MAIL_HOST_H_
