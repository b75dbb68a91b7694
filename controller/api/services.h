// The services of the contract for operators, and Enrolment. Thin: authorise, hand over to the
// core, map the status.
//
// They are synchronous services on purpose: their handlers wait for the disk and PlanRun waits for
// agents, which must never happen on the few threads of gRPC's callback pool, where the agents'
// streams live. Operators are few; the server bounds the threads.
#ifndef MAILQUENCH_CONTROLLER_API_SERVICES_H_
#define MAILQUENCH_CONTROLLER_API_SERVICES_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <atomic>
#include <memory>

#include "controller/api/serve.h"
#include "controller/app/core.h"
#include "controller/identity/tokens.h"

namespace mailquench::controller {

// What is given outlives the services; all of them are thread-safe.
std::unique_ptr<grpc::Service> MakeFleetService(Core* core,
                                                Gate* gate,
                                                Tokens* tokens,
                                                Clock* clock);
// Watchers hold a thread each, hence there is a limit. They end soon after `stopping` is set, or
// their certificate is revoked.
std::unique_ptr<grpc::Service> MakeRunsService(Core* core,
                                               Gate* gate,
                                               const std::atomic<bool>* stopping);
std::unique_ptr<grpc::Service> MakeIncidentsService(Core* core, Gate* gate);
std::unique_ptr<grpc::Service> MakeQuarantinesService(Core* core, Gate* gate);
std::unique_ptr<grpc::Service> MakeBlacklistsService(Core* core, Gate* gate);
std::unique_ptr<grpc::Service> MakeEscalationsService(Core* core, Gate* gate);
std::unique_ptr<grpc::Service> MakeAntivirusService(Core* core, Gate* gate);
// Watchers are limited and end as those of runs do.
std::unique_ptr<grpc::Service> MakeMxService(Core* core,
                                             Gate* gate,
                                             const std::atomic<bool>* stopping);
std::unique_ptr<grpc::Service> MakeAuditService(Core* core, Gate* gate);
// For the enrolment port. At most `per_second` calls are looked at; the others are asked to come
// again.
std::unique_ptr<grpc::Service> MakeEnrolmentService(Core* core,
                                                    Tokens* tokens,
                                                    int per_second = 20);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_API_SERVICES_H_
