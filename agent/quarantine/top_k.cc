#include "agent/quarantine/top_k.h"

#include <algorithm>
#include <utility>

namespace mailquench::agent {
namespace {

// Length of the UTF-8 sequence at `at`, 0 where it is none.
std::size_t Utf8Length(const std::string& text, std::size_t at) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  const unsigned char second = byte(at + 1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

void Fill(const TopK& from,
          google::protobuf::RepeatedPtrField<v1::CountOf>* to,
          v1::TrafficPicture& picture) {
  for (const TopK::Entry& entry : from.Largest(Picture::kShown)) {
    v1::CountOf* count = to->Add();
    count->set_value(Printable(entry.value));
    count->set_messages(entry.count);
    count->set_bytes(entry.bytes);
  }
  if (from.approximate()) picture.set_approximate(true);
  picture.set_error_bound(std::max(picture.error_bound(), from.ErrorBound()));
}

}  // namespace

std::string Printable(const std::string& text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = Utf8Length(text, i);
    if (out.size() + std::max<std::size_t>(length, 1) > max_bytes) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 0 || c < 0x20 || c == 0x7f) {
      out.push_back('?');
      ++i;
    } else {
      out.append(text, i, length);
      i += length;
    }
  }
  return out;
}

void TopK::Swap(std::size_t a, std::size_t b) {
  std::swap(heap_[a], heap_[b]);
  where_[heap_[a].value] = a;
  where_[heap_[b].value] = b;
}

void TopK::Sink(std::size_t at) {
  for (;;) {
    std::size_t least = at;
    for (const std::size_t child : {2 * at + 1, 2 * at + 2})
      if (child < heap_.size() && heap_[child].count < heap_[least].count) least = child;
    if (least == at) return;
    Swap(at, least);
    at = least;
  }
}

void TopK::Add(const std::string& whole, std::int64_t bytes) {
  const std::string value = whole.substr(0, kMaxValue);
  const auto found = where_.find(value);
  if (found != where_.end()) {
    const std::size_t at = found->second;
    ++heap_[at].count;
    heap_[at].bytes += bytes;
    return Sink(at);
  }
  if (heap_.size() < capacity_) {
    heap_.push_back({value, 1, bytes, 0});
    std::size_t at = heap_.size() - 1;
    where_[value] = at;
    for (; at > 0 && heap_[(at - 1) / 2].count > heap_[at].count; at = (at - 1) / 2)
      Swap(at, (at - 1) / 2);
    return;
  }
  approximate_ = true;
  Entry& rarest = heap_.front();
  where_.erase(rarest.value);
  // The bytes of the displaced value are not those of the new one; only the count has to stay an
  // upper bound.
  rarest = {value, rarest.count + 1, bytes, rarest.count};
  where_[value] = 0;
  Sink(0);
}

std::vector<TopK::Entry> TopK::Largest(std::size_t n) const {
  std::vector<const Entry*> order;
  for (const Entry& entry : heap_) order.push_back(&entry);
  const auto surer = [](const Entry* a, const Entry* b) {
    return std::make_pair(b->count - b->error, a->value) <
           std::make_pair(a->count - a->error, b->value);
  };
  n = std::min(n, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                    surer);
  std::vector<Entry> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(*order[i]);
  std::stable_sort(out.begin(), out.end(),
                   [](const Entry& a, const Entry& b) { return a.count > b.count; });
  return out;
}

void Picture::Add(const MessageFacts& message) {
  senders_.Add(message.sender.empty() ? "<>" : message.sender, message.bytes);
  if (!message.client.empty()) clients_.Add(message.client, message.bytes);
  if (!message.account.empty()) accounts_.Add(message.account, message.bytes);
  for (const std::string& domain : message.recipient_domains) domains_.Add(domain, message.bytes);
  if (!message.subject.empty()) subjects_.Add(message.subject, message.bytes);
}

v1::TrafficPicture Picture::Build() const {
  v1::TrafficPicture picture;
  Fill(senders_, picture.mutable_senders(), picture);
  Fill(clients_, picture.mutable_clients(), picture);
  Fill(accounts_, picture.mutable_accounts(), picture);
  Fill(domains_, picture.mutable_recipient_domains(), picture);
  Fill(subjects_, picture.mutable_subjects(), picture);
  return picture;
}

}  // namespace mailquench::agent
