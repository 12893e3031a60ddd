/*
 * The protocol by which one job is started, stopped, ended and published: the
 * daemon's row, the permit, the keeper's lock and records, crashes of every
 * party, and a power cut. README.md says what is left out. check.sh runs every
 * configuration and every seeded bug.
 *
 * How to read it. Each process is one loop of guarded, atomic steps, and every
 * step is something that the system sees done or not done: one commit, one file
 * created, one message told, one record appended. Between two steps anybody may
 * act, and anybody may die. Progress inside an operation of several steps is
 * held in variables and not in the program counter, because a crash must be able
 * to throw it away.
 *
 * There is one job. Its start numbers run on over its attempts (the real key is
 * the pair attempt and start; a number that never comes back is the same thing
 * and makes the arrays shorter).
 *
 * Configurations are chosen with -D:
 *   POWER           one power cut
 *   PAUSE           the user pauses and resumes once
 *   LIMIT           a time limit that may strike whenever the job runs
 *   TWO             two daemons on one state directory
 *   LOCK_INHERITED  the keeper is born with its lock, and recovery asks for the
 *                   lock before it tries the permit
 *   LIVENESS        the properties in temporal logic instead of the final check
 *   CRASHES=n       of the daemon    KILLS=n  of a keeper    RETRIES=n  of a lost attempt
 *   BUG_name        a seeded bug     ONLY=name  the one invariant to look at
 */

#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef RETRIES
#define RETRIES 0
#endif
#ifdef POWER
#define CUTS 1
#else
#define CUTS 0
#endif
#ifdef PAUSE
#define PAUSES 1
#else
#define PAUSES 0
#endif
#ifdef TWO
#define DAEMONS 2
#else
#define DAEMONS 1
#endif

/* A mutant breaks these bounds too; it gets more room, that it may go on to what it is run for. */
#ifdef ONLY
#define ROOM 2
#else
#define ROOM 0
#endif
/* Every fault can void at most one start, and every retry needs one more. Index 0 is not used. */
#define STARTS (2 + CRASHES + KILLS + RETRIES + ROOM)
/* A start that wins its permit appends at most three records, and only one start of an attempt wins. */
#define JOURNAL (3 * (RETRIES + 1 + ROOM))

/* An invariant carries a name, which the verifier repeats in its message. With -DONLY=name all others are passed over: */
/* check.sh demands of each mutant that it breaks the invariant that was written against it, and not just anything.     */
#ifdef ONLY
#define MUST(name, condition) assert((condition) || name != ONLY)
#else
#define MUST(name, condition) assert((condition) || name == 0)
#endif
hidden byte one_daemon = 1;         /* one daemon acts on a state directory */
hidden byte one_run = 2;            /* the command of an attempt is started at most once */
hidden byte one_alive = 3;          /* two starts of one job never live together */
hidden byte no_late_start = 4;      /* nothing starts after the verdict, nor is an attempt begun after a cancel was answered */
hidden byte one_verdict = 5;        /* the terminal state of an attempt is written once */
hidden byte ended_is_empty = 6;     /* and only over an empty containment */
hidden byte true_verdict = 7;       /* it says what the keeper saw, and `lost` only where nobody can know */
hidden byte one_fact = 8;           /* a record becomes a fact once */
hidden byte published_if_completed = 9; /* and never otherwise */
hidden byte published_whole = 10;   /* nobody writes into it any more, and no power cut has holed it */
hidden byte settled = 11;           /* when nothing can happen any more, all is over */
hidden byte bounds = 12;            /* of this model, not of the protocol */

/* States of the row. `starting` is not among them: it is queued with an intent. Terminal ones come last. */
#define NONE       0
#define QUEUED     1
#define RUNNING    2
#define PAUSED     3
#define CANCELLING 4
#define TIMING_OUT 5
#define FINISHING  6
#define COMPLETED  7
#define FAILED     8
#define CANCELLED  9
#define TIMEOUT    10
#define LOST       11
#define TERMINAL(state) ((state) >= COMPLETED)
#define STOPPING(state) ((state) == CANCELLING || (state) == TIMING_OUT)

/* What an EXIT record says. STOPPED: our signal went out before the main process ended. */
#define OK      1
#define BAD     2
#define STOPPED 3
/* The other records of the journal; a record is its start number times eight plus its kind. */
#define R_STARTED 4
#define R_END     5

/* The permit: the attempt's log file for one start. A void must be told from a taken one after a crash, */
/* so the daemon creates the file marked in the same call (other mode bits), never marks it afterwards.  */
#define FREE  0
#define TAKEN 1
#define VOID  2

