// The seam between what decides (runs, incidents) and what is connected (the live streams).
#ifndef MAILQUENCH_CONTROLLER_FLEET_LINK_H_
#define MAILQUENCH_CONTROLLER_FLEET_LINK_H_

#include <string>

#include "mailquench/v1/agent_link.pb.h"

namespace mailquench::controller {

// Towards the agents. Thread-safe; never blocks.
class FleetLink {
 public:
  virtual ~FleetLink() = default;
  virtual bool IsOnline(const std::string& host_id) = 0;
  // False: no live stream, or its bounded queue is full. True promises nothing about arrival.
  virtual bool Send(const std::string& host_id, const v1::ControllerMessage& message) = 0;
  // Cuts the live stream, if there is one.
  virtual void Disconnect(const std::string& host_id, const std::string& reason) = 0;
};

// From the agents. Called from one thread at a time per host, never while the link holds a lock;
// must not block for long.
class AgentEvents {
 public:
  virtual ~AgentEvents() = default;
  virtual void OnConnected(const std::string& host_id, const v1::Hello& hello) = 0;
  virtual void OnDisconnected(const std::string& host_id) = 0;
  virtual void OnHeartbeat(const std::string& host_id, const v1::Heartbeat& heartbeat) = 0;
  virtual void OnProgress(const std::string& host_id, const v1::Progress& progress) = 0;
  // Durable when it returns: the link then acknowledges the report to the agent.
  virtual void OnReport(const std::string& host_id, const v1::OperationReport& report) = 0;
  virtual void OnPlanned(const std::string& host_id, const v1::OperationPlanned& planned) = 0;
  virtual void OnKnown(const std::string& host_id, const v1::KnownCommands& known) = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_LINK_H_
