#include <map>

#include "absl/time/time.h"
#include "controller/store/session.h"

namespace mailquench::controller {
namespace {

v1::Run WithoutSteps(const v1::Run& run) {
  v1::Run bare = run;
  for (v1::RunHost& host : *bare.mutable_hosts()) host.clear_steps();
  return bare;
}

}  // namespace

absl::Status Store::InsertRun(const v1::Run& run, const std::string& request_id) {
  return Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(Write("keep a run", "INSERT INTO runs VALUES (:t0, :t1, :t2, :n0, :n1, :b)",
                             {run.run_id(), request_id, run.incident_id()},
                             {run.state(), run.start_time().seconds() * 1000},
                             WithoutSteps(run).SerializeAsString()));
    for (const v1::RunHost& host : run.hosts()) {
      for (const v1::HostStep& step : host.steps()) {
        MQ_RETURN_IF_ERROR(PutStep(run.run_id(), host.host_id(), step));
      }
    }
    return absl::OkStatus();
  });
}

absl::Status Store::PutRun(const v1::Run& run) {
  return Write(
      "keep a run", "UPDATE runs SET state = :n0, incident_id = :t1, body = :b WHERE run_id = :t0",
      {run.run_id(), run.incident_id()}, {run.state()}, WithoutSteps(run).SerializeAsString());
}

absl::Status Store::PutStep(const std::string& run_id,
                            const std::string& host_id,
                            const v1::HostStep& step) {
  return Write("keep a step of a run",
               "INSERT OR REPLACE INTO run_steps VALUES (:t0, :t1, :n0, :b)", {run_id, host_id},
               {step.step()}, step.SerializeAsString());
}