/* The life of a keeper. */
#define K_NONE    0
#define K_SPAWNED 1 /* the process exists, and may be delayed here for as long as it likes */
#define K_LOCKED  2 /* holds the lock of its start */
#define K_PERMIT  3 /* won the permit */
#define K_JOB     4 /* the job was born, STARTED is not written */
#define K_RUNS    5 /* STARTED is written */
#define K_EXIT    6 /* EXIT is written */
#define K_EMPTY   7 /* nothing is left in the containment */
#define K_END     8 /* END is written */
#define K_GONE    9

/* The containment of a start. */
#define EMPTY     0
#define MAIN      1 /* the main process lives */
#define LEFTOVERS 2 /* it ended, others it left behind live */

/* ------------------------------------------------------------------ durable */

/* The row, as SQLite holds it. What a commit did not fsync survives a crash of the daemon but not a power cut. */
typedef Row {
    byte state;
    byte attempt;
    byte start;       /* the last start number for which an intent was committed */
    bit intent;       /* a keeper may exist for `start` */
    bit boot;         /* the boot in which the intent was committed */
    byte cause;       /* CANCELLED or TIMEOUT, once a stop was decided */
    bit no_retry;     /* a cancel was answered, whatever the answer */
    byte exit;        /* the EXIT fact */
    bit emptied;      /* END was read, or the daemon itself proved the containment empty */
    bit publish;      /* the target directory is chosen and the results are on the disk */
    byte facts[3];    /* event rows written for STARTED, EXIT, END of this attempt */
    bit journal;      /* the journal in use: a new one for each boot */
    byte offset;
};
Row row;
#ifdef POWER
Row disk; /* the row as of the last fsync */
#endif

/* Files. They survive crashes; a power cut may take what was not fsynced. */
byte permit[STARTS];
byte record[JOURNAL];
byte records;
bit results_synced;  /* contents of the staging directory */
bit results_damaged;
bit target;          /* renamed into place */
bit target_synced;

/* ---------------------------------------------------------------- processes */

bit boot;
byte owner; /* the daemon that holds the lock of the state directory, plus one */

/* What a daemon knows and a crash takes. */
typedef Memory {
    bit up;
    bit launch;   /* an intent is committed and its keeper not yet started */
    bit mine;     /* this daemon started or adopted the keeper, and will be woken by its death */
    byte settle;  /* how far it is in finding out what became of a start */
    bit told_stop;
    bit told_pause;
    byte cancel;  /* a decision to cancel that is not committed: the start number it was made at, plus one */
    byte finish;  /* how far it is in publishing */
    bit half;     /* used by BUG_two_transactions only */
};
Memory mem[DAEMONS];

#define S_ASK   0 /* nothing known */
#define S_TAKEN 1 /* the permit is taken */
#define S_DEAD  2 /* and no keeper lives: its records are complete */
#define S_SWEEP 3 /* they were all read, END is not among them */
#define S_EMPTY 4 /* the containment is proved empty */
#define S_VOID  5 /* the start is void */
#define S_FREE  6 /* the lock was free (only where it is asked first) */
#define S_READ  7 /* BUG_journal_before_lock only */

byte keeper[STARTS];
byte attempt_of[STARTS];
byte containment[STARTS];
bit stop_told[STARTS];
bit signalled[STARTS]; /* our stop signal was sent */
#ifdef PAUSE
bit pause_told[STARTS];
bit frozen[STARTS];
#define FROZEN(s) frozen[s]
#else
#define FROZEN(s) false
#endif

#ifdef LOCK_INHERITED
#define LOCKED(s) (keeper[s] >= K_SPAWNED && keeper[s] < K_GONE)
#elif defined(BUG_lock_after_permit)
#define LOCKED(s) (locked_late[s] && keeper[s] < K_GONE)
bit locked_late[STARTS];
#elif defined(BUG_lock_leaks_to_job)
#define LOCKED(s) ((keeper[s] >= K_LOCKED && keeper[s] < K_GONE) || containment[s] != EMPTY)
#else
#define LOCKED(s) (keeper[s] >= K_LOCKED && keeper[s] < K_GONE)
#endif

/* --------------------------------------------- the surroundings, and ghosts */

byte crashes = CRASHES;
byte kills = KILLS;
byte cuts = CUTS;
byte pauses = PAUSES;
bit endless;       /* the job never ends by itself */
bit acknowledged;  /* the submission was answered */
byte answer;       /* to the cancel: 0 none yet, else as follows */
#define ACCEPTED 1
#define TOO_LATE 2
#define DECLINED 3 /* the user will not cancel */

