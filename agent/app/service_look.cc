#include "agent/app/service_look.h"

#include <algorithm>

#include "agent/os/folder.h"

namespace mailquench::agent {

ServiceLook LookAtService(MailSystem& mail) {
  ServiceLook look;
  const absl::StatusOr<ServiceGlance> glance = mail.Glance();
  if (!glance.ok()) return look;
  look.state = glance->running ? v1::MAIL_SERVICE_STATE_RUNNING : v1::MAIL_SERVICE_STATE_STOPPED;
  for (const std::string& directory : glance->queue_directories) {
    const absl::StatusOr<std::int64_t> free = FreeBytes(directory);
    if (!free.ok()) continue;
    look.queue_free_bytes =
        look.queue_free_bytes.has_value() ? std::min(*look.queue_free_bytes, *free) : *free;
  }
  return look;
}

}  // namespace mailquench::agent
