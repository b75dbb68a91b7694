// quarantine.scan: each message of a quarantine, taken out of its file, judged by the antivirus.
// What is found is kept in the quarantine, so that a release leaves it.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/antivirus/stream_pool.h"
#include "agent/operations/executor.h"
#include "agent/os/lock.h"
#include "agent/quarantine/manifest.h"
#include "agent/quarantine/scan_record.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kScanSaved, "quarantine.scan.saved");
MQ_DEFINE_FAULT_POINT(kScanRead, "quarantine.scan.read");
MQ_DEFINE_FAULT_POINT(kScanRecorded, "quarantine.scan.recorded");

constexpr absl::Duration kPatience = absl::Seconds(15);
constexpr absl::Duration kSaveEvery = absl::Seconds(5);
constexpr absl::Duration kSayEvery = absl::Seconds(5);

// Scanners decode what they take for mail, and they take it for mail by how it begins: a message
// that was given in without a trace line, or begins with a header that none of them knows, they
// read as text, and what is in lines of base64 there they do not see (ClamAV: the signatures of
// CL_TYPE_MAIL in libclamav/filetypes_int.h).
constexpr absl::string_view kFirstLine = "Received: by mailquench\n";

class MessageBytes final : public ByteStream {
 public:
  explicit MessageBytes(std::shared_ptr<QuarantinedMessage> message)
      : message_(std::move(message)) {}
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    if (given_ < kFirstLine.size()) {
      const std::size_t got = kFirstLine.copy(buffer, size, given_);
      given_ += got;
      return got;
    }
    return message_->Read(buffer, size);
  }
  absl::Status Rewind() override {
    given_ = 0;
    return message_->Rewind();
  }

 private:
  const std::shared_ptr<QuarantinedMessage> message_;
  std::size_t given_ = 0;  // Of kFirstLine.
};

// One scan of one quarantine. The pool's threads come in through Judged() alone.
class QuarantineScanner {
 public:
  // `record`: its product() is the one that scans now.
  QuarantineScanner(MailSystem& mail,
                    Antivirus& product,
                    const v1::QuarantineScan& request,
                    std::string home,
                    ScanRecord record)
      : mail_(mail),
        product_(product),
        request_(request),
        home_(std::move(home)),
        words_(record.product()),
        record_(std::move(record)) {}

  absl::Status Run(const CallContext& context, const WorkContext& work) {
    absl::Status ended;
    {
      StreamPool pool(product_, work, kPatience);
      ended = mail_.ReadQuarantined(
          request_.quarantine_id(), [this](const std::string& key) { return Wants(key); },
          [&](std::unique_ptr<QuarantinedMessage> message) -> absl::Status {
            std::shared_ptr<QuarantinedMessage> shared = std::move(message);
            StreamPool::Job job;
            if (shared->bytes() >= 0)
              job.bytes = shared->bytes() + static_cast<std::int64_t>(kFirstLine.size());
            job.stream = std::make_unique<MessageBytes>(shared);
            job.done = [this, shared](const Verdict& verdict) { Judged(*shared, verdict); };
            MQ_RETURN_IF_ERROR(pool.Add(std::move(job)));
            return Meanwhile(context);
          },
          context);
      const absl::Status finished = pool.Finish();
      if (ended.ok()) ended = finished;
    }  // Nobody else is in the record from here on.
    MQ_FAULT_POINT(kScanRead);
    return ended;
  }

  // All was seen: what is gone is forgotten, and from now on what is not clean stays.
  absl::Status Complete(absl::Time now) {
    record_.Keep([this](const std::string& key) { return seen_.count(key) != 0; });
    record_.set_scan_time(now);
    return Save();
  }
  absl::Status Save() {
    const std::lock_guard<std::mutex> lock(mu_);
    saved_ = absl::Now();
    MQ_RETURN_IF_ERROR(record_.Write(home_));
    MQ_FAULT_POINT(kScanSaved);
    return RecordScan(home_, record_);
  }

  // What a person should know of it, in sentences.
  std::vector<std::string> Notices() {
    const std::lock_guard<std::mutex> lock(mu_);
    std::vector<std::string> out;
    if (outdated_ > 0)
      out.push_back(absl::StrCat(outdated_,
                                 " messages that were judged by other signatures were read anew."));
    if (still_infected_ > 0)
      out.push_back(absl::StrCat(still_infected_,
                                 " messages with findings could not be read again: the findings "
                                 "stay."));
    return out;
  }

