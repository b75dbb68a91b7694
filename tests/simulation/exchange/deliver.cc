// Out of the delivery queues: into mailboxes, which are files, and to smart hosts over SMTP.
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/common/smtp_client.h"
#include "tests/simulation/exchange/services_file.h"
#include "tests/simulation/exchange/transport.h"

namespace mailquench::simulation::exchange {
namespace {
// What the port of a smart host stands for, whatever it is here.
constexpr char kSmtpPort[] = "25";
}  // namespace

absl::Time Transport::NextTry() const {
  return absl::Now() + absl::Milliseconds(ReadOptions(world_, server_).retry_every_ms);
}

void Transport::TakeItsTime() {
  const int told = ReadOptions(world_, server_).delivery_ms;
  for (int slept = 0; slept < told && !ended_; slept += 10)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void Transport::DeliverInside() {
  for (const Place& place : store_->DuePlaces({Kind::kMailbox}, absl::Now())) {
    const std::string delivery = ServiceStateOf(world_, server_, kDeliveryService);
    if (!delivery.empty() && delivery != "Running") {
      store_->PlaceFailed(place, "451 4.4.0 MSExchangeDelivery does not answer", NextTry());
      continue;
    }
    while (!ended_) {
      const std::optional<Item> item = store_->Begin(place, absl::Now());
      if (!item.has_value()) break;
      TakeItsTime();
      absl::Status done = absl::OkStatus();
      for (const std::string& one : item->recipients) {
        // Named for the message: a repetition after a kill replaces its file.
        const std::string file = absl::StrCat("delivered/", absl::AsciiStrToLower(one), "-",
                                              item->network_id, "-", item->key, ".eml");
        const absl::Status put =
            agent::WriteFileAtomically(SimFile(world_, server_, file), *item->content);
        if (!put.ok()) done = put;
      }
      if (done.ok()) {
        tracking_.Write(*SettingsNow(), "STOREDRIVER", "DELIVER", *item);
        store_->Delivered(item->key);
      } else {
        store_->Deferred(item->key, absl::StrCat("432 4.2.0 ", done.message()), NextTry());
      }
    }
  }
}

void Transport::DeliverOutside() {
  for (const Place& place : store_->DuePlaces({Kind::kSmartHost, Kind::kDns}, absl::Now())) {
    if (ended_) return;
    if (place.kind == Kind::kDns)
      store_->PlaceFailed(place, "451 4.4.0 DNS query failed. The error was: DNS query timed out",
                          NextTry());
    else if (SettingsNow()->IsCutOff(kSmtpPort) && !ReadOptions(world_, server_).firewall_ignored)
      store_->PlaceFailed(place, "421 4.2.1 Unable to connect: SocketError 10013 AccessDenied",
                          NextTry());
    else
      DeliverTo(place);
  }
}

void Transport::DeliverTo(const Place& place) {
  std::optional<LineSocket> peer;
  while (!ended_) {
    const std::optional<Item> item = store_->Begin(place, absl::Now());
    if (!item.has_value()) break;
    if (!peer.has_value()) {
      for (const absl::string_view host : absl::StrSplit(place.hop, ',')) {
        peer = ConnectTo(std::string(host), ended_);
        if (peer.has_value() && IsGood(Ask(*peer, "")) &&
            IsGood(Ask(*peer, "EHLO " + SettingsNow()->Fqdn())))
          break;
        peer.reset();
      }
    }
    if (!peer.has_value()) {
      store_->Deferred(item->key, "", absl::InfinitePast());  // The queue waits, not the message.
      store_->PlaceFailed(place,
                          "451 4.4.0 Primary target IP address responded with: \"421 4.2.1 Unable "
                          "to connect.\" Attempted failover to alternate host, but that did not "
                          "succeed.",
                          NextTry());
      return;
    }
    TakeItsTime();
    if (!DeliverOver(*peer, *item)) {
      store_->PlaceFailed(place, "421 4.4.2 Connection dropped", NextTry());
      return;
    }
  }
  if (peer.has_value()) (void)Ask(*peer, "QUIT");
}

// False: the connection is gone.
bool Transport::DeliverOver(LineSocket& peer, const Item& item) {
  const std::string reply = Hand(peer, item.sender, item.recipients, *item.content);
  if (IsGood(reply)) {
    tracking_.Write(*SettingsNow(), "SMTP", "SEND", item, reply);
    store_->Delivered(item.key);
  } else if (reply.empty()) {
    store_->Deferred(item.key, "421 4.4.2 Connection dropped", absl::InfinitePast());
    return false;
  } else if (reply[0] != '5') {
    store_->Deferred(item.key, reply, NextTry());
  } else if (item.recipients.size() > 1) {
    // Whose fault it is shows when each has a message of its own.
    std::vector<Item> each;
    for (const std::string& one : item.recipients) {
      Item single = item;
      single.status = ItemStatus::kReady;
      single.recipients = {one};
      each.push_back(std::move(single));
    }
    (void)store_->Split(item.key, std::move(each));
  } else {
    Fail(item, "SMTP", reply);
    store_->Delivered(item.key);
  }
  return true;
}

}  // namespace mailquench::simulation::exchange
