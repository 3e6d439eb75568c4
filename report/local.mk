# sft-report. libreport is everything but main, so that the tests link what they test.
bin_PROGRAMS += sft-report
noinst_LTLIBRARIES += report/libreport.la
report_libreport_la_SOURCES = \
	accounts/answer.c accounts/answer.h \
	accounts/arguments.c accounts/arguments.h \
	report/chart.c report/chart.h \
	report/compare.c report/compare.h \
	accounts/csv.c accounts/csv.h \
	accounts/filter.c accounts/filter.h \
	report/goals.c report/goals.h \
	report/grid.c report/grid.h \
	report/group.c report/group.h \
	report/group_print.c report/group_print.h \
	report/html.c report/html.h \
	accounts/json.c accounts/json.h \
	report/lang.c report/lang.h \
	accounts/load.c accounts/load.h \
	report/options.c report/options.h \
	report/output.c report/output.h \
	report/page.c report/page.h report/page_internal.h \
	report/page_figures.c report/page_goals.c \
	report/page_method.c \
	report/page_ranks.c \
	report/page_summary.c \
	report/page_table.c \
	report/pdf.c report/pdf.h \
	report/ranks.c report/ranks.h \
	accounts/rows.c accounts/rows.h \
	accounts/scan.c accounts/scan.h \
	accounts/source.c accounts/source.h \
	accounts/spawn.c accounts/spawn.h \
	report/table.c report/table.h \
	accounts/text.c accounts/text.h
report_libreport_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -DSFT_LOCALEDIR='"$(localedir)"'
report_libreport_la_LIBADD = lib/libsft.la $(JANSSON_LIBS) $(LIBINTL)
sft_report_SOURCES = report/main.c
sft_report_LDADD = report/libreport.la

REPORT_ROWS = tests/unit/report/report_rows.c tests/unit/report/report_rows.h
if HAVE_CMOCKA
REPORT_TESTS = tests/unit/accounts/test_report_load tests/unit/accounts/test_report_filter \
	tests/unit/accounts/test_report_answer tests/unit/accounts/test_report_scan tests/unit/report/test_report_files \
	tests/unit/report/test_report_output tests/unit/report/test_report_group tests/unit/report/test_report_compare \
	tests/unit/report/test_report_page tests/unit/lib/test_manual
check_PROGRAMS += $(REPORT_TESTS)
tests_unit_accounts_test_report_load_CFLAGS = $(UNIT_CFLAGS)
tests_unit_accounts_test_report_load_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_accounts_test_report_answer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_accounts_test_report_answer_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_report_test_report_files_CFLAGS = $(UNIT_CFLAGS)
tests_unit_report_test_report_files_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_accounts_test_report_scan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_accounts_test_report_scan_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_accounts_test_report_filter_CFLAGS = $(UNIT_CFLAGS)
tests_unit_accounts_test_report_filter_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_report_test_report_output_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_report_test_report_output_LDADD = report/libreport.la $(UNIT_LIBS) $(JANSSON_LIBS)
tests_unit_report_test_report_group_SOURCES = tests/unit/report/test_report_group.c $(REPORT_ROWS)
tests_unit_report_test_report_group_CFLAGS = $(UNIT_CFLAGS)
tests_unit_report_test_report_group_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_report_test_report_compare_SOURCES = tests/unit/report/test_report_compare.c $(REPORT_ROWS)
tests_unit_report_test_report_compare_CFLAGS = $(UNIT_CFLAGS)
tests_unit_report_test_report_compare_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_report_test_report_page_SOURCES = tests/unit/report/test_report_page.c $(REPORT_ROWS)
tests_unit_report_test_report_page_CFLAGS = $(UNIT_CFLAGS)
tests_unit_report_test_report_page_LDADD = report/libreport.la $(UNIT_LIBS)
tests_unit_lib_test_manual_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_manual_LDADD = lib/libsft.la $(UNIT_LIBS)
endif

EXTRA_DIST += \
	tests/fixtures/sacct-22.05.json \
	tests/fixtures/sacct-23.11.json \
	tests/fixtures/sacct-report.json tests/fixtures/make_sacct_report.py

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_sacct
tests_fuzz_fuzz_sacct_LDADD = report/libreport.la
tests_fuzz_fuzz_sacct_LDFLAGS = $(FUZZ_LDFLAGS)
noinst_PROGRAMS += tests/fuzz/fuzz_scan
tests_fuzz_fuzz_scan_LDADD = report/libreport.la
tests_fuzz_fuzz_scan_LDFLAGS = $(FUZZ_LDFLAGS)
endif
