# How ranks talk over the host.
noinst_LTLIBRARIES += job/control/libcontrol.la
job_control_libcontrol_la_SOURCES = \
	job/control/bootstrap.c job/control/bootstrap.h job/control/bootstrap_exchange.c \
	job/control/control.c job/control/control.h \
	job/control/hub.c job/control/hub.h \
	job/control/net.c job/control/net.h \
	job/control/progress.h \
	job/control/tree.c job/control/tree.h \
	job/control/tree_connect.c \
	job/control/tree_place.c job/control/tree_place.h \
	job/control/watchdog.c job/control/watchdog.h job/control/watchdog_internal.h \
	job/control/watchdog_far.c \
	job/control/watchdog_judge.c job/control/watchdog_judge.h \
	job/control/watchdog_root.c
job_control_libcontrol_la_CFLAGS = $(AM_CFLAGS) $(PMIX_CFLAGS)
if HAVE_PMIX
job_control_libcontrol_la_SOURCES += job/control/bootstrap_pmix.c
job_control_libcontrol_la_LIBADD = $(PMIX_LIBS)
endif

unit_tests += tests/unit/control/test_control tests/unit/control/test_hub \
	tests/unit/control/test_watchdog \
	tests/unit/control/test_watchdog_judge
unit_support += tests/unit/control/control_scene.c tests/unit/control/control_scene.h \
	tests/unit/control/exchange.c tests/unit/control/exchange.h \
	tests/unit/control/watchdog_scene.c tests/unit/control/watchdog_scene.h
fuzz_targets += tests/fuzz/fuzz_control

# make tests/bench/control: microseconds of a sum over the hosts of 2, 8 and 64 ranks.
EXTRA_PROGRAMS += tests/bench/control
CLEANFILES += tests/bench/control
