# SPDX-License-Identifier: Apache-2.0
# sft-sweep. libsweep is everything but main, so that the tests link what they test.
bin_PROGRAMS += sft-sweep
noinst_LTLIBRARIES += sweep/libsweep.la
sweep_libsweep_la_SOURCES = \
	sweep/cells.c sweep/cells.h \
	sweep/follow.c sweep/follow.h \
	sweep/lock.c sweep/lock.h \
	sweep/options.c sweep/options.h \
	sweep/plan.c sweep/plan.h \
	sweep/site.c sweep/site.h \
	sweep/state.c sweep/state.h \
	sweep/submit.c sweep/submit.h
sweep_libsweep_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
sweep_libsweep_la_LIBADD = report/libreport.la spank/libsftspank.la lib/libsft.la $(JANSSON_LIBS)
sft_sweep_SOURCES = sweep/main.c
sft_sweep_LDADD = sweep/libsweep.la

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/sweep/test_sweep tests/unit/sweep/test_sweep_lock tests/unit/sweep/test_site tests/unit/accounts/test_report_trust
tests_unit_sweep_test_sweep_lock_CFLAGS = $(UNIT_CFLAGS)
tests_unit_sweep_test_sweep_lock_LDADD = sweep/libsweep.la $(UNIT_LIBS)
tests_unit_accounts_test_report_trust_SOURCES = tests/unit/accounts/test_report_trust.c $(REPORT_ROWS)
tests_unit_accounts_test_report_trust_CFLAGS = $(UNIT_CFLAGS)
tests_unit_accounts_test_report_trust_LDADD = sweep/libsweep.la $(UNIT_LIBS)
tests_unit_sweep_test_sweep_SOURCES = tests/unit/sweep/test_sweep.c $(REPORT_ROWS)
tests_unit_sweep_test_sweep_CFLAGS = $(UNIT_CFLAGS)
tests_unit_sweep_test_sweep_LDADD = sweep/libsweep.la $(UNIT_LIBS)
tests_unit_sweep_test_site_SOURCES = tests/unit/sweep/test_site.c $(MACHINE_TREE)
tests_unit_sweep_test_site_CFLAGS = $(UNIT_CFLAGS)
tests_unit_sweep_test_site_LDADD = sweep/libsweep.la $(UNIT_LIBS)
endif

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_sweep
tests_fuzz_fuzz_sweep_LDADD = sweep/libsweep.la
tests_fuzz_fuzz_sweep_LDFLAGS = $(FUZZ_LDFLAGS)
noinst_PROGRAMS += tests/fuzz/fuzz_groups
tests_fuzz_fuzz_groups_LDADD = report/libreport.la
tests_fuzz_fuzz_groups_LDFLAGS = $(FUZZ_LDFLAGS)
endif
