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
// Of a log's end, looked through at once for progress; and counters that stand in each other.
inline constexpr std::size_t progress_output_bytes_max = 64 << 10;
inline constexpr std::size_t progress_levels_max = 4;
// Points of progress kept for a rate; neighbours are merged when there are more.
inline constexpr std::size_t eta_points_max = 64;
// CPU time as a sign of life: so many percent of one core over this time. A deadlocked program with
// threads that poll uses up to one.
inline constexpr int life_cpu_percent = 1;
inline constexpr Duration life_cpu_window{60'000};
// What a job may ask for with WATCHDOG_USEC: a shorter time would be missed by chance.
inline constexpr Duration watchdog_min{1000};
// A message of a job to its NOTIFY_SOCKET; systemd takes as much. A text in it: one line of a
// screen or two.
inline constexpr std::size_t notify_bytes_max = 4096;
inline constexpr std::size_t notify_text_bytes_max = 200;
// Taken from one job within the pause; one that has more to say waits: 640 messages a second are
// enough for everybody, and cost little.
inline constexpr std::size_t notify_messages_max = 64;
inline constexpr Duration notify_pause{100};
// Jobs that run at a time and can speak to us; a descriptor each. Numbers of their sockets.
inline constexpr std::size_t notify_sockets_max = 512;
inline constexpr std::int64_t notify_number_max = 9'999'999;
inline constexpr std::size_t result_name_bytes_max = 100;
// A job's statement of its outcome, and what is taken from it.
inline constexpr std::size_t status_file_bytes_max = 64 << 10;
inline constexpr std::size_t metrics_max = 200;
inline constexpr std::size_t status_notes_max = 10;
// Points of a job's series of use: two seconds each for the first hour, then they are merged.
inline constexpr std::size_t series_points_max = 1800;
inline constexpr Duration series_period_first{2000};
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
// Read of a log at once, and in one round before other logs have their turn.
inline constexpr std::size_t log_read_bytes = 256 << 10;
inline constexpr std::size_t log_round_bytes = 4 << 20;
// Where progress is looked for: some lines at the end of the log.
inline constexpr std::size_t log_tail_bytes = 4096;
// Between two looks at logs that grow all the time: an error is told within 100 ms.
inline constexpr int log_read_pause_ms = 20;
// A traceback of which no further line has come for so long is told as it is.
inline constexpr Duration log_settle_after{30};
// How often running attempts are looked at.
inline constexpr int watch_look_ms = 1000;
// Earlier runs of a name that an ETA is learned from.
inline constexpr int earlier_runs_max = 20;
// Between two lines of progress and of use in the event log.
inline constexpr Duration report_interval{30'000};
// A snapshot of a hung job: its processes, and of each the threads and the files.
inline constexpr std::size_t snapshot_processes_max = 50;
inline constexpr std::size_t snapshot_entries_max = 64;
// Of a line of a log so much is searched for errors; the rest of it is left out.
inline constexpr std::size_t log_line_bytes_max = 64UL << 10;
// What is told of an error: two lines of a terminal, and a long path.
inline constexpr std::size_t finding_message_bytes_max = 400;
inline constexpr std::size_t finding_place_bytes_max = 200;
// Findings of one rule in one attempt that are told; a log of nothing but errors has millions.
inline constexpr std::int64_t findings_kept_max = 100;
// Findings within a session of tests, which are told when it ends.
inline constexpr std::size_t findings_held_max = 100;
// Patterns of a job, in each of its lists; each is tried on all of its log.
inline constexpr std::size_t log_patterns_max = 64;
inline constexpr std::size_t log_pattern_bytes_max = 1000;
// A compiled pattern: its instructions, each of which may be tried at every byte of the log, and
// what it may remember of the states it has met.
inline constexpr int log_pattern_steps_max = 2000;
inline constexpr std::int64_t log_pattern_memory_max = 1 << 20;
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
// How long a job that was pushed aside is left alone, from then and from when it goes on. Where it
// is stopped and starts anew it is doubled each time, so that it ends however many others come.
inline constexpr Duration undisturbed_first{60'000};

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
