# The run as a staircase.
noinst_LTLIBRARIES += job/run/librun.la
job_run_librun_la_SOURCES = \
	job/run/account.c job/run/account.h \
	job/run/alike.c job/run/alike.h \
	job/run/base.c job/run/base.h \
	job/run/card.c job/run/card.h \
	job/run/checkpoints.c job/run/checkpoints.h \
	job/run/describe.c job/run/describe.h \
	job/run/endurance.c job/run/endurance.h \
	job/run/explain.c job/run/explain.h \
	job/run/forecast.c job/run/forecast.h \
	job/run/goals.c job/run/goals.h \
	job/run/host.c job/run/host.h \
	job/run/machine.c job/run/machine.h \
	job/run/network.c job/run/network.h \
	job/run/network_now.c \
	job/run/notes.c job/run/notes.h \
	job/run/observe_counters.c job/run/observe_counters.h \
	job/run/observe_losses.c job/run/observe_losses.h \
	job/run/options.c job/run/options.h \
	job/run/place.c job/run/place.h \
	job/run/placement.c job/run/placement.h \
	job/run/preview.c job/run/preview.h \
	job/run/ranks.c job/run/ranks.h \
	job/run/recipe.c job/run/recipe.h \
	job/run/release.c job/run/release.h \
	job/run/requeue.c job/run/requeue.h \
	job/run/result.c job/run/result.h \
	job/run/resuming.c job/run/resuming.h \
	job/run/run.h \
	job/run/saving.c job/run/saving.h \
	job/run/scaling.c job/run/scaling.h \
	job/run/software.c job/run/software.h \
	job/run/software_judge.c \
	job/run/task.c job/run/task.h \
	job/run/train_task.c \
	job/run/verify.h job/run/verify_ceilings.c job/run/verify_lead.c job/run/verify_output.c job/run/verify_task.c \
	job/run/verify_sweep.c job/run/verify_teams.c job/run/verify_teams.h job/run/verify_timer.c \
	job/run/verify_worker.c
job_run_librun_la_LIBADD = $(JANSSON_LIBS)

unit_tests += tests/unit/run/test_endurance \
	tests/unit/run/test_explain \
	tests/unit/run/test_forecast \
	tests/unit/run/test_goals \
	tests/unit/run/test_losses \
	tests/unit/run/test_machine \
	tests/unit/run/test_network \
	tests/unit/run/test_place \
	tests/unit/run/test_release \
	tests/unit/run/test_result \
	tests/unit/run/test_scaling \
	tests/unit/run/test_software \
	tests/unit/run/test_verify
fuzz_targets += tests/fuzz/fuzz_network
dist_pkgdata_DATA += examples/goals.conf
