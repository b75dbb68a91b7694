#include "agent/os/windows/dependents.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

// Services' names have no case.
bool SameName(const std::wstring& a, const std::wstring& b) {
  return ::CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                                static_cast<int>(b.size()), TRUE) == CSTR_EQUAL;
}

// As the manager orders them: the last that were started come first.
absl::StatusOr<std::vector<std::wstring>> Told(SC_HANDLE manager, const std::string& name) {
  MQ_ASSIGN_OR_RETURN(const ScHandle service,
                      OpenServiceOf(manager, name, SERVICE_ENUMERATE_DEPENDENTS));
  std::vector<std::wstring> names;
  std::vector<std::uint64_t> buffer(1024);
  DWORD needed = 0;
  DWORD count = 0;
  for (int i = 0; i < 8; ++i) {
    auto* const entries = reinterpret_cast<ENUM_SERVICE_STATUSW*>(buffer.data());
    if (::EnumDependentServicesW(service.get(), SERVICE_ACTIVE, entries,
                                 static_cast<DWORD>(buffer.size() * sizeof(std::uint64_t)), &needed,
                                 &count)) {
      for (DWORD k = 0; k < count; ++k) names.emplace_back(entries[k].lpServiceName);
      return names;
    }
    const DWORD error = ::GetLastError();
    if (error != ERROR_MORE_DATA)
      return ServiceError(error, absl::StrCat("ask what depends on ", name));
    buffer.resize(needed / sizeof(std::uint64_t) + 64);
  }
  return absl::InternalError(absl::StrCat("what depends on ", name, " changes all the time"));
}

// What the manager's answer is made of; Wine's has no dependencies.
std::vector<std::wstring> StoredDependencies(const std::wstring& service) {
  const std::wstring key = L"SYSTEM\\CurrentControlSet\\Services\\" + service;
  std::vector<wchar_t> list(4096);
  DWORD size = static_cast<DWORD>(list.size() * sizeof(wchar_t));
  std::vector<std::wstring> names;
  if (::RegGetValueW(HKEY_LOCAL_MACHINE, key.c_str(), L"DependOnService", RRF_RT_REG_MULTI_SZ,
                     nullptr, list.data(), &size) != ERROR_SUCCESS)
    return names;
  for (const wchar_t* at = list.data(); *at != L'\0'; at += names.back().size() + 1)
    names.emplace_back(at);
  return names;
}

// Name and dependencies of each service that is not stopped.
using Graph = std::vector<std::pair<std::wstring, std::vector<std::wstring>>>;

absl::StatusOr<Graph> RunningServices(SC_HANDLE manager) {
  Graph graph;
  DWORD resume = 0;
  std::vector<std::uint64_t> buffer(8192);
  BOOL all = FALSE;
  while (!all) {
    DWORD needed = 0;
    DWORD count = 0;
    all = ::EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE,
                                  reinterpret_cast<BYTE*>(buffer.data()),
                                  static_cast<DWORD>(buffer.size() * sizeof(std::uint64_t)),
                                  &needed, &count, &resume, nullptr);
    const DWORD error = all ? ERROR_SUCCESS : ::GetLastError();
    if (error != ERROR_SUCCESS && error != ERROR_MORE_DATA)
      return ServiceError(error, "list the services");
    const auto* entries = reinterpret_cast<const ENUM_SERVICE_STATUS_PROCESSW*>(buffer.data());
    for (DWORD i = 0; i < count; ++i) {
      const std::string name = os::ToUtf8(entries[i].lpServiceName);
      const auto service = OpenServiceOf(manager, name, SERVICE_QUERY_CONFIG);
      if (!service.ok()) continue;  // Deleted meanwhile, or not for us to see.
      const auto config = ServiceConfig::Of(service->get(), name);
      if (!config.ok()) continue;
      std::vector<std::wstring> needs = config->Dependencies();
      if (needs.empty()) needs = StoredDependencies(entries[i].lpServiceName);
      graph.emplace_back(entries[i].lpServiceName, std::move(needs));
    }
    if (!all && count == 0) buffer.resize(buffer.size() * 2);
  }
  return graph;
}

// Those that stand on `name`, each after those that stand on it in turn.
void Visit(const Graph& graph, const std::wstring& name, std::vector<std::wstring>& out) {
  for (const auto& [service, needs] : graph) {
    const bool stands = std::any_of(needs.begin(), needs.end(),
                                    [&](const std::wstring& one) { return SameName(one, name); });
    const bool seen = std::any_of(out.begin(), out.end(),
                                  [&](const std::wstring& one) { return SameName(one, service); });
    if (!stands || seen || out.size() > graph.size()) continue;
    Visit(graph, service, out);
    out.push_back(service);
  }
}
}  // namespace

absl::StatusOr<std::vector<std::string>> RunningDependentsOf(SC_HANDLE manager,
                                                             const std::string& name) {
  MQ_ASSIGN_OR_RETURN(std::vector<std::wstring> names, Told(manager, name));
  // Where the manager knows of none, what the services themselves say is looked at: Wine's call is
  // empty.
  if (names.empty()) {
    MQ_ASSIGN_OR_RETURN(const Graph graph, RunningServices(manager));
    Visit(graph, os::ToWide(name), names);
  }
  std::vector<std::string> out;
  for (const std::wstring& one : names) out.push_back(os::ToUtf8(one));
  return out;
}

}  // namespace mailquench::agent
