#include "daemon/config.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "base/toml.h"
#include "core/limits.h"
#include "daemon/config_reader.h"
#include "daemon/notice_config.h"

namespace reeve {
namespace {

Take percent_into(int& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < 0 || *value > 100) return "a share in percent, 0 to 100";
    out = static_cast<int>(*value);
    return nullptr;
  };
}

Take min_memory_into(PressureLimits& out) {
  return [&out](const toml::node& node) -> const char* {
    const auto text = node.value_exact<std::string>();
    const bool is_share = text && text->ends_with('%');
    const auto amount = is_share ? parse_integer(text->substr(0, text->size() - 1))
                        : text   ? parse_size(*text)
                                 : node.value_exact<std::int64_t>();
    if (!amount || *amount < 0 || (is_share && *amount > 100))
      return "a size such as \"1GB\", or a share such as \"5%\"";
    out.min_memory = is_share ? 0 : *amount;
    out.min_memory_percent = is_share ? static_cast<int>(*amount) : 0;
    return nullptr;
  };
}

Take counters_into(std::map<std::string, std::int64_t>& out) {
  return [&out](const toml::node& node) -> const char* {
    const toml::table* table = node.as_table();
    if (table == nullptr) return "a table of names and amounts";
    for (const auto& [key, amount] : *table) {
      const auto value = amount.value_exact<std::int64_t>();
      if (!value || *value < 0) return "a table of names and amounts";
      out[std::string(key.str())] = *value;
    }
    return nullptr;
  };
}

// A table for each group, of any name.
Take groups_into(Shares& out, Mistakes& mistakes) {
  return [&](const toml::node& node) -> const char* {
    const toml::table* groups = node.as_table();
    if (groups == nullptr) return "a table for each group";
    for (const auto& [name, group] : *groups) {
      std::int32_t& share = out[std::string(name.str())] = 1;
      if (const char* expected = table_into({{"share", count_into(share, 1)}}, mistakes)(group))
        return expected;
    }
    return nullptr;
  };
}

}  // namespace

Capacity detect_capacity() {
  Capacity capacity;
  cpu_set_t cpus;
  if (::sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &cpus)) capacity.cpu_numbers.push_back(cpu);
    capacity.cpus = CPU_COUNT(&cpus);
  } else {
    capacity.cpus = static_cast<std::int32_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  }
  capacity.memory = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  std::error_code error;
  while (std::filesystem::exists("/dev/nvidia" + std::to_string(capacity.gpus), error))
    ++capacity.gpus;
  return capacity;
}

CheckedConfig check_config(const std::string& path) {
  CheckedConfig checked;
  Config& config = checked.config;
  config.capacity = detect_capacity();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return checked;
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file) {
    checked.mistakes.push_back({{}, "it can't be read"});
    return checked;
  }
  const auto table = parse_toml(text, limits::key_parts_max);
  if (!table) {
    checked.mistakes.push_back(table.error());
    return checked;
  }
  Mistakes mistakes(limits::mistakes_max);
  Capacity& capacity = config.capacity;
  read_table(
      *table, mistakes,
      {{"capacity", table_into({{"cpus", count_into(capacity.cpus, 1)},
                                {"memory", size_into(capacity.memory)},
                                {"gpus", count_into(capacity.gpus, 0)},
                                {"counters", counters_into(capacity.counters)}},
                               mistakes)},
       {"groups", groups_into(config.shares, mistakes)},
       {"queue", table_into({{"jobs_max", count_into(capacity.jobs_max, 0)}}, mistakes)},
       {"pressure", table_into({{"memory", percent_into(config.pressure.memory)},
                                {"cpu", percent_into(config.pressure.cpu)},
                                {"io", percent_into(config.pressure.io)},
                                {"min_memory", min_memory_into(config.pressure)}},
                               mistakes)},
       {"results", table_into({{"root", path_into(config.results_root)}}, mistakes)},
       {"provenance", table_into({{"record", flag_into(config.records_provenance)}}, mistakes)},
       {"notify", notice_targets_into(config.notice_targets, mistakes)},
       {"retention", retention_into(config.retention, mistakes)}});
  checked.mistakes = mistakes.sorted();
  return checked;
}

Result<Config> load_config(const std::string& path) {
  CheckedConfig checked = check_config(path);
  const auto& mistakes = checked.mistakes;
  if (mistakes.empty()) return std::move(checked.config);
  std::string told = to_text(path, mistakes.front());
  if (mistakes.size() > 1)
    told += fmt::format(" (and {} more: see reeve config check)", mistakes.size() - 1);
  return failed(ErrorCode::invalid, told);
}

}  // namespace reeve