  void Fill(v1::QuarantineScanResult& result) {
    const std::lock_guard<std::mutex> lock(mu_);
    result.set_scanned(scanned_);
    result.set_bytes(bytes_);
    result.set_clean(record_.Count(Scanned::kClean));
    result.set_infected(record_.Count(Scanned::kInfected));
    result.set_not_scanned(record_.Count(Scanned::kUnread));
    std::unordered_set<std::string> listed;
    for (auto& [key, finding] : found_) {
      *result.add_findings() = finding;
      listed.insert(key);
    }
    // Those of earlier scans, of which no more is kept.
    record_.ForEach([&](const std::string& key, const ScanRecord::Entry& entry) {
      if (entry.state == Scanned::kInfected && result.findings_size() < kMaxFindings &&
          listed.count(key) == 0) {
        v1::InfectedMessage* finding = result.add_findings();
        finding->set_queue_id(NameOfKey(key));
        finding->set_signature(Shown(entry.text));
      }
      if (entry.state == Scanned::kUnread && result.not_scanned_samples_size() < kMaxUnreadSamples)
        result.add_not_scanned_samples(
            absl::StrCat(Shown(NameOfKey(key)), ": ", Shown(entry.text)));
    });
  }

 private:
  bool Wants(const std::string& key) {
    seen_.insert(key);
    if (request_.again()) return true;
    const std::lock_guard<std::mutex> lock(mu_);
    const ScanRecord::Entry known = record_.Of(key);
    if (known.state == Scanned::kNever || known.state == Scanned::kUnread) return true;
    // Clean by older signatures is not clean by these.
    if (known.product == words_) return false;
    ++outdated_;
    return true;
  }

  void Judged(QuarantinedMessage& message, const Verdict& verdict) {
    const std::lock_guard<std::mutex> lock(mu_);
    if (verdict.kind != Verdict::Kind::kNotScanned) {
      ++scanned_;
      bytes_ += std::max<std::int64_t>(message.bytes(), 0);
    }
    const Scanned state = verdict.kind == Verdict::Kind::kClean      ? Scanned::kClean
                          : verdict.kind == Verdict::Kind::kInfected ? Scanned::kInfected
                                                                     : Scanned::kUnread;
    // Not to be read today takes nothing back.
    if (state == Scanned::kUnread && record_.Of(message.key()).state == Scanned::kInfected) {
      ++still_infected_;
      return;
    }
    record_.Set(message.key(), state, verdict.text);
    if (state != Scanned::kInfected || found_.size() >= kMaxFindings) return;
    const v1::MessageSample sample = message.Sample();
    v1::InfectedMessage& finding = found_.emplace_back(message.key(), v1::InfectedMessage()).second;
    finding.set_queue_id(NameOfKey(message.key()));
    finding.set_signature(verdict.text);
    finding.set_sender(sample.sender());
    finding.set_subject(sample.subject());
    finding.set_bytes(sample.bytes());
  }

  // Between two messages: what is known so far goes to the disk, and to whoever waits.
  absl::Status Meanwhile(const CallContext& context) {
    const absl::Time now = absl::Now();
    if (now - said_ >= kSayEvery) {
      said_ = now;
      const std::lock_guard<std::mutex> lock(mu_);
      context.progress(absl::StrCat(scanned_, " messages scanned, ",
                                    record_.Count(Scanned::kInfected), " with findings"));
    }
    // A record of millions takes its time: at most a tenth of it all.
    if (now - saved_ < std::max<absl::Duration>(kSaveEvery, 10 * save_took_))
      return absl::OkStatus();
    MQ_RETURN_IF_ERROR(Save());
    save_took_ = absl::Now() - now;
    return absl::OkStatus();
  }

  MailSystem& mail_;
  Antivirus& product_;
  const v1::QuarantineScan& request_;
  const std::string home_;
  const std::string words_;               // As the record has them: one line.
  std::unordered_set<std::string> seen_;  // Of the walking thread.
  absl::Time said_ = absl::Now(), saved_ = absl::Now();
  absl::Duration save_took_;
  std::mutex mu_;  // Guards the rest.
  ScanRecord record_;
  std::int64_t scanned_ = 0, bytes_ = 0, outdated_ = 0, still_infected_ = 0;
  std::vector<std::pair<std::string, v1::InfectedMessage>> found_;
};

std::string WordsOf(const v1::AntivirusProduct& product) {
  constexpr std::size_t kMost = 40;  // Of each, so that none hides what comes after it.
  std::string out =
      absl::StrCat(Shown(product.product(), kMost), " ", Shown(product.engine_version(), kMost));
  if (!product.signature_version().empty())
    absl::StrAppend(&out, ", signatures ", Shown(product.signature_version(), kMost));
  if (product.has_signature_time())
    absl::StrAppend(&out, " of ", TimeUtil::ToString(product.signature_time()));
  return out;
}

