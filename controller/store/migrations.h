// The numbered migrations, compiled in from controller/store/migrations/NNNN_name.sql.
#ifndef MAILQUENCH_CONTROLLER_STORE_MIGRATIONS_H_
#define MAILQUENCH_CONTROLLER_STORE_MIGRATIONS_H_

#include <string>
#include <vector>

namespace mailquench::controller {

// Number 1 first. One is never changed after a release: a new one is added.
std::vector<std::string> Migrations();

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_STORE_MIGRATIONS_H_
