#include "engine/local/order_writer.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "keeper/order.h"

namespace reeve {
namespace {

std::string join_numbers(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

// The variables that libraries look at before they start as many workers as there are CPUs. What
// the submitter has set stays, unless the job was given a number.
void limit_workers(const JobSpec& spec, const LaunchContext& context,
                   std::map<std::string, std::string>& ours) {
  static constexpr const char* names[] = {
      "LOKY_MAX_CPU_COUNT",  "OMP_NUM_THREADS",        "OPENBLAS_NUM_THREADS",
      "MKL_NUM_THREADS",     "BLIS_NUM_THREADS",       "VECLIB_MAXIMUM_THREADS",
      "NUMEXPR_MAX_THREADS", "NUMEXPR_NUM_THREADS",    "NUMBA_NUM_THREADS",
      "RAYON_NUM_THREADS",   "POLARS_MAX_THREADS",     "JULIA_NUM_THREADS",
      "DASK_NUM_WORKERS",    "TF_NUM_INTRAOP_THREADS", "MC_CORES",
      "GOMAXPROCS"};
  cpu_set_t usable;
  const int machine = sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
  int workers = limits::workers_default;
  if (spec.pin_cpus) workers = spec.demand.cpus;
  if (spec.max_workers > 0) workers = spec.max_workers;
  const std::string number = std::to_string(std::clamp(workers, 1, machine));
  ours["REEVE_MAX_WORKERS"] = number;
  for (const char* name : names) {
    const std::string assignment = std::string(name) + "=";
    const bool is_set = std::ranges::any_of(context.environment, [&](const std::string& variable) {
      return variable.starts_with(assignment);
    });
    if (!is_set || spec.max_workers > 0) ours[name] = number;
  }
}

void append_string(std::string& strings, const std::string& text) {
  strings.append(text.c_str(), std::strlen(text.c_str()) + 1);
}

void copy_limits(const LaunchContext& context, OrderHeader& header) {
  for (std::size_t i = 0; i < limits_count; ++i) {
    header.limits[i][0] = header.limits[i][1] = unset_limit;
    if (i >= context.limits.size() || context.limits[i].size() != 2) continue;
    // What the keeper inherits from us anyway need not be set.
    rlimit own{};
    if (getrlimit(static_cast<__rlimit_resource>(i), &own) == 0 &&
        own.rlim_cur == static_cast<rlim_t>(context.limits[i][0]) &&
        own.rlim_max == static_cast<rlim_t>(context.limits[i][1]))
      continue;
    // -1 becomes the kernel's RLIM_INFINITY, all bits set.
    header.limits[i][0] = static_cast<std::uint64_t>(context.limits[i][0]);
    header.limits[i][1] = static_cast<std::uint64_t>(context.limits[i][1]);
  }
}

}  // namespace

std::vector<std::string> job_environment(const StartOrder& order, const LaunchContext& context,
                                         const std::string& mark) {
  std::map<std::string, std::string> ours = {
      {"REEVE_JOB_ID", std::to_string(order.key.job.value)},
      {"REEVE_ATTEMPT", std::to_string(order.key.attempt)},
      {"REEVE_NAME", order.spec.name},
      {"REEVE_RESULTS_DIR", order.staging},
      {"REEVE_CPUS", std::to_string(order.spec.demand.cpus)},
      {mark.substr(0, mark.find('=')), mark.substr(mark.find('=') + 1)},
  };
  if (order.placement.memory_limit > 0)
    ours["REEVE_MEMORY"] = std::to_string(order.placement.memory_limit);
  if (!order.placement.gpus.empty())
    ours["CUDA_VISIBLE_DEVICES"] = join_numbers(order.placement.gpus);
  if (!order.checkpoint.empty()) ours["REEVE_CHECKPOINT_DIR"] = order.checkpoint;
  limit_workers(order.spec, context, ours);
  for (const auto& [name, value] : order.variables) ours[name] = value;
  for (const auto& [name, value] : order.spec.environment) ours[name] = value;

  std::vector<std::string> environment;
  environment.reserve(context.environment.size() + ours.size() + 1);
  bool has_unbuffered = ours.contains("PYTHONUNBUFFERED");
  for (const std::string& variable : context.environment) {
    const std::string name = variable.substr(0, variable.find('='));
    has_unbuffered |= name == "PYTHONUNBUFFERED";
    if (!ours.contains(name)) environment.push_back(variable);
  }
  for (const auto& [name, value] : ours) environment.push_back(name + "=" + value);
  // Python's output would else reach the log minutes late, or not at all when it is killed.
  if (!has_unbuffered) environment.emplace_back("PYTHONUNBUFFERED=1");
  return environment;
}

std::string write_order(const StartOrder& order, const LaunchContext& context,
                        const std::vector<std::string>& environment, const std::string& log_name,
                        std::int64_t sampled_limit) {
  OrderHeader header{};
  header.version = order_version;
  header.argument_count = static_cast<std::uint32_t>(order.spec.command.size());
  header.environment_count = static_cast<std::uint32_t>(environment.size());
  header.umask = context.umask & 0777;
  header.job = order.key.job.value;
  header.attempt = order.key.attempt;
  header.start = order.key.start;
  header.log_max = order.spec.log_max;
  header.grace_ms = order.spec.grace.count();
  header.memory_limit = sampled_limit;
  header.is_isolated = order.spec.isolate ? 1 : 0;
  for (const int cpu : order.placement.cpus)
    if (cpu >= 0 && cpu < cpus_max) {
      header.has_cpus = 1;
      header.cpus[cpu / 64] |= std::uint64_t{1} << (cpu % 64);
    }
  copy_limits(context, header);

  std::string bytes(sizeof header, '\0');
  append_string(bytes, log_name);
  append_string(bytes, order.spec.directory);
  append_string(bytes, order.spec.stdin_file.empty() ? "/dev/null" : order.spec.stdin_file);
  for (const std::string& argument : order.spec.command) append_string(bytes, argument);
  for (const std::string& variable : environment) append_string(bytes, variable);
  header.strings_bytes = bytes.size() - sizeof header;
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace reeve
