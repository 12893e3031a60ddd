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
inline constexpr Duration ageing_step{60 * 60 * 1000};

// Notification. Targets of a configuration: each may have one program under way.
inline constexpr std::size_t notice_targets_max = 64;
inline constexpr std::size_t deliveries_in_flight_max = 8;
// A shorter value of a secret variable is not masked in messages.
inline constexpr std::size_t secret_bytes_min = 4;
// A subject, and a line of a message: more is no help on a telephone.
inline constexpr std::size_t notice_line_bytes_max = 300;
// 5 s, doubled: the last of 15 tries comes 22 h 45 min after the first, without the jitter.
inline constexpr int delivery_tries_max = 15;
inline constexpr Duration delivery_wait_first{5000};
// A target may ask for more patience, up to this.
inline constexpr Duration retry_after_max{60 * 60 * 1000};
// How long the failure of one message keeps the others from the same target.
inline constexpr Duration target_rest_max{5 * 60 * 1000};
inline constexpr Duration delivery_time_default{30'000};
inline constexpr Duration delivery_time_max{10 * 60 * 1000};
// What the program that delivers may take beyond the time limit before it is killed.
inline constexpr Duration delivery_grace{10'000};
inline constexpr int notice_burst_default = 5;
inline constexpr Duration notice_window_default{10 * 60 * 1000};
inline constexpr std::size_t digest_entries_max = 50;
// In one transaction, some 10 ms; what is more waits for the next digest.
inline constexpr std::size_t digest_fold_max = 5000;
// Deliveries that are over are forgotten after this.
inline constexpr Duration delivery_history{30LL * 24 * 60 * 60 * 1000};
// What the program that delivers answers is one line with an error in it.
inline constexpr std::size_t delivery_answer_bytes_max = 64 << 10;

// What a person gives as the reason of a judgement.
inline constexpr std::size_t judgement_bytes_max = 2000;

// Retention. How often the policy is carried out.
inline constexpr Duration cleaning_interval{24LL * 60 * 60 * 1000};
// Jobs whose files are listed, or removed, in one round: a millisecond of the daemon's thread.
inline constexpr std::int64_t cleaning_jobs_at_once = 32;
// Jobs that one plan considers, oldest first; 200 bytes each.
inline constexpr std::size_t cleaning_jobs_max = 200'000;
// After so many files the thread that measures and removes them rests for so long: removing many at
// once was seen to slow the start of jobs to a fifth.
inline constexpr int cleaning_entries_at_once = 64;
inline constexpr Duration cleaning_rest{2};
// Plans and removals that were asked for and wait.
inline constexpr std::size_t cleaning_tasks_max = 16;
// Directories that are named because nobody knows them.
inline constexpr std::size_t unknown_runs_max = 1000;

}  // namespace reeve::limits