byte runs[RETRIES + 2];     /* how often the command of an attempt was started */
byte verdict[RETRIES + 2];  /* its terminal state, as told to everybody; nothing takes that back */
byte seen_exit[RETRIES + 2];/* the EXIT that its keeper wrote */
/* Scratch, and no part of the state: so it may only live within one atomic step. */
hidden byte n;

/* ------------------------------------------------------------------ commits */

#ifdef POWER
inline write_back() {
    d_step {
        disk.state = row.state; disk.attempt = row.attempt; disk.start = row.start; disk.intent = row.intent;
        disk.boot = row.boot; disk.cause = row.cause; disk.no_retry = row.no_retry; disk.exit = row.exit;
        disk.emptied = row.emptied; disk.publish = row.publish; disk.facts[0] = row.facts[0];
        disk.facts[1] = row.facts[1]; disk.facts[2] = row.facts[2]; disk.journal = row.journal; disk.offset = row.offset
    }
}
inline read_back() {
    d_step {
        row.state = disk.state; row.attempt = disk.attempt; row.start = disk.start; row.intent = disk.intent;
        row.boot = disk.boot; row.cause = disk.cause; row.no_retry = disk.no_retry; row.exit = disk.exit;
        row.emptied = disk.emptied; row.publish = disk.publish; row.facts[0] = disk.facts[0];
        row.facts[1] = disk.facts[1]; row.facts[2] = disk.facts[2]; row.journal = disk.journal; row.offset = disk.offset
    }
}
/* Once no power cut can come the copy would only multiply the states. */
inline drop_copy() {
    d_step {
        disk.state = 0; disk.attempt = 0; disk.start = 0; disk.intent = 0; disk.boot = 0; disk.cause = 0;
        disk.no_retry = 0; disk.exit = 0; disk.emptied = 0; disk.publish = 0; disk.facts[0] = 0; disk.facts[1] = 0;
        disk.facts[2] = 0; disk.journal = 0; disk.offset = 0
    }
}
#endif

/* A commit followed by fsync. In SQLite one fsync of the log covers all earlier commits too. */
inline synced() {
#ifdef POWER
    if
    :: cuts > 0 -> write_back()
    :: else
    fi
#else
    skip
#endif
}

/* A commit without fsync. The kernel may write it back all the same. Choosing here is enough to cover every */
/* prefix of the log that a power cut can leave, because the next commit is the first that could tell.       */
inline unsynced() {
#ifdef POWER
    if
    :: cuts > 0
    :: synced()
    fi
#else
    skip
#endif
}

/* The verdict is what the keeper wrote. Without an EXIT it is `lost` when the command may have run, and what the user or */
/* the limit wanted when it never did. A reboot may turn any of them into `lost`, unless all that counts was on the disk. */
#define SAW seen_exit[row.attempt]
#define ON_DISK (row.emptied && (row.exit != OK || row.publish))
#define TRUE_VERDICT(result) ( \
    (SAW == OK && result == COMPLETED) || \
    (SAW == BAD && result == FAILED) || \
    (SAW == STOPPED && row.cause != 0 && result == row.cause) || \
    (SAW == 0 && row.cause != 0 && result == row.cause && runs[row.attempt] == 0) || \
    (SAW == 0 && result == LOST && row.boot == boot && permit[row.start] == TAKEN) || \
    (result == LOST && row.boot != boot && !ON_DISK && row.offset >= records))

/* The terminal state of the attempt, with fsync before anybody is told. */
inline end_attempt(result) {
    MUST(one_verdict, verdict[row.attempt] == 0);
    MUST(true_verdict, TRUE_VERDICT(result));
    MUST(published_if_completed, target == (result == COMPLETED));
    n = 1;
    do
    :: n < STARTS -> MUST(ended_is_empty, containment[n] == EMPTY); n++
    :: else -> break
    od;
    n = 0;
    verdict[row.attempt] = result; row.state = result;
#ifdef BUG_end_unsynced
    unsynced()
#else
    synced()
#endif
}

