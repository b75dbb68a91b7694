#include "tests/bench/escalation_setup.h"

#include <sys/stat.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/clock/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/escalation/sources.h"
#include "controller/identity/ca.h"
#include "controller/identity/init.h"
#include "controller/store/store.h"

namespace mailquench::bench {
namespace {

using controller::CertificateAuthority;
using controller::Store;

std::string NameOf(int number) {
  return absl::StrFormat("mx%04d.bench.example", number);
}

absl::Status Enrol(const std::string& dir, int hosts, Store* store, Clock* clock) {
  MQ_ASSIGN_OR_RETURN(const auto ca, CertificateAuthority::Load(dir, clock));
  std::ofstream list(dir + "/hosts.txt");
  return store->Transaction([&]() -> absl::Status {
    for (int i = 0; i < hosts; ++i) {
      const std::string id = identity::RandomUuid();
      MQ_ASSIGN_OR_RETURN(const std::string key, identity::NewKeyPem());
      MQ_ASSIGN_OR_RETURN(const std::string csr, identity::MakeCsrDer(key));
      MQ_ASSIGN_OR_RETURN(const std::string pem, ca->IssueAgent(csr, id));
      MQ_RETURN_IF_ERROR(identity::WriteSecretFile(absl::StrCat(dir, "/hosts/", i, ".key"), key));
      MQ_RETURN_IF_ERROR(identity::WritePublicFile(absl::StrCat(dir, "/hosts/", i, ".pem"), pem));
      Store::HostRow row;
      row.serial = "1";
      row.host.set_host_id(id);
      row.host.set_name(NameOf(i));
      row.host.set_state(v1::HOST_STATE_ACTIVE);
      (*row.host.mutable_labels())["role"] = "edge";
      (*row.host.mutable_labels())["site"] = absl::StrCat("site-", i % 20);
      MQ_RETURN_IF_ERROR(store->PutHost(row));
      list << id << "\n";
    }
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status SetUp(const std::string& dir, int hosts) {
  SystemClock clock;
  controller::InitOptions options;
  options.dir = dir;
  options.trust_domain = "bench.example";
  options.names = {{"localhost"}, {"127.0.0.1"}};
  options.listen = options.enrolment_listen = options.https_listen = "127.0.0.1:0";
  MQ_RETURN_IF_ERROR(InitController(options, &clock).status());
  if (::mkdir((dir + "/hosts").c_str(), 0700) != 0)
    return absl::InternalError("no folder for the hosts");
  MQ_ASSIGN_OR_RETURN(const auto store, Store::Open(dir + "/controller.db"));
  MQ_RETURN_IF_ERROR(Enrol(dir, hosts, store.get(), &clock));
  MQ_ASSIGN_OR_RETURN(const auto sources, controller::AlertSources::Open(store.get(), &clock));
  v1::CreateSourceRequest source;
  source.set_name("bench");
  source.set_kind(v1::SOURCE_KIND_ALERTMANAGER);
  MQ_ASSIGN_OR_RETURN(const auto created, sources->Create(source, "bench"));
  return identity::WriteSecretFile(dir + "/token", created.token());
}

absl::StatusOr<std::vector<BenchHost>> HostsOf(const std::string& dir) {
  std::ifstream list(dir + "/hosts.txt");
  std::vector<BenchHost> hosts;
  for (std::string id; std::getline(list, id);) {
    const int i = static_cast<int>(hosts.size());
    hosts.push_back({id, NameOf(i), absl::StrCat(dir, "/hosts/", i, ".key"),
                     absl::StrCat(dir, "/hosts/", i, ".pem")});
  }
  if (hosts.empty()) return absl::NotFoundError(dir + "/hosts.txt names no host");
  return hosts;
}

std::string TokenOf(const std::string& dir) {
  return identity::ReadFile(dir + "/token").value_or("");
}

std::string AlertDocument(const std::string& alertname,
                          const std::string& host,
                          std::int64_t number) {
  const std::string start =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string labels =
      absl::StrFormat(R"({"alertname":"%s","instance":"%s:9154","severity":"critical","n":"%d"})",
                      alertname, host, number);
  return absl::StrFormat(
      R"({"version":"4","groupKey":"{}:{alertname=\"%s\", n=\"%d\"}","truncatedAlerts":0,)"
      R"("status":"firing","receiver":"mailquench","groupLabels":{"alertname":"%s"},)"
      R"("commonLabels":%s,"commonAnnotations":{"summary":"the queue of %s grows"},)"
      R"("externalURL":"http://alertmanager.example:9093","alerts":[{"status":"firing",)"
      R"("labels":%s,"annotations":{"summary":"the queue of %s grows"},"startsAt":"%s",)"
      R"("endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example:9090/graph",)"
      R"("fingerprint":"%016x"}]})",
      alertname, number, alertname, labels, host, labels, host, start,
      // As in life a hash, so that no index has it easy.
      static_cast<std::uint64_t>(number + 1) * 0x9e3779b97f4a7c15U);
}

}  // namespace mailquench::bench
