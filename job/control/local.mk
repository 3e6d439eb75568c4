# How ranks talk over the host.
noinst_LTLIBRARIES += job/control/libcontrol.la
job_control_libcontrol_la_SOURCES = \
	job/control/bootstrap.c job/control/bootstrap.h \
	job/control/watchdog.c job/control/watchdog.h job/control/watchdog_internal.h \
	job/control/watchdog_far.c \
	job/control/watchdog_judge.c job/control/watchdog_judge.h \
	job/control/watchdog_net.c job/control/watchdog_net.h \
	job/control/watchdog_root.c
job_control_libcontrol_la_CFLAGS = $(AM_CFLAGS) $(PMIX_CFLAGS)
if HAVE_PMIX
job_control_libcontrol_la_SOURCES += job/control/bootstrap_pmix.c
job_control_libcontrol_la_LIBADD = $(PMIX_LIBS)
endif

unit_tests += tests/unit/control/test_watchdog tests/unit/control/test_watchdog_judge
unit_support += tests/unit/control/watchdog_scene.c tests/unit/control/watchdog_scene.h
