// Files of the host, handed to clamd.
#include <google/protobuf/util/time_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamav_antivirus.h"
#include "agent/antivirus/clamav/file_walk.h"
#include "agent/antivirus/stream_pool.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
using google::protobuf::util::TimeUtil;

constexpr absl::Duration kSayEvery = absl::Seconds(5);
constexpr char kNotRemoved[] =
    "not removed: ClamAV has no quarantine of its own; move the file away by hand";

class FileStream final : public ByteStream {
 public:
  explicit FileStream(OpenFile file) : file_(std::move(file)) {}
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    const ssize_t got = pread(file_.get(), buffer, size, at_);
    if (got < 0) return SystemError(errno, "read");
    at_ += got;
    return static_cast<std::size_t>(got);
  }
  absl::Status Rewind() override {
    at_ = 0;
    return absl::OkStatus();
  }
  int Descriptor() const override { return file_.get(); }

 private:
  OpenFile file_;
  off_t at_ = 0;
};

// Counts what the pool finds. Its own lock, since progress is told meanwhile.
class Tally {
 public:
  explicit Tally(bool remove) : remove_(remove) {}

  void Add(const std::string& path, std::int64_t bytes, const Verdict& verdict) {
    const std::lock_guard<std::mutex> lock(mu_);
    if (verdict.kind == Verdict::Kind::kNotScanned) return Unread(path, verdict.text);
    result_.set_files(result_.files() + 1);
    result_.set_bytes(result_.bytes() + bytes);
    if (verdict.kind == Verdict::Kind::kClean) return;
    result_.set_finding_count(result_.finding_count() + 1);
    if (result_.findings_size() >= kMaxFindings) return;
    v1::AntivirusFinding* finding = result_.add_findings();
    finding->set_path(Shown(path, kMaxPath));
    finding->set_signature(verdict.text);
    finding->set_action(remove_ ? kNotRemoved : "found");
  }
  void AddUnread(const std::string& path, const std::string& why) {
    const std::lock_guard<std::mutex> lock(mu_);
    Unread(path, why);
  }
  std::string Said(const std::string& path) {
    const std::lock_guard<std::mutex> lock(mu_);
    return absl::StrCat(result_.files(), " files, ", result_.bytes() >> 20, " MB, ",
                        result_.finding_count(), " findings, at ", Shown(path, kMaxPath));
  }
  v1::AntivirusScanResult Take() {
    const std::lock_guard<std::mutex> lock(mu_);
    return std::move(result_);
  }

 private:
  void Unread(const std::string& path, const std::string& why) {
    result_.set_unread(result_.unread() + 1);
    if (result_.unread_samples_size() < kMaxUnreadSamples)
      result_.add_unread_samples(absl::StrCat(Shown(path, kMaxPath), ": ", Shown(why)));
  }

  const bool remove_;
  std::mutex mu_;
  v1::AntivirusScanResult result_;
};
}  // namespace

std::vector<std::string> DefaultQuickPlaces() {
  return {"/tmp",
          "/var/tmp",
          "/dev/shm",
          "/var/spool/cron",
          "/etc/cron.d",
          "/etc/cron.hourly",
          "/etc/cron.daily",
          "/etc/cron.weekly",
          "/etc/cron.monthly",
          "/etc/init.d",
          "/etc/profile.d",
          "/etc/systemd/system",
          "/etc/postfix",
          "/usr/lib/postfix",
          "/usr/libexec/postfix",
          "/usr/local/bin",
          "/usr/local/sbin",
          "/var/www",
          "/srv/www"};
}

