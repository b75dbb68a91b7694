#include "controller/dns/tsig.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "absl/strings/string_view.h"
#include "controller/dns/message.h"

namespace mailquench::controller::dns {
namespace {

constexpr std::uint16_t kTypeTsig = 250, kClassAny = 255;

std::string Number(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string WireAlgorithm(TsigAlgorithm algorithm) {
  return WireName(ParseName(TsigAlgorithmName(algorithm))->get());
}

const EVP_MD* Hash(TsigAlgorithm algorithm) {
  switch (algorithm) {
    case TsigAlgorithm::kSha256:
      return EVP_sha256();
    case TsigAlgorithm::kSha384:
      return EVP_sha384();
    case TsigAlgorithm::kSha512:
      return EVP_sha512();
  }
  std::abort();
}

std::string Hmac(const TsigKey& key, const std::string& data) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // It fails only where there is no memory or no such hash.
  if (HMAC(Hash(key.algorithm()), key.secret().data(), static_cast<int>(key.secret().size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(), mac,
           &size) == nullptr) {
    std::abort();
  }
  return std::string(reinterpret_cast<const char*>(mac), size);
}

struct Tsig {
  std::size_t begin = 0;  // Of the record in the message.
  std::string name, algorithm;
  std::uint64_t time = 0;  // Seconds since 1970, 48 bits.
  std::uint16_t fudge = 0, original_id = 0, error = 0;
  std::string mac, other;
};

// RFC 8945 section 4.3.3.
std::string Variables(const Tsig& tsig) {
  return tsig.name + Number(kClassAny, 2) + Number(0, 4) + tsig.algorithm + Number(tsig.time, 6) +
         Number(tsig.fudge, 2) + Number(tsig.error, 2) + Number(tsig.other.size(), 2) + tsig.other;
}

// Reads on from a place in the message; once something is missing, all that follows is empty.
class Walker {
 public:
  explicit Walker(const std::string& message) : message_(message) {}
  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }
  std::string Bytes(std::size_t count) {
    ok_ = ok_ && count <= message_.size() - at_;
    if (!ok_) return "";
    at_ += count;
    return message_.substr(at_ - count, count);
  }
  std::uint64_t Take(int bytes) {
    std::uint64_t value = 0;
    for (const char c : Bytes(static_cast<std::size_t>(bytes)))
      value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string Name() {  // In lower case.
    const NamePtr name = ok_ ? ReadName(message_, &at_) : nullptr;
    ok_ = ok_ && name != nullptr && at_ <= message_.size();
    return ok_ ? WireName(name.get()) : "";
  }

 private:
  const std::string& message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// kNone, kMalformed, or kProven where there is a record to look at.
Proof FindTsig(const std::string& message, Tsig& tsig) {
  Walker walker(message);
  walker.Take(4);
  const std::uint64_t questions = walker.Take(2);
  const std::uint64_t records = walker.Take(2) + walker.Take(2);
  const std::uint64_t additional = walker.Take(2);
  for (std::uint64_t i = 0; i < questions && walker.ok(); ++i) {
    walker.Name();
    walker.Take(4);
  }
  bool found = false;
  for (std::uint64_t i = 0; i < records + additional && walker.ok(); ++i) {
    tsig.begin = walker.at();
    tsig.name = walker.Name();
    const std::uint64_t type = walker.Take(2), its_class = walker.Take(2), ttl = walker.Take(4);
    const std::uint64_t size = walker.Take(2);
    if (type != kTypeTsig) {
      walker.Bytes(size);
      continue;
    }
    const bool last = i + 1 == records + additional && additional > 0;
    if (!last || its_class != kClassAny || ttl != 0) return Proof::kMalformed;
    found = true;
    const std::size_t end = walker.at() + size;
    tsig.algorithm = walker.Name();
    tsig.time = walker.Take(6);
    tsig.fudge = static_cast<std::uint16_t>(walker.Take(2));
    tsig.mac = walker.Bytes(walker.Take(2));
    tsig.original_id = static_cast<std::uint16_t>(walker.Take(2));
    tsig.error = static_cast<std::uint16_t>(walker.Take(2));
    tsig.other = walker.Bytes(walker.Take(2));
    if (walker.at() != end) return Proof::kMalformed;
  }
  if (!walker.ok() || walker.at() != message.size()) return Proof::kMalformed;
  return found ? Proof::kProven : Proof::kNone;
}

absl::Time FromSeconds(std::uint64_t seconds) {
  return absl::FromUnixSeconds(static_cast<std::int64_t>(seconds));
}

// The message as it was before its TSIG record was put to it.
std::string Bare(const std::string& message, const Tsig& tsig) {
  std::string bare = message.substr(0, tsig.begin);
  bare.replace(0, 2, Number(tsig.original_id, 2));
  const std::uint64_t additional =
      static_cast<unsigned char>(bare[10]) * 256u + static_cast<unsigned char>(bare[11]);
  bare.replace(10, 2, Number(additional - 1, 2));
  return bare;
}

}  // namespace

SignedMessage Sign(const std::string& message, const TsigKey& key, absl::Time now) {
  Tsig tsig;
  tsig.name = key.wire_name();
  tsig.algorithm = WireAlgorithm(key.algorithm());
  tsig.time = static_cast<std::uint64_t>(absl::ToUnixSeconds(now));
  tsig.fudge = static_cast<std::uint16_t>(absl::ToInt64Seconds(kFudge));
  SignedMessage out;
  out.mac = Hmac(key, message + Variables(tsig));
  const std::string data = tsig.algorithm + Number(tsig.time, 6) + Number(tsig.fudge, 2) +
                           Number(out.mac.size(), 2) + out.mac + message.substr(0, 2) +
                           Number(0, 4);  // No error, no other data.
  out.wire = message + tsig.name + Number(kTypeTsig, 2) + Number(kClassAny, 2) + Number(0, 4) +
             Number(data.size(), 2) + data;
  const std::uint64_t additional =
      static_cast<unsigned char>(message[10]) * 256u + static_cast<unsigned char>(message[11]);
  out.wire.replace(10, 2, Number(additional + 1, 2));
  return out;
}

Verified Verify(const std::string& reply,
                const TsigKey& key,
                const std::string& request_mac,
                absl::Time now) {
  Verified out;
  Tsig tsig;
  out.proof = reply.size() < kHeader ? Proof::kMalformed : FindTsig(reply, tsig);
  if (out.proof != Proof::kProven) return out;
  out.error = tsig.error;
  if (tsig.error == kBadTime && tsig.other.size() == 6) {
    std::uint64_t seconds = 0;
    for (const char c : tsig.other) seconds = seconds << 8 | static_cast<unsigned char>(c);
    out.server_time = FromSeconds(seconds);
  }
  if (tsig.mac.empty()) {
    out.proof = Proof::kUnsigned;
    return out;
  }
  const std::string mac =
      Hmac(key, Number(request_mac.size(), 2) + request_mac + Bare(reply, tsig) + Variables(tsig));
  if (tsig.name != key.wire_name() || tsig.algorithm != WireAlgorithm(key.algorithm()) ||
      tsig.mac.size() != mac.size() ||
      CRYPTO_memcmp(tsig.mac.data(), mac.data(), mac.size()) != 0) {
    out.proof = Proof::kWrong;
  } else if (absl::AbsDuration(now - FromSeconds(tsig.time)) > absl::Seconds(tsig.fudge)) {
    out.proof = Proof::kLate;
  }
  return out;
}

}  // namespace mailquench::controller::dns