/* That a lost attempt is tried again is part of the same commit, so that nobody reads of a job as over that is not. */
#if RETRIES == 0
#define MAY_RETRY false
#elif defined(BUG_retry_after_cancel)
#define MAY_RETRY (row.attempt <= RETRIES)
#else
#define MAY_RETRY (row.attempt <= RETRIES && !row.no_retry && row.cause == 0)
#endif
inline lose_attempt() {
    end_attempt(LOST);
#if RETRIES > 0
    if
    :: MAY_RETRY ->
        row.attempt++; row.state = QUEUED; row.intent = 0; row.cause = 0; row.exit = 0; row.emptied = 0;
        row.facts[0] = 0; row.facts[1] = 0; row.facts[2] = 0;
        MUST(no_late_start, answer != ACCEPTED && answer != TOO_LATE);
        synced()
    :: else
    fi
#endif
}

/* What a death of the daemon takes. */
inline forget(i) {
    mem[i].up = 0; mem[i].launch = 0; mem[i].mine = 0; mem[i].settle = S_ASK; mem[i].told_stop = 0;
    mem[i].told_pause = 0; mem[i].cancel = 0; mem[i].finish = 0; mem[i].half = 0;
    if
    :: owner == i + 1 -> owner = 0
    :: else
    fi
}

/* One record becomes one fact. Row and offset move in one transaction, so that no fact is taken twice or skipped. */
inline take_record(i) {
    n = record[row.offset];
    if
    :: (n >> 3) == row.start && !TERMINAL(row.state) ->
        if
        :: (n & 7) == R_STARTED ->
            row.facts[0]++; MUST(one_fact, row.facts[0] == 1);
            if
            :: row.state == QUEUED -> row.state = RUNNING
            :: else
            fi
        :: (n & 7) == R_END ->
            row.facts[2]++; MUST(one_fact, row.facts[2] == 1);
            row.emptied = 1
        :: else ->
            row.facts[1]++; MUST(one_fact, row.facts[1] == 1);
            row.exit = n & 7; row.state = FINISHING
        fi
    :: else /* a fact about an attempt that is over */
    fi;
    n = 0;
#ifdef BUG_two_transactions
    mem[i].half = 1;
#else
    row.offset++;
#endif
    unsynced()
}

/* The boot decides before the permit is looked at, because the permit was never fsynced and may be gone. */
#if defined(POWER) && !defined(BUG_power_as_crash)
#define SAME_BOOT (row.boot == boot)
#else
#define SAME_BOOT true
#endif

/* After a reboot an END goes on, but a success only when its results were fsynced before the power went: */
/* the record proves nothing about them, it may have been written back, and they not.                     */
#if defined(BUG_end_trusted)
#define GOES_ON row.emptied
#define MAY_SEAL true
#elif defined(BUG_end_ignored)
#define GOES_ON false
#define MAY_SEAL SAME_BOOT
#else
#define GOES_ON ON_DISK
#define MAY_SEAL SAME_BOOT
#endif

#define UP mem[i].up
#define UNKNOWN_START (UP && row.intent && !mem[i].launch && !mem[i].mine && !row.emptied && !TERMINAL(row.state) && row.journal == boot)

/* ------------------------------------------------------------------- daemon */