absl::Status ClamAv::Scan(const ScanOrder& order,
                          const WorkContext& context,
                          v1::AntivirusScanResult& result) {
  const absl::Time begin = absl::Now();
  const v1::AntivirusScan& request = order.request;
  *result.mutable_product() = order.product.has_value() ? *order.product : Status(context);
  if (!result.product().running())
    return Error(absl::StatusCode::kFailedPrecondition, "ANTIVIRUS_NOT_RUNNING",
                 absl::StrCat("ClamAV cannot scan: ", result.product().problem(),
                              "; nothing was scanned; start clamd, then ask again"));
  std::vector<std::string> roots(request.paths().begin(), request.paths().end());
  if (request.kind() == v1::SCAN_KIND_FULL) roots = {"/"};
  const bool quick = request.kind() != v1::SCAN_KIND_FULL && request.kind() != v1::SCAN_KIND_PATHS;
  if (quick) roots = options_.quick_places.empty() ? DefaultQuickPlaces() : options_.quick_places;

  Tally tally(request.remove());
  absl::Status ended;
  std::vector<std::string> strange, not_entered;
  bool not_entered_cut = false;
  {
    StreamPool pool(*this, context, options_.patience);
    absl::Time said = absl::Now();
    std::int64_t seen = 0;
    WalkVisitor visitor;
    visitor.unread = [&](const std::string& path, const std::string& why) {
      tally.AddUnread(path, why);
    };
    visitor.file = [&](const std::string& path, OpenFile file,
                       const struct stat& info) -> absl::Status {
      if (++seen % 256 == 0) MQ_RETURN_IF_ERROR(CheckWork(context));
      if (absl::Now() - said >= kSayEvery) {
        said = absl::Now();
        context.progress(tally.Said(path));
      }
      const std::int64_t bytes = info.st_size;
      if (bytes == 0) {  // There is nothing to judge.
        tally.Add(path, 0, {Verdict::Kind::kClean, ""});
        return absl::OkStatus();
      }
      StreamPool::Job job;
      job.stream = std::make_unique<FileStream>(std::move(file));
      job.bytes = bytes;
      job.done = [&tally, path, bytes](const Verdict& verdict) { tally.Add(path, bytes, verdict); };
      return pool.Add(std::move(job));
    };
    FileWalk walk(order.left_out, visitor);
    for (const std::string& root : roots) {
      ended = walk.Walk(root);
      if (quick && ReasonOf(ended) == "IS_LINK") not_entered.push_back(Shown(root, kMaxPath));
      if (quick && (absl::IsNotFound(ended) || ReasonOf(ended) == "IS_LINK")) ended = {};
      if (!ended.ok()) break;
    }
    const absl::Status finished = pool.Finish();
    if (ended.ok()) ended = finished;
    strange = walk.strange();
    not_entered.insert(not_entered.end(), walk.not_entered().begin(), walk.not_entered().end());
    not_entered_cut = walk.not_entered_cut() || not_entered.size() > FileWalk::kMaxNotEntered;
  }
  v1::AntivirusProduct product = result.product();
  result = tally.Take();
  *result.mutable_product() = std::move(product);
  *result.mutable_time() =
      TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(absl::Now() - begin));
  std::vector<std::string> notices;
  if (!ScannerCaveat().empty()) notices.push_back(ScannerCaveat());
  if (!strange.empty())
    notices.push_back(absl::StrCat("Not entered: ", absl::StrJoin(strange, ", "), "."));
  for (const std::string& one : not_entered) {
    if (static_cast<std::size_t>(result.not_entered_size()) < FileWalk::kMaxNotEntered)
      result.add_not_entered(one);
  }
  // Whoever asks what it has not read must not believe that these are all.
  if (not_entered_cut)
    notices.emplace_back("There are more folders that it did not enter than are listed.");
  result.set_partial(!ended.ok() || not_entered_cut);
  if (!ended.ok())
    notices.push_back(absl::StrCat("It ended before its end: ", Shown(ended.message()), "."));
  result.set_notice(absl::StrJoin(notices, " "));
  if (absl::IsUnavailable(ended))
    return Error(absl::StatusCode::kUnavailable, "ANTIVIRUS_ENDED",
                 absl::StrCat(Shown(ended.message()), "; ", result.files(),
                              " files were scanned until then; start clamd, then scan again"));
  return ended;
}

}  // namespace mailquench::agent::clamav
