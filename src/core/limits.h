#pragma once
// Every bound of the daemon in one place, each with its reason. Those of the keeper are in
// base/limits.h.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace reeve::limits {

// One submission's words and environment: as much as Linux passes to a program under the usual
// 8 MiB stack limit is 2 MiB; a larger one must arrive here to be told apart by the kernel.
inline constexpr std::size_t spec_bytes_max = 8UL << 20;
// A batch of 100,000 jobs with short commands fits.
inline constexpr std::size_t frame_bytes_max = 64UL << 20;
inline constexpr std::size_t batch_jobs_max = 100'000;
// A client records at most 1 MiB of uncommitted changes, which JSON may make six times longer.
inline constexpr std::size_t provenance_bytes_max = 8UL << 20;
// NAME_MAX is 255; room for "_2" and the like stays.
inline constexpr std::size_t name_bytes_max = 200;
inline constexpr std::size_t lock_bytes_max = 200;
inline constexpr std::size_t key_bytes_max = 200;
// Clients at a time: a terminal multiplexer full of followers, not a leak.
inline constexpr std::size_t sessions_max = 512;
// Replies that one client has not read yet; beyond it the client is disconnected.
inline constexpr std::size_t session_backlog_bytes_max = 128UL << 20;
inline constexpr std::int64_t page_rows_max = 1'000'000;
// Jobs that one question about what was used looks at: some 10 ms during which nothing is started.
inline constexpr std::int64_t statistics_rows_max = 5000;
// Starts that are committed before their resources are free: 8 gave 0.59 of a bare spawn loop's
// rate where 1 gave 0.45 and 16 gave 0.60; a power cut can cost as many jobs that never ran.
inline constexpr int starts_ahead_max = 8;
// A machine that can't start a keeper (no descriptors, no processes) gets this many tries for a
// job before the job is told to have failed; the waits between them double from the first.
inline constexpr int launch_tries_max = 5;
inline constexpr Duration launch_wait_first{200};
// A keeper that nothing was asked of for so long is let go, and more than so many are not kept.
inline constexpr Duration keeper_idle_max{500};
inline constexpr std::size_t idle_keepers_max = 32;
// Facts taken into one transaction; more wait for the next.
inline constexpr std::size_t commit_facts_max = 4096;
// Ends wait this long for company, so that one fsync serves several; longer when slots turn over
// fast, which they do as long as committed starts are left.
inline constexpr Duration commit_hold{2};
inline constexpr Duration commit_hold_busy{8};
// Attempts that a retry policy may ask for.
inline constexpr int retries_max = 100;
inline constexpr int retries_default = 3;  // where only `--retry-on` is given
inline constexpr Duration retry_delay_default{5000};
inline constexpr std::size_t tags_max = 32;
inline constexpr std::size_t tag_bytes_max = 100;
// Workers that a job may start where it asks for no CPUs in particular.
inline constexpr int workers_default = 4;
inline constexpr std::int64_t log_bytes_default = 1LL << 30;
inline constexpr std::int64_t log_bytes_min = 64 << 10;
inline constexpr Duration grace_default{2000};
// Without any sign of life; longer than a slow import or a large read, shorter than a night.
inline constexpr Duration stall_default{600'000};
inline constexpr Duration validation_time_default{600'000};
// How long what the kernel told of the machine's pressure counts, and when it is asked again while
// it holds jobs back. Its shortest average is over ten seconds.
inline constexpr Duration pressure_look_wait{1000};
// What a pipeline gets that says nothing of time: a night's run is told, a forgotten one ends.
inline constexpr Duration pipeline_time_default{4 * 60 * 60 * 1000};
// A file of pipelines, as people write them; more is refused before it is read.
inline constexpr std::size_t pipeline_file_bytes_max = 1UL << 20;
// Parts of a dotted key in it (`a.b.c`): the parser nests a table for each, on a finite stack.
inline constexpr int key_parts_max = 32;
// Each pipeline has a copy of what [defaults] say, which may be most of the file.
inline constexpr std::size_t pipelines_max = 200;
inline constexpr std::size_t setting_values_max = 1000;  // of one repeatable option
inline constexpr std::size_t params_max = 64;
inline constexpr std::size_t param_name_bytes_max = 60;
// The kernel takes 128 KiB a word (MAX_ARG_STRLEN), and a value may stand in a word with others.
inline constexpr std::size_t param_bytes_max = 64UL << 10;
// What is told of one file at a time; beyond it only the number.
inline constexpr std::size_t mistakes_max = 100;
inline constexpr Duration ageing_step{60 * 60 * 1000};

}  // namespace reeve::limits
