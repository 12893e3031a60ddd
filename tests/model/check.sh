#!/bin/sh
# Checks the model of how a job is started and ended (start_end.pml), and then the check itself: every seeded bug must
# break the invariant that was written against it.
#
#   ./check.sh          everything
#   ./check.sh power    only the configurations and mutants whose name contains "power"
set -u

wanted=${1:-}
for tool in spin cc; do
    command -v $tool >/dev/null && continue
    case $tool in spin) package=spin ;; cc) package=gcc ;; esac
    echo "check.sh: $tool is missing; install the package $package (apt-get install --no-remove $package)" >&2
    exit 1
done
source=$(cd "$(dirname "$0")" && pwd)/start_end.pml
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cd "$work" || exit 1
passed=0
failed=0

# say RESULT KIND NAME DETAIL COUNT. The whole output of the verifier follows a failure.
say() {
    printf '%-8s %-26s %-24s %9s  %s\n' "$2:" "$3" "$4" "$5" "$1"
    case $1 in
        ok | found) passed=$((passed + 1)) ;;
        *) failed=$((failed + 1)); cat log ;;
    esac
}

selected() { case $1 in *"$wanted"*) ;; *) return 1 ;; esac }

# verify "FLAGS OF SPIN" "FLAGS OF CC" "FLAGS OF THE VERIFIER": leaves its output in `log` and the states in $states.
# The limits of depth and memory are far above what any configuration needs; the search says so when it meets one.
verify() {
    rm -f pan pan.*
    states=0
    # The flags are lists.
    # shellcheck disable=SC2086
    if spin -P'cc -E -x c' -a $1 "$source" >log 2>&1 && cc $2 -DMEMLIM=1500 -o pan pan.c >>log 2>&1; then
        ./pan -m5000 -w22 $3 >log 2>&1
        while read -r count word _; do
            [ "$word" = states, ] && states=$count && break
        done <log
    fi
}

# A search that was cut short proves nothing, and a step that is never taken means that the model does not say what it
# seems to say. `expected_dead` are the steps that cannot be taken in this configuration.
model() {
    name=$1 expected_dead=$2
    shift 2
    selected "$name" || return 0
    verify "$*" "-O1 -DSAFETY" ""
    dead=$(grep 'start_end.pml:.*, state ' log | grep -vc -e '"-end-"')
    if ! grep -q 'errors: 0$' log; then say WRONG model "$name" "" "$states"
    elif grep -q -e 'Search not completed' -e 'max search depth too small' log; then say INCOMPLETE model "$name" "" "$states"
    elif [ "$dead" -ne "$expected_dead" ]; then say "$dead STEPS NEVER TAKEN" model "$name" "" "$states"
    else say ok model "$name" "" "$states"
    fi
}

liveness() {
    name=$1
    shift
    selected "$name" || return 0
    verify "-DLIVENESS $*" "-O1" "-a -n"
    if ! grep -q 'errors: 0$' log; then say WRONG model "$name" "every job ends" "$states"
    elif grep -q -e 'Search not completed' -e 'max search depth too small' log; then say INCOMPLETE model "$name" "every job ends" "$states"
    else say ok model "$name" "every job ends" "$states"
    fi
}

mutant() {
    name=$1 invariant=$2
    shift 2
    selected "$name" || return 0
    verify "-DBUG_$name -DONLY=$invariant $*" "-O0 -DSAFETY" "-n"
    if grep -q "assertion violated .*($invariant!=$invariant)" log; then say found mutant "$name" "$invariant" "$states"
    else say "NOT FOUND" mutant "$name" "$invariant" "$states"
    fi
}

liveness_mutant() {
    name=$1
    shift
    selected "$name" || return 0
    verify "-DLIVENESS -DBUG_$name $*" "-O0" "-a -n"
    if grep -q 'acceptance cycle (at' log; then say found mutant "$name" "every job ends" "$states"
    else say "NOT FOUND" mutant "$name" "every job ends" "$states"
    fi
}

model crashes 0 -DCRASHES=2 -DKILLS=2
model retry 0 -DCRASHES=1 -DKILLS=2 -DRETRIES=1
model pause-and-limit 0 -DCRASHES=1 -DPAUSE -DLIMIT
model power-cut 0 -DCRASHES=1 -DRETRIES=1 -DPOWER
model two-daemons 0 -DCRASHES=2 -DTWO
# The keeper that finds its permit void: it cannot happen here, and so the fence is a second one.
model lock-inherited 1 -DCRASHES=2 -DLOCK_INHERITED
liveness crashes -DCRASHES=1 -DRETRIES=1
liveness pause-and-limit -DCRASHES=1 -DKILLS=0 -DPAUSE -DLIMIT
liveness power-cut -DCRASHES=0 -DRETRIES=1 -DPOWER

# Start.
mutant no_void one_run -DCRASHES=1
mutant keeper_ignores_void one_run -DCRASHES=1
mutant void_removed one_run -DCRASHES=1
mutant void_unmarked true_verdict
mutant intent_after_spawn no_late_start -DCRASHES=1
mutant clean_stop_takes_launched one_run -DCRASHES=1
mutant no_compare_and_set one_verdict -DCRASHES=1
mutant no_compare_and_set no_late_start -DCRASHES=1
# Proof of death.
mutant lock_after_permit no_late_start -DCRASHES=1
mutant lock_before_permit no_late_start -DCRASHES=1
mutant lock_not_asked one_verdict -DCRASHES=1
mutant lock_leaks_to_job settled -DCRASHES=1
mutant journal_before_lock true_verdict -DCRASHES=1
mutant no_sweep ended_is_empty -DCRASHES=1
mutant no_sweep one_alive -DCRASHES=1 -DRETRIES=1
mutant end_before_sweep ended_is_empty -DCRASHES=1
mutant two_transactions one_fact -DCRASHES=1
# Stop and pause.
mutant stop_once settled -DCRASHES=1
liveness_mutant stop_once -DCRASHES=1
mutant stop_leaves_frozen settled -DCRASHES=1 -DPAUSE
mutant resume_once settled -DCRASHES=1 -DPAUSE
mutant retry_after_cancel no_late_start -DCRASHES=1 -DRETRIES=1
# Publishing.
mutant publish_cancelled published_if_completed -DCRASHES=1
mutant publish_before_empty published_whole -DCRASHES=1
# Two daemons.
mutant no_state_lock one_daemon -DCRASHES=1 -DTWO
mutant no_state_lock one_run -DCRASHES=1 -DTWO
mutant state_lock_leaks settled -DCRASHES=1
# Power cut.
mutant power_as_crash one_run -DCRASHES=0 -DPOWER
mutant intent_unsynced one_run -DCRASHES=0 -DPOWER
mutant ack_unsynced settled -DCRASHES=0 -DPOWER
mutant stop_unsynced no_late_start -DCRASHES=0 -DRETRIES=1 -DPOWER
mutant stop_unsynced true_verdict -DCRASHES=0 -DPOWER
mutant late_cancel_forgotten no_late_start -DCRASHES=0 -DRETRIES=1 -DPOWER
mutant end_unsynced one_verdict -DCRASHES=0 -DPOWER
mutant end_trusted published_whole -DCRASHES=0 -DPOWER
mutant end_ignored true_verdict -DCRASHES=0 -DPOWER
mutant journal_kept true_verdict -DCRASHES=0 -DRETRIES=1 -DPOWER
mutant publish_before_commit published_if_completed -DCRASHES=0 -DPOWER
mutant results_unsynced published_whole -DCRASHES=0 -DPOWER
mutant rename_unsynced published_if_completed -DCRASHES=0 -DPOWER

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
