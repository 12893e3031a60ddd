#include "daemon/cleaner.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "core/limits.h"

namespace reeve {
namespace {

// After everything else that wants the CPU or the disk. Of this thread alone, as Linux counts them.
void become_idle() {
  constexpr int who_process = 1;
  constexpr int class_idle = 3;
  constexpr int class_shift = 13;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
  ::syscall(SYS_ioprio_set, who_process, 0, class_idle << class_shift);
}

}  // namespace

Cleaner::Cleaner(JobPlaces places)
    : places_(std::move(places)), go_on_([this] { return go_on(); }), worker_(become_idle) {}

void Cleaner::measure(std::vector<JobFiles> files) {
  worker_.enqueue([this, files = std::move(files)]() -> std::optional<Outcome> {
    Measured measured;
    for (const JobFiles& one : files)
      measured.items.push_back(one.has_ended ? measure_job(one, places_, go_on_) : RetentionItem{});
    return measured;
  });
}

void Cleaner::remove(std::vector<Order> orders) {
  worker_.enqueue([this, orders = std::move(orders)]() -> std::optional<Outcome> {
    Cleaned cleaned;
    for (const Order& order : orders) {
      FilesRemoval removal = remove_job_files(order.files, order.parts, places_, go_on_);
      if (!removal.is_done) break;
      cleaned.removals.push_back(std::move(removal));
    }
    return cleaned;
  });
}

void Cleaner::find_unknown(std::vector<std::string> roots, std::set<std::string> known) {
  worker_.enqueue([roots = std::move(roots), known = std::move(known)]() -> std::optional<Outcome> {
    Found found;
    for (const std::string& root : roots) {
      const std::size_t room = limits::unknown_runs_max - found.unknown.size();
      std::vector<std::string> here = find_unknown_runs(root, known, room);
      found.unknown.insert(found.unknown.end(), here.begin(), here.end());
    }
    return found;
  });
}

bool Cleaner::go_on() {
  if (++entries_ < limits::cleaning_entries_at_once) return true;
  entries_ = 0;
  return worker_.rest(limits::cleaning_rest);
}

}  // namespace reeve
