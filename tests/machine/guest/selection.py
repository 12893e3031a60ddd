"""Which tests each kind of machine runs, as whom, and in which rounds.

A round ends with the machine's restart; a function of `ROUNDS` returns what restarts it, or None.
"""
import pathlib

ALICE = 1000
HERE = pathlib.Path(__file__).resolve().parent
SYSTEM = HERE.parents[1] / "system"

# Parts of the names of tests, as run_all.py takes them.
ROOT = [
    "no_tree_survives_in_cgroups_as_root",
    "test_a_job_that_kills_its_keeper", "test_a_job_that_leaves_its_cgroup",
    "test_a_tree_is_ended_after_the_death", "test_strict_containment", "SetUserId", "Placement",
    "emory",
    "test_exit_codes_are_exact", "test_signals_are_named", "test_a_core_dump_is_told",
    "test_a_missing_program_gives_127", "test_a_job_over_its_time_limit_is_a_timeout",
    "Cancel.test_a_job_that_ignores_sigterm", "Cancel.test_cancel_against_finish",
    "Cancel.test_a_cancel_is_remembered",
    "DeathOfTheDaemon.test_a_job_that_ended_meanwhile", "DeathOfTheDaemon.test_results_of_a_job",
    "DeathOfTheDaemon.test_a_running_job", "DeathOfTheKeeper", "RandomKills",
    "test_stop_leaves_jobs_running", "test_restart_changes_the_daemon", "test_many_first_commands"]
# As another user than the one who looks for survivors.
NOBODY = ["no_tree_survives_in_delegated_cgroups",
          "no_tree_survives_below_a_subreaper_as_an_ordinary",
          "no_tree_survives_in_namespaces_and_cgroups_as_an_ordinary"]
# Crowds leave nothing of an emulated processor, and all trees end by themselves after 25 s; the
# others are much like trees that stay.
TREES_LEFT_OUT = ["chaser-20", "chaser-20-sessions", "chaser-fan", "cont-storm", "new-session",
                  "stdout-holder", "exit-in-grace"]
TREES_LEFT_OUT_FOR_NOBODY = TREES_LEFT_OUT + [
    "double-fork", "daemon", "stopped", "traced", "subreaper", "no-exit-signal", "chain", "vfork",
    "core-dump"]
# As an ordinary user from the beginning, in a cgroup that this user was given.
USER = [
    "test_trees_that_end_side_by_side", "test_strict_containment_runs",
    "test_exit_codes_are_exact", "test_signals_are_named",
    "DeathOfTheDaemon.test_a_job_that_ended_meanwhile", "test_keeper_and_daemon_dead_together",
    "test_restart_changes_the_daemon"]
# In a unit of the user's own manager, which delegates.
USER_UNIT = USER + ["test_a_tree_is_ended_after_the_death"]


def plain(line, turn, inner):
    """No init but a shell, and a power failure in the end."""
    import test_power  # pylint: disable=import-outside-toplevel
    if turn == 1:
        inner.run(line, "root", inner.names_of(HERE, ["Machine"], "test_machine.py"))
        trees = inner.names_of(SYSTEM, NOBODY)
        inner.take_time()
        with inner.without_trees(TREES_LEFT_OUT_FOR_NOBODY):
            inner.run(line, "nobody", trees)
        with inner.without_trees(TREES_LEFT_OUT):
            inner.run(line, "root", inner.names_of(SYSTEM, ROOT))
        inner.in_a_delegated_cgroup(line)
        return test_power.prepare
    inner.run(line, "power", inner.names_of(HERE, ["After"], "test_power.py"), at_once=1)
    return None


def systemd(line, turn, inner):
    """Systemd with user managers and logins, and a reboot as people do it."""
    import test_systemd_reboot  # pylint: disable=import-outside-toplevel
    if turn == 1:
        inner.run(line, "root", inner.names_of(HERE, ["Machine"], "test_machine.py"))
        inner.run(line, "units", inner.names_of(HERE, ["."], "test_systemd.py"), at_once=1)
        inner.in_a_user_unit(line)
        return test_systemd_reboot.prepare
    inner.run(line, "reboot", inner.names_of(HERE, ["After"], "test_systemd_reboot.py"), at_once=1)
    return None


ROUNDS = {"plain": plain, "systemd": systemd}