proctype Daemon(byte i) {
end:
    do
    /* It reads nothing before it holds the lock of the state directory, which only its death releases. */
#if defined(BUG_no_state_lock)
    :: atomic { !UP ->
#elif defined(BUG_state_lock_leaks)
    :: atomic { !UP && owner == 0 && (keeper[row.start] == K_NONE || keeper[row.start] == K_GONE) ->
#else
    :: atomic { !UP && owner == 0 ->
#endif
        owner = i + 1; mem[i].up = 1;
#ifdef BUG_stop_once
        mem[i].told_stop = 1;
#endif
#ifdef BUG_resume_once
        mem[i].told_pause = (row.state == RUNNING);
#endif
#ifdef TWO
        MUST(one_daemon, mem[0].up + mem[1].up == 1)
#endif
        }

    :: atomic { UP && crashes > 0 -> crashes--; forget(i) }

    /* A clean stop takes back what was committed ahead and not started. */
#ifdef BUG_clean_stop_takes_launched
    :: atomic { UP && crashes > 0 && row.state == QUEUED -> crashes--; row.intent = 0; synced(); forget(i) }
#else
    :: atomic { UP && crashes > 0 && row.state == QUEUED && mem[i].launch -> crashes--; row.intent = 0; synced(); forget(i) }
#endif

    /* Submission: fsync, then the answer. */
    :: atomic { UP && !acknowledged ->
        row.state = QUEUED; row.attempt = 1;
#ifdef BUG_ack_unsynced
        unsynced();
#else
        synced();
#endif
        acknowledged = 1 }

    /* Intent, ahead of the launch. The start number rises here, so a void start is never used again. */
#ifdef BUG_intent_after_spawn
    :: atomic { UP && row.state == QUEUED && !row.intent && !mem[i].launch && row.journal == boot -> mem[i].launch = 1 }
    :: atomic { UP && mem[i].launch && !mem[i].half ->
        mem[i].half = 1;
        if
        :: keeper[row.start + 1] == K_NONE -> keeper[row.start + 1] = K_SPAWNED; attempt_of[row.start + 1] = row.attempt
        :: else
        fi }
    :: atomic { UP && mem[i].half ->
        mem[i].half = 0; mem[i].launch = 0;
        if
        :: row.state == QUEUED -> row.start++; row.intent = 1; row.boot = boot; synced(); mem[i].mine = 1
        :: else
        fi }
#else
    :: atomic { UP && row.state == QUEUED && !row.intent && row.journal == boot ->
        row.start++; row.intent = 1; row.boot = boot;
        MUST(bounds, row.start < STARTS);
#ifdef BUG_intent_unsynced
        unsynced();
#else
        synced();
#endif
        mem[i].launch = 1 }

    /* Launch, from memory. Where the number is in use already, the second keeper finds lock and permit taken and exits. */
    :: atomic { UP && mem[i].launch ->
        mem[i].launch = 0; mem[i].mine = 1;
        if
        :: keeper[row.start] == K_NONE -> keeper[row.start] = K_SPAWNED; attempt_of[row.start] = row.attempt
        :: else
        fi }
#endif

    /* The journal, one record at a time, so that every prefix of it is a reading. */
    :: atomic { UP && row.offset < records && !mem[i].half -> take_record(i) }
#ifdef BUG_two_transactions
    :: atomic { UP && mem[i].half -> mem[i].half = 0; row.offset++ }
#endif

    /* --- what became of a start: after a crash, and after the death of a keeper that was ours --- */

    :: atomic { UP && mem[i].mine && keeper[row.start] == K_GONE && !LOCKED(row.start) -> mem[i].mine = 0 }

    /* The permit comes first. Who wins it here has fenced every keeper that is still on its way, and who loses it */
    /* knows that the keeper held its lock before it won: the lock, asked after that, tells alive from dead.       */
#if defined(LOCK_INHERITED) || defined(BUG_lock_before_permit)
    :: atomic { UNKNOWN_START && SAME_BOOT && mem[i].settle == S_ASK ->
        if
        :: LOCKED(row.start) -> mem[i].mine = 1
        :: else -> mem[i].settle = S_FREE
        fi }
    :: atomic { UNKNOWN_START && SAME_BOOT && mem[i].settle == S_FREE ->
#else
    :: atomic { UNKNOWN_START && SAME_BOOT && mem[i].settle == S_ASK ->
#endif
        if
#ifdef BUG_no_void
        :: permit[row.start] == FREE -> mem[i].settle = S_VOID
#else
        :: permit[row.start] == FREE -> permit[row.start] = VOID; mem[i].settle = S_VOID
#endif
#ifndef BUG_void_unmarked
        :: permit[row.start] == VOID -> mem[i].settle = S_VOID
#endif
#if defined(LOCK_INHERITED) || defined(BUG_lock_before_permit)
        :: else -> mem[i].settle = S_DEAD
#else
        :: else -> mem[i].settle = S_TAKEN
#endif
        fi }
#if defined(LOCK_INHERITED) || defined(BUG_lock_before_permit)
    /* The lock was asked before, and a lock that was free stays free: all who could hold it are gone. */
#elif defined(BUG_lock_not_asked)
    :: atomic { UNKNOWN_START && mem[i].settle == S_TAKEN -> mem[i].settle = S_DEAD }
#elif defined(BUG_journal_before_lock)
    :: atomic { UNKNOWN_START && mem[i].settle == S_TAKEN && row.offset >= records -> mem[i].settle = S_READ }
    :: atomic { UNKNOWN_START && mem[i].settle == S_READ ->
        if
        :: LOCKED(row.start) -> mem[i].settle = S_ASK; mem[i].mine = 1
        :: else -> mem[i].settle = S_SWEEP
        fi }
#else
    :: atomic { UNKNOWN_START && mem[i].settle == S_TAKEN ->
        if
        :: LOCKED(row.start) -> mem[i].settle = S_ASK; mem[i].mine = 1 /* adopted */
        :: else -> mem[i].settle = S_DEAD
        fi }
#endif

    /* Only now is the journal complete: read before the lock was seen free, it may lack an EXIT and an END. */
    :: atomic { UP && mem[i].settle == S_DEAD && row.offset >= records && !mem[i].half ->
        if
        :: row.emptied || TERMINAL(row.state) -> mem[i].settle = S_ASK
        :: else -> mem[i].settle = S_SWEEP
        fi }
    :: atomic { UP && mem[i].settle == S_SWEEP ->
#ifndef BUG_no_sweep
        containment[row.start] = EMPTY;
#endif
        mem[i].settle = S_EMPTY }
    :: atomic { UP && mem[i].settle == S_EMPTY ->
        mem[i].settle = S_ASK;
        if
        :: row.exit != 0 -> row.emptied = 1; unsynced()
        :: else -> lose_attempt()
        fi }
    :: atomic { UP && mem[i].settle == S_VOID ->
        mem[i].settle = S_ASK;
        if
        :: row.cause != 0 -> end_attempt(row.cause)
        :: else ->
#ifdef BUG_void_removed
            permit[row.start] = FREE;
#endif
            row.intent = 0; unsynced()
        fi }

#ifdef POWER
    /* A new boot: what is left of the old journal is read, then a new one is begun. The offset may lie beyond the end */
    /* of what the disk kept, and records appended there would be read from their middle, or never.                   */
    :: atomic { UP && row.journal != boot && row.offset >= records ->
        row.journal = boot;
#ifndef BUG_journal_kept
        row.offset = 0; records = 0;
        n = 0;
        do
        :: n < JOURNAL -> record[n] = 0; n++
        :: else -> break
        od;
        n = 0;
#endif
        unsynced() }

    /* Everything of another boot is dead, and what is not known by now never will be. */
    :: atomic { UP && row.intent && !SAME_BOOT && row.journal == boot && !TERMINAL(row.state) && !GOES_ON -> lose_attempt() }
#endif

    /* --- stop, pause --- */

    /* Cancel. With no start in flight it is over at once. The decision is made on the row as it was read, */
    /* and the commit must find it so: in between, the plan may have committed an intent.                  */
    :: atomic { UP && acknowledged && answer == 0 && row.state == QUEUED && !row.intent && mem[i].cancel == 0 ->
        mem[i].cancel = row.start + 1 }
    :: atomic { UP && mem[i].cancel != 0 ->
#ifdef BUG_no_compare_and_set
        row.no_retry = 1; row.cause = CANCELLED; end_attempt(CANCELLED); answer = ACCEPTED;
#else
        if
        :: answer == 0 && row.state == QUEUED && !row.intent && mem[i].cancel == row.start + 1 ->
            row.no_retry = 1; row.cause = CANCELLED; end_attempt(CANCELLED); answer = ACCEPTED
        :: else
        fi;
#endif
        mem[i].cancel = 0 }
    /* Committed ahead and not started: the launch is withdrawn in the same step. */
    :: atomic { UP && answer == 0 && row.state == QUEUED && row.intent && mem[i].launch ->
        mem[i].launch = 0; row.no_retry = 1; row.cause = CANCELLED; end_attempt(CANCELLED); answer = ACCEPTED }
    :: atomic { UP && answer == 0 && row.intent && !mem[i].launch &&
                (row.state == QUEUED || row.state == RUNNING || row.state == PAUSED) ->
        row.state = CANCELLING; row.cause = CANCELLED; row.no_retry = 1;
#ifdef BUG_stop_unsynced
        unsynced();
#else
        synced();
#endif
        mem[i].told_stop = 0; answer = ACCEPTED }
    :: atomic { UP && answer == 0 && row.state == TIMING_OUT -> row.no_retry = 1; synced(); answer = ACCEPTED }
    /* Too late for this attempt. It is written down all the same, since a power cut may still make it lost and tried again. */
    :: atomic { UP && answer == 0 && row.state >= FINISHING ->
#ifndef BUG_late_cancel_forgotten
        row.no_retry = 1; synced();
#endif
        answer = TOO_LATE }

#ifdef LIMIT
    :: atomic { UP && row.state == RUNNING -> row.state = TIMING_OUT; row.cause = TIMEOUT; synced(); mem[i].told_stop = 0 }
#endif

    /* Told once in each life of the daemon, however often it was told before. */
    :: atomic { UP && STOPPING(row.state) && mem[i].mine && !mem[i].told_stop -> stop_told[row.start] = 1; mem[i].told_stop = 1 }

#ifdef PAUSE
    :: atomic { UP && row.state == RUNNING && pauses > 0 -> pauses--; row.state = PAUSED; unsynced(); mem[i].told_pause = 0 }
    :: atomic { UP && row.state == PAUSED -> row.state = RUNNING; unsynced(); mem[i].told_pause = 0 }
    /* A new daemon tells either wish again: the old one may have died between a resume and its telling. */
    :: atomic { UP && (row.state == PAUSED || row.state == RUNNING) && mem[i].mine && !mem[i].told_pause ->
        pause_told[row.start] = (row.state == PAUSED); mem[i].told_pause = 1 }
#endif

    /* --- the end --- */

    :: atomic { UP && row.state == FINISHING && row.emptied && row.exit == BAD -> end_attempt(FAILED) }
    :: atomic { UP && row.state == FINISHING && row.emptied && row.exit == STOPPED ->
#ifdef BUG_publish_cancelled
        target = 1;
#endif
        end_attempt(row.cause) }

    /* Publishing: contents to the disk, then the intent, then the rename, then the directory to the disk, then the verdict. */
#ifdef BUG_publish_before_empty
#define PUBLISHES (UP && row.state == FINISHING && row.exit == OK)
#else
#define PUBLISHES (UP && row.state == FINISHING && row.exit == OK && row.emptied)
#endif
    :: atomic { PUBLISHES && MAY_SEAL && !row.publish && mem[i].finish == 0 ->
#ifndef BUG_results_unsynced
        results_synced = 1;
#endif
        mem[i].finish = 1 }
    :: atomic { PUBLISHES && !row.publish && mem[i].finish == 1 ->
        row.publish = 1;
#ifdef BUG_publish_before_commit
        unsynced()
#else
        synced()
#endif
        }
    :: atomic { PUBLISHES && row.publish && mem[i].finish < 2 ->
        MUST(published_whole, containment[row.start] == EMPTY);
        MUST(published_whole, !results_damaged);
        target = 1; mem[i].finish = 2 }
    :: atomic { PUBLISHES && mem[i].finish == 2 ->
#ifndef BUG_rename_unsynced
        target_synced = 1;
#endif
        mem[i].finish = 3 }
    :: atomic { PUBLISHES && mem[i].finish == 3 -> mem[i].finish = 0; end_attempt(COMPLETED) }
    od
}

/* --------------------------------------------- one start: keeper and its job */

inline append(kind) {
    MUST(bounds, records < JOURNAL);
    record[records] = s * 8 + kind; records++
}

proctype Start(byte s) {
end:
    do
#ifdef LOCK_INHERITED
    :: atomic { keeper[s] == K_SPAWNED ->
#else
    :: atomic { keeper[s] == K_SPAWNED -> keeper[s] = K_LOCKED }
    :: atomic { keeper[s] == K_LOCKED ->
#endif
        if
        :: permit[s] == FREE -> permit[s] = TAKEN; keeper[s] = K_PERMIT
#ifdef BUG_keeper_ignores_void
        :: permit[s] == VOID -> keeper[s] = K_PERMIT
#endif
        :: else -> keeper[s] = K_GONE
        fi }
#ifdef BUG_lock_after_permit
    :: atomic { keeper[s] == K_PERMIT && !locked_late[s] -> locked_late[s] = 1 }
    :: atomic { keeper[s] == K_PERMIT && locked_late[s] ->
#else
    :: atomic { keeper[s] == K_PERMIT ->
#endif
        if
        :: stop_told[s] -> seen_exit[attempt_of[s]] = STOPPED; append(STOPPED); keeper[s] = K_EXIT
        :: else ->
            MUST(no_late_start, verdict[attempt_of[s]] == 0 && !TERMINAL(row.state));
            MUST(one_run, runs[attempt_of[s]] == 0);
            n = 1;
            do
            :: n < STARTS -> MUST(one_alive, containment[n] == EMPTY); n++
            :: else -> break
            od;
            n = 0;
            runs[attempt_of[s]]++; containment[s] = MAIN; keeper[s] = K_JOB;
            results_synced = 0; results_damaged = 0
        fi }
    :: atomic { keeper[s] == K_JOB -> append(R_STARTED); keeper[s] = K_RUNS }

    /* A stop thaws what was frozen, and no pause is obeyed after it. A job that has ended gets no signal. */
    :: atomic { (keeper[s] == K_JOB || keeper[s] == K_RUNS) && stop_told[s] && !signalled[s] && containment[s] == MAIN ->
        signalled[s] = 1
#if defined(PAUSE) && !defined(BUG_stop_leaves_frozen)
        ; frozen[s] = 0
#endif
        }
#ifdef PAUSE
    :: atomic { keeper[s] == K_RUNS && !signalled[s] && containment[s] == MAIN && frozen[s] != pause_told[s] -> frozen[s] = pause_told[s] }
#endif

    /* The main process is reaped. One that was signalled counts as stopped. */
    :: atomic { keeper[s] == K_RUNS && containment[s] != MAIN ->
        if
        :: signalled[s] -> n = STOPPED
        :: !signalled[s] -> n = OK
        :: !signalled[s] -> n = BAD
        fi;
        MUST(one_verdict, verdict[attempt_of[s]] == 0);
        seen_exit[attempt_of[s]] = n; append(n); n = 0; keeper[s] = K_EXIT }
#ifdef BUG_end_before_sweep
    :: atomic { keeper[s] == K_EXIT -> keeper[s] = K_EMPTY }
#else
    :: atomic { keeper[s] == K_EXIT -> containment[s] = EMPTY; keeper[s] = K_EMPTY }
#endif
    :: atomic { keeper[s] == K_EMPTY -> append(R_END); keeper[s] = K_END }
    :: atomic { keeper[s] == K_END -> keeper[s] = K_GONE }

    /* SIGKILL. The job survives its keeper. */
    :: atomic { kills > 0 && keeper[s] > K_NONE && keeper[s] < K_END -> kills--; keeper[s] = K_GONE }

    /* The job's main process ends, whether anybody looks or not. */
    :: atomic { containment[s] == MAIN && !FROZEN(s) && (signalled[s] || !endless) -> containment[s] = LEFTOVERS }
    od
}

/* ------------------------------------------------- the user and the faults */

active proctype User() {
    /* An endless job is cancelled sooner or later, unless it has a limit; any other may be left alone. */
end:
    do
#ifdef LIMIT
    :: atomic { acknowledged && answer == 0 -> answer = DECLINED }
#else
    :: atomic { acknowledged && answer == 0 && !endless -> answer = DECLINED }
#endif
    :: atomic { answer != 0 -> break }
    od
}

active proctype World() {
end:
    do
    /* From here on nothing breaks. Without this step a fault that could still come would hide that all others wait for ever. */
    :: atomic { crashes + kills + cuts + pauses > 0 -> crashes = 0; kills = 0; cuts = 0; pauses = 0
#ifdef POWER
        ; drop_copy()
#endif
        }
#ifdef POWER
    :: atomic { cuts > 0 ->
        cuts = 0; boot = 1; forget(0);
#ifdef TWO
        forget(1);
#endif
        n = 1;
        do
        :: n < STARTS ->
            if
            :: keeper[n] != K_NONE -> keeper[n] = K_GONE
            :: else
            fi;
            containment[n] = EMPTY; stop_told[n] = 0; signalled[n] = 0; n++
        :: else -> break
        od;
        /* A suffix of the journal is lost, of any length. */
        do
        :: records > 0 -> records--; record[records] = 0
        :: break
        od;
        /* The permits too, or not. */
        if
        :: n = 1;
           do
           :: n < STARTS -> permit[n] = FREE; n++
           :: else -> break
           od
        :: skip
        fi;
        n = 0;
        if
        :: !results_synced -> results_damaged = 1
        :: skip
        fi;
        if
        :: target && !target_synced -> target = 0
        :: skip
        fi;
        read_back(); drop_copy() }
#endif
    od
}

#ifdef LIVENESS

/* Every acknowledged submission ends, and so does every job whose cancel was accepted. No fairness is assumed: faults are */
/* bounded, and a run that goes round for ever without ending the job is found as well as one that stops.                 */
ltl ends { [] (acknowledged -> <> TERMINAL(row.state)) && [] (answer == ACCEPTED -> <> TERMINAL(row.state)) }

#else

/* When nobody can move any more. */
active proctype Quiet() {
    atomic {
        timeout;
        MUST(settled, acknowledged && TERMINAL(row.state) && verdict[row.attempt] == row.state);
        MUST(published_if_completed, target == (row.state == COMPLETED));
        n = 1;
        do
        :: n < STARTS -> MUST(settled, containment[n] == EMPTY && (keeper[n] == K_NONE || keeper[n] == K_GONE)); n++
        :: else -> break
        od;
        n = 0
    }
}

#endif

init {
    atomic {
        if
        :: endless = 1
        :: skip
        fi;
        run Daemon(0);
#ifdef TWO
        run Daemon(1);
#endif
        n = 1;
        do
        :: n < STARTS -> run Start(n); n++
        :: else -> break
        od;
        n = 0
    }
}
