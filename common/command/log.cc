#include "common/command/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
#include <mutex>

#include "common/os/terminal.h"
#include "common/text/harmless.h"

namespace mailquench::command {
namespace {

class HarmlessSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    os::WriteError(Harmless(text) + "\n");
  }
  void flush_() override { std::fflush(stderr); }
};

}  // namespace

void LogTo(const std::string& name) {
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>(name, std::make_shared<HarmlessSink>()));
}

}  // namespace mailquench::command
