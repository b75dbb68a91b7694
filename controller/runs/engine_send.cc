// Commands on their way to an agent: what is in one, and what becomes of one that does not leave.
#include <algorithm>
#include <utility>

#include "common/status/error.h"
#include "controller/runs/engine.h"
#include "controller/runs/groups.h"

namespace mailquench::controller {

v1::ControllerMessage RunEngine::MessageFor(const Active& a,
                                            const std::string& command_id,
                                            const Open& open) {
  v1::ControllerMessage message;
  v1::Command* command = message.mutable_command();
  const v1::PlaybookStep& step = a.run.playbook().steps(open.step);
  command->set_command_id(command_id);
  command->set_host_id(open.sent_to);
  *command->mutable_operation() = step.operation();
  if (step.operation().has_contain()) {
    const auto host = std::find_if(a.run.hosts().begin(), a.run.hosts().end(),
                                   [&](const auto& one) { return one.host_id() == open.host_id; });
    command->mutable_operation()->mutable_contain()->set_organisation_elsewhere(
        ActsElsewhere(*host));
  }
  command->mutable_timeout()->set_seconds(step.timeout_seconds());
  command->set_requested_by(a.run.requested_by());
  command->set_run_id(a.run.run_id());
  command->set_incident_id(a.run.incident_id());
  return message;
}

void RunEngine::Dispatch(Outbox out) {
  while (!out.sends.empty()) {
    const bool any = HandOver(&out);
    out.sends.clear();
    if (!any) break;  // A host that does not take it is asked again at the next tick.
    // What waited for one of them to leave.
    const std::lock_guard<std::mutex> lock(mu_);
    for (auto& [id, a] : active_) {
      if (!std::exchange(a->again, false) || a->ended) continue;
      Advance(a.get(), &out);
    }
  }
  for (const auto& call : out.calls) call();
}

bool RunEngine::HandOver(Outbox* outbox) {
  Outbox& out = *outbox;
  bool any = false;
  for (const Outbox::Item& item : out.sends) {
    const bool left = link_->Send(item.host_id, item.message);
    if (item.command_id.empty()) continue;
    const std::lock_guard<std::mutex> lock(mu_);
    leaving_.erase(item.command_id);
    any |= left;
    if (left) continue;
    // It certainly did not leave: the step is open again, for the host to come online.
    absl::StatusOr<CommandRow> row = store_->FindCommand(item.command_id);
    if (!row.ok()) continue;
    row->sent = false;
    const auto found = active_.find(row->run_id);
    if (found == active_.end()) continue;
    Active* a = found->second.get();
    v1::HostStep* step = HostOf(a, row->host_id)->mutable_steps(row->step);
    a->open.erase(item.command_id);
    if (row->outside) {
      store_->PutCommand(*row).IgnoreError();
      Outbox more;
      FinishProbe(a, HostOf(a, row->host_id), step, nullptr, &more);
      for (auto& call : more.calls) out.calls.push_back(std::move(call));
      continue;
    }
    step->set_sent(false);
    step->clear_command_id();
    step->clear_report();
    const absl::Status kept = store_->Transaction([&]() -> absl::Status {
      MQ_RETURN_IF_ERROR(store_->PutCommand(*row));
      return Save(a, row->host_id, *step);
    });
    kept.IgnoreError();  // The worst case is that a restart asks after it: never seen.
  }
  return any;
}

}  // namespace mailquench::controller
