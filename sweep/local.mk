# SPDX-License-Identifier: Apache-2.0
# sft-sweep: a grid of runs as Slurm jobs. libsweep is everything but main.
bin_PROGRAMS += sft-sweep
noinst_LTLIBRARIES += sweep/libsweep.la
sweep_libsweep_la_SOURCES = \
	sweep/cells.c sweep/cells.h \
	sweep/follow.c sweep/follow.h \
	sweep/look.c sweep/look.h \
	sweep/lock.c sweep/lock.h \
	sweep/names.c sweep/names.h \
	sweep/options.c sweep/options.h \
	sweep/phase.c sweep/phase.h \
	sweep/plan.c sweep/plan.h sweep/plan_print.c \
	sweep/report.c sweep/report.h \
	sweep/site.c sweep/site.h \
	sweep/state.c sweep/state.h \
	sweep/submit.c sweep/submit.h \
	sweep/suite.c sweep/suite.h sweep/suite_request.c \
	sweep/waits.c sweep/waits.h \
	sweep/whole.c sweep/whole.h
sweep_libsweep_la_LIBADD = $(JANSSON_LIBS)
sft_sweep_SOURCES = sweep/main.c
sft_sweep_LDADD = sweep/libsweep.la accounts/libaccounts.la spank/libspank.la node/libnode.la \
	lib/libsft.la

unit_tests += tests/unit/sweep/test_phase tests/unit/sweep/test_site tests/unit/sweep/test_suite tests/unit/sweep/test_sweep \
	tests/unit/sweep/test_sweep_lock
fuzz_targets += tests/fuzz/fuzz_suite tests/fuzz/fuzz_sweep
dist_pkgdata_DATA += examples/suite.conf
