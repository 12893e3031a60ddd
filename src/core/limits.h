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
// Checks of one job: more are a program, which `command` runs.
inline constexpr std::size_t checks_max = 100;
// Names of columns and the like that one check may list.
inline constexpr std::size_t check_words_max = 1000;
inline constexpr std::size_t check_bytes_max = 1 << 20;
// What one check says: of its texts, of a file's name, of files, faults and metrics.
inline constexpr std::size_t outcome_text_bytes_max = 500;
inline constexpr std::size_t outcome_file_bytes_max = 300;
inline constexpr std::size_t outcome_files_max = 20;
inline constexpr std::size_t outcome_faults_max = 5;
inline constexpr std::size_t outcome_metrics_max = 200;
// A report with as many checks as there may be, each saying as much as it may, is smaller; what is
// larger comes from something broken, and counts as nothing said.
inline constexpr std::size_t report_bytes_max = 8UL << 20;
// A request holds a specification and an environment, which JSON may make larger.
inline constexpr std::size_t validation_request_bytes_max = 32UL << 20;
// Validations at a time: each may use two CPUs and as much memory as below, beside running jobs.
inline constexpr std::size_t validations_at_once_max = 2;
// Each holds a specification and an environment.
inline constexpr std::size_t validations_waiting_max = 1000;
inline constexpr unsigned validation_threads_max = 2;
inline constexpr std::int64_t validation_memory_default = 1LL << 30;
// With less, DuckDB has no room for what it needs to write to the disk what does not fit.
inline constexpr std::int64_t validation_memory_min = 128LL << 20;
// How often a command that checks is looked at for its memory.
inline constexpr Duration validation_memory_look{200};
// The last words of a command that are kept.
inline constexpr std::size_t check_output_bytes_max = 4096;
// Beyond the time limit, until a validation that does not end itself is ended.
inline constexpr Duration validation_end_wait{10'000};
// Entries of folders that the search for files looks at, those that may fit one pattern, and how
// deep folders may lie; beyond it nobody can say.
inline constexpr std::size_t check_entries_max = 1'000'000;
inline constexpr std::size_t check_files_max = 10'000;
inline constexpr std::size_t check_depth_max = 64;
// An image is decoded up to this many pixels: 16,384 x 16,384. One bomb of 50,000 x 50,000 would
// take a minute.
inline constexpr std::int64_t image_pixels_max = 1LL << 28;
// Passes over a progressive JPEG; usual ones have about ten.
inline constexpr int image_scans_max = 200;
// The first line of a table, and any other.
inline constexpr std::size_t table_line_bytes_max = 2UL << 20;
inline constexpr std::size_t table_columns_max = 10'000;
// How long what the kernel told of the machine's pressure counts, and when it is asked again while
// it holds jobs back. Its shortest average is over ten seconds.
inline constexpr Duration pressure_look_wait{1000};
inline constexpr Duration ageing_step{60 * 60 * 1000};

}  // namespace reeve::limits