absl::StatusOr<v1::Run> Store::FindRun(const std::string& run_id) {
  v1::Run run;
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(EachBlob("read a run", "SELECT body FROM runs WHERE run_id = :k", run_id,
                              [&](const std::string& b) { return Parse(b, "run", &run); }));
  if (run.run_id().empty()) {
    return Error(
        absl::StatusCode::kNotFound, "RUN_NOT_FOUND",
        "there is no run " + run_id + "; 'mailquench run list' names those that there are");
  }
  std::map<std::string, v1::RunHost*> hosts;
  for (v1::RunHost& host : *run.mutable_hosts()) hosts[host.host_id()] = &host;
  absl::Status read = Guard("read a run", [&]() -> absl::Status {
    std::string host_id;
    soci::blob blob(*sql_);
    soci::statement statement =
        (sql_->prepare << "SELECT host_id, body FROM run_steps WHERE run_id = :r ORDER BY step",
         soci::use(run_id), soci::into(host_id), soci::into(blob));
    statement.execute(false);
    while (statement.fetch()) {
      const auto host = hosts.find(host_id);
      if (host == hosts.end()) continue;
      MQ_RETURN_IF_ERROR(Parse(BytesOf(blob), "step of a run", host->second->add_steps()));
    }
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return run;
}

absl::StatusOr<std::vector<v1::Run>> Store::RunsOfIncident(const std::string& incident_id) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::vector<v1::Run> runs;
  MQ_RETURN_IF_ERROR(
      EachBlob("read runs",
               "SELECT body FROM runs WHERE incident_id = :k ORDER BY start_ms DESC, rowid DESC",
               incident_id, [&](const std::string& bytes) {
                 runs.emplace_back();
                 return Parse(bytes, "run", &runs.back());
               }));
  std::map<std::pair<std::string, std::string>, v1::RunHost*> hosts;
  for (v1::Run& run : runs) {
    for (v1::RunHost& host : *run.mutable_hosts()) hosts[{run.run_id(), host.host_id()}] = &host;
  }
  MQ_RETURN_IF_ERROR(Guard("read runs", [&]() -> absl::Status {
    std::string run_id, host_id;
    soci::blob blob(*sql_);
    soci::statement statement =
        (sql_->prepare << "SELECT s.run_id, s.host_id, s.body FROM runs r CROSS JOIN run_steps s "
                          "ON s.run_id = r.run_id WHERE r.incident_id = :i ORDER BY s.step",
         soci::use(incident_id), soci::into(run_id), soci::into(host_id), soci::into(blob));
    statement.execute(false);
    while (statement.fetch()) {
      const auto host = hosts.find({run_id, host_id});
      if (host == hosts.end()) continue;
      MQ_RETURN_IF_ERROR(Parse(BytesOf(blob), "step of a run", host->second->add_steps()));
    }
    return absl::OkStatus();
  }));
  return runs;
}

absl::StatusOr<std::string> Store::RunOfRequest(const std::string& request_id) {
  std::string id;
  MQ_RETURN_IF_ERROR(Guard("read a run", [&]() -> absl::Status {
    *sql_ << "SELECT run_id FROM runs WHERE request_id = :r", soci::use(request_id), soci::into(id);
    return sql_->got_data() ? absl::OkStatus() : absl::NotFoundError("no run of this request");
  }));
  return id;
}

absl::StatusOr<std::vector<std::string>> Store::RunIds(const std::string& incident_id,
                                                       bool running_only) {
  std::vector<std::string> ids;
  MQ_RETURN_IF_ERROR(Guard("list its runs", [&]() -> absl::Status {
    // Literally so, that the index of those that go on is used: it is asked before every decision.
    const std::string which = running_only ? "state = 1 AND " : "";
    soci::rowset<std::string> rows =
        (sql_->prepare << "SELECT run_id FROM runs WHERE " + which +
                              "(:i = '' OR incident_id = :j) ORDER BY start_ms DESC, rowid DESC",
         soci::use(incident_id), soci::use(incident_id));
    for (const std::string& id : rows) ids.push_back(id);
    return absl::OkStatus();
  }));
  return ids;
}

absl::Status Store::PutCommand(const CommandRow& row) {
  return Write(
      "keep a command",
      "INSERT OR REPLACE INTO commands VALUES (:t0, :t1, :t2, :n0, :t3, :n1, :n2, :n3, :b)",
      {row.command_id, row.run_id, row.host_id, row.sent_to},
      {row.step, row.outside ? 1 : 0, row.sent ? 1 : 0, row.answered ? 1 : 0},
      row.report.SerializeAsString());
}

namespace {

absl::StatusOr<std::vector<CommandRow>> ReadCommands(soci::session& sql,
                                                     const std::string& where,
                                                     const std::string& key) {
  std::vector<CommandRow> rows;
  CommandRow row;
  int outside = 0, sent = 0, answered = 0;
  soci::blob blob(sql);
  soci::statement statement =
      (sql.prepare << "SELECT command_id, run_id, host_id, step, sent_to, outside, sent, answered, "
                      "body FROM commands WHERE " +
                          where,
       soci::use(key), soci::into(row.command_id), soci::into(row.run_id), soci::into(row.host_id),
       soci::into(row.step), soci::into(row.sent_to), soci::into(outside), soci::into(sent),
       soci::into(answered), soci::into(blob));
  statement.execute(false);
  while (statement.fetch()) {
    row.outside = outside != 0;
    row.sent = sent != 0;
    row.answered = answered != 0;
    MQ_RETURN_IF_ERROR(Parse(BytesOf(blob), "command", &row.report));
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

absl::StatusOr<CommandRow> Store::FindCommand(const std::string& command_id) {
  std::vector<CommandRow> rows;
  absl::Status read = Guard("read a command", [&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(rows, ReadCommands(*sql_, "command_id = :k", command_id));
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  if (rows.empty()) return absl::NotFoundError("no such command");
  return rows[0];
}

absl::StatusOr<std::vector<CommandRow>> Store::CommandsOfRun(const std::string& run_id) {
  std::vector<CommandRow> rows;
  absl::Status read = Guard("read a run's commands", [&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(rows, ReadCommands(*sql_, "run_id = :k", run_id));
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return rows;
}

absl::StatusOr<std::vector<CommandRow>> Store::OutstandingCommands(const std::string& sent_to) {
  std::vector<CommandRow> rows;
  absl::Status read = Guard("read a host's commands", [&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(rows,
                        ReadCommands(*sql_, "sent_to = :k AND sent = 1 AND answered = 0", sent_to));
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return rows;
}

}  // namespace mailquench::controller