// One that was lost is begun anew; what it may have known keeps messages in until the end of a
// scan.
absl::StatusOr<ScanRecord> RecordToScanBy(const std::string& home,
                                          std::vector<std::string>& notices) {
  MQ_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(home));
  absl::StatusOr<ScanRecord> record = ReadScan(home, manifest);
  if (ReasonOf(record.status()) == "BAD_SCAN_RECORD") {
    record = ScanRecord::AfterLoss();
    MQ_RETURN_IF_ERROR(record->Write(home));
    MQ_RETURN_IF_ERROR(RecordScan(home, *record));
  }
  if (record.ok() && record->lost())
    notices.emplace_back(
        "The record of earlier scans was missing or broken and counts as none: all is read anew, "
        "and until a scan has gone to its end a release leaves what none has found clean.");
  return record;
}
}  // namespace

absl::StatusOr<v1::QuarantineInfo> Executor::QuarantineById(const std::string& quarantine_id) {
  MQ_ASSIGN_OR_RETURN(const v1::QuarantineListResult list, mail_.ListQuarantines());
  for (const v1::QuarantineInfo& one : list.quarantines()) {
    if (one.quarantine_id() == quarantine_id) return one;
  }
  return Error(absl::StatusCode::kNotFound, "UNKNOWN_QUARANTINE",
               absl::StrCat("no quarantine '", Shown(quarantine_id),
                            "' is on this host; nothing was touched, list the quarantines"));
}

absl::Status Executor::DoQuarantineScan(const v1::QuarantineScan& request,
                                        const CallContext& context,
                                        v1::OperationResult& out) {
  const absl::Time begin = absl::Now();
  v1::QuarantineScanResult& result = *out.mutable_quarantine_scan();
  MQ_ASSIGN_OR_RETURN(const v1::QuarantineInfo before, QuarantineById(request.quarantine_id()));
  MQ_ASSIGN_OR_RETURN(const std::string home, mail_.QuarantineHome(request.quarantine_id()));
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock, LockScan(home, "nothing was scanned"));
  const WorkContext work = WorkOf(context);
  MQ_ASSIGN_OR_RETURN(const AntivirusSet::Seen chosen, antivirus_.ToJudge(work));
  Antivirus* const product = chosen.antivirus;
  *result.mutable_product() = chosen.products.front();
  if (!result.product().running())
    return Error(absl::StatusCode::kFailedPrecondition, "ANTIVIRUS_NOT_RUNNING",
                 absl::StrCat(result.product().product(), " cannot scan: ",
                              result.product().problem(), "; nothing was scanned; start it first"));
  std::vector<std::string> notices;
  MQ_ASSIGN_OR_RETURN(ScanRecord record, RecordToScanBy(home, notices));
  const bool scan_before = record.scan_time().has_value() || record.lost();
  record.set_product(WordsOf(result.product()));
  QuarantineScanner scanner(mail_, *product, request, home, std::move(record));
  absl::Status ended = scanner.Run(context, work);
  absl::StatusOr<v1::QuarantineInfo> now = QuarantineById(request.quarantine_id());
  // What was on its way elsewhere may have been seen in neither place.
  if (ended.ok() && now.ok() && now->directory() != before.directory())
    ended = Error(absl::StatusCode::kAborted, "QUARANTINE_MOVED",
                  "the quarantine was moved while it was scanned; scan it again");
  const absl::Status saved = ended.ok() ? scanner.Complete(clock_.Now()) : scanner.Save();
  if (ended.ok()) ended = saved;
  MQ_FAULT_POINT(kScanRecorded);
  scanner.Fill(result);
  now = QuarantineById(request.quarantine_id());
  *result.mutable_quarantine() = now.ok() ? *now : before;
  for (std::string& one : scanner.Notices()) notices.push_back(std::move(one));
  if (!product->ScannerCaveat().empty()) notices.push_back(product->ScannerCaveat());
  *result.mutable_time() =
      TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(absl::Now() - begin));
  result.set_partial(!ended.ok());
  if (!ended.ok())
    notices.push_back(
        scan_before ? "It ended before its end: what it has not read stays as an earlier scan has "
                      "left it."
                    : "It ended before its end: a release leaves the findings that are known, and "
                      "nothing else.");
  result.set_notice(absl::StrJoin(notices, " "));
  if (absl::IsUnavailable(ended))
    return Error(absl::StatusCode::kUnavailable, "ANTIVIRUS_ENDED",
                 absl::StrCat(Shown(ended.message()), "; ", result.scanned(),
                              " messages were scanned until then, and what was found is kept; "
                              "start it, then scan again for the rest"));
  return ended;
}

std::string Executor::ScanNotice(const v1::QuarantineInfo& quarantine) {
  // Under the lock of changes: nothing is started here to find out.
  if (quarantine.has_scan_time() || !antivirus_.MayJudge()) return "";
  return "This host has an antivirus, and no scan of this quarantine had gone to its end before "
         "its "
         "mail was released: `quarantine scan` does that.";
}

}  // namespace mailquench::agent
