// A notice as a mail (RFC 5322, MIME), all of it ASCII and CR LF.
#ifndef MAILQUENCH_CONTROLLER_NOTIFY_MAIL_MESSAGE_H_
#define MAILQUENCH_CONTROLLER_NOTIFY_MAIL_MESSAGE_H_

#include <string>

#include "controller/notify/notices.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

// An address that stands between < and > in SMTP and in a header as it is: ASCII, one @, nothing
// that needs quotes (RFC 5321's Dot-string).
bool IsMailAddress(const std::string& address);

// Head and body, lines at most 998 bytes long, each with CR LF. The same notice gives the same
// message, its Message-ID too, so that a mail that came twice can be known. Dots are not doubled.
std::string MailMessage(const ChannelConfig& channel, const v1::Notice& notice);

// RFC 2047: `text` itself where it is printable ASCII, else encoded words, folded.
std::string EncodedHeader(const std::string& text);
// RFC 2045, 6.7.
std::string QuotedPrintable(const std::string& text);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_NOTIFY_MAIL_MESSAGE_H_
