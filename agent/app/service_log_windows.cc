// winsock2.h, of others, before windows.h.
#include <winsock2.h>
// After it.
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <windows.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/app/service_windows.h"
#include "agent/os/event_log.h"
#include "common/os/wide.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {
constexpr LONGLONG kLargest = LONGLONG{10} * 1024 * 1024;
constexpr int kKept = 5;
constexpr std::chrono::seconds kBetweenTries(60);

// A line at a time to the file, which others may read, rename and delete meanwhile.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)) { Open(); }
  ~FileSink() override { Close(); }
  bool open() const { return file_ != INVALID_HANDLE_VALUE; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    const std::string clean = Harmless(text) + "\r\n";
    LARGE_INTEGER size{};
    if (open() && ::GetFileSizeEx(file_, &size) && size.QuadPart > kLargest) Rotate();
    DWORD written = 0;
    if (open())
      (void)::WriteFile(file_, clean.data(), static_cast<DWORD>(clean.size()), &written, nullptr);
  }
  void flush_() override {}  // Nothing is kept back.

 private:
  void Open() {
    file_ = ::CreateFileW(os::LongPath(path_).c_str(), FILE_APPEND_DATA | FILE_READ_ATTRIBUTES,
                          FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                          OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
  }
  void Close() {
    if (open()) ::CloseHandle(file_);
    file_ = INVALID_HANDLE_VALUE;
  }
  std::wstring Kept(int number) const { return os::LongPath(absl::StrCat(path_, ".", number)); }
  // Our own file moves first: where somebody holds it, it grows on, and no older one is lost.
  void Rotate() {
    if (std::chrono::steady_clock::now() < not_before_) return;
    Close();
    const std::wstring aside = os::LongPath(path_ + ".rotating");
    const bool moved = ::MoveFileExW(os::LongPath(path_).c_str(), aside.c_str(), 0) != 0 ||
                       ::GetLastError() == ERROR_ALREADY_EXISTS;  // Left by a rotation before.
    bool free = moved;
    for (int i = kKept - 1; free && i > 0; --i) {
      free = ::MoveFileExW(Kept(i).c_str(), Kept(i + 1).c_str(), MOVEFILE_REPLACE_EXISTING) != 0 ||
             ::GetLastError() == ERROR_FILE_NOT_FOUND;
    }
    if (free) free = ::MoveFileExW(aside.c_str(), Kept(1).c_str(), 0) != 0;
    // Not for each line again.
    if (!free) not_before_ = std::chrono::steady_clock::now() + kBetweenTries;
    Open();
  }
  const std::string path_;
  HANDLE file_ = INVALID_HANDLE_VALUE;
  std::chrono::steady_clock::time_point not_before_;
};

class EventSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit EventSink(const std::string& source) : log_(source) {
    set_level(spdlog::level::critical);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    log_.Write(EventKind::kError, kEventTrouble,
               Harmless(std::string_view(message.payload.data(), message.payload.size())));
  }
  void flush_() override {}

 private:
  EventLog log_;
};
}  // namespace

absl::Status LogAsService(const std::string& state_dir, const std::string& service) {
  const std::string path = absl::StrCat(state_dir, "\\agent.log");
  auto file = std::make_shared<FileSink>(path);
  const DWORD error = file->open() ? ERROR_SUCCESS : ::GetLastError();
  const bool open = file->open();
  auto logger = std::make_shared<spdlog::logger>(
      "agent", spdlog::sinks_init_list{std::move(file), std::make_shared<EventSink>(service)});
  spdlog::set_default_logger(std::move(logger));
  return open ? absl::OkStatus() : os::WindowsError(error, absl::StrCat("open ", path));
}

}  // namespace mailquench::agent
