// What an agent did alone at the end of the lease of a part, as the run knows it from the agent's
// reports. Pure functions over the run; any thread.
#ifndef MAILQUENCH_CONTROLLER_RUNS_ALONE_H_
#define MAILQUENCH_CONTROLLER_RUNS_ALONE_H_

#include <string>

#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// The step whose lease's end has ended the whole contain on the host; null: there is none, or its
// agent has not said so itself (it may have told it as the answer to a later part).
const v1::HostStep* EndedAlone(const v1::RunHost& host);

// One clause of what the last lease of the host came to: "ex1 swept, locked and started by itself
// when its lease ended (at 12:03:20 UTC)", or why it could not; "": it has not ended, or nobody
// said so.
std::string WhatItDidAlone(const v1::Run& run, const v1::RunHost& host);

// Why no host of `host`'s group may go on with the step `number`: one of them has started by itself
// while another one, which was not swept by then, may still have kept copies of its mail. "": they
// may. Where the agents' reports do not say when, the order of the run's own steps decides.
std::string StartedTooEarly(const v1::Run& run, const v1::RunHost& host, int number);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_ALONE_H_
