# sft-report. libreport is everything but main, so that the tests link what they test.
bin_PROGRAMS += sft-report
noinst_LTLIBRARIES += report/libreport.la
report_libreport_la_SOURCES = \
	report/catalogue.c report/catalogue.h \
	report/chart.c report/chart.h report/chart_ids.c report/chart_ids.h \
	report/compare.c report/compare.h \
	report/goals.c report/goals.h \
	report/group.c report/group.h report/group_internal.h \
	report/group_aside.c \
	report/group_print.c report/group_print.h report/group_title.c \
	report/html.c report/html.h \
	report/jobs.c report/jobs.h \
	report/lang.c report/lang.h \
	report/options.c report/options.h \
	report/output.c report/output.h \
	report/page.c report/page.h report/page_internal.h \
	report/page_aloud.c report/page_appendix.c report/page_choice.c \
	report/page_compare.c report/page_compare.h report/page_compare_sets.c report/page_cost.c \
	report/page_figures.c report/page_goals.c \
	report/page_method.c report/page_nodes.c \
	report/page_ranks.c \
	report/page_style.c report/page_summary.c report/page_system.c \
	report/page_loss.c report/page_stragglers.c report/page_table.c report/page_trend.c report/page_unsteady.c \
	report/pdf.c report/pdf.h \
	report/ranks.c report/ranks.h \
	report/repeats.c report/repeats.h \
	report/table.c report/table.h \
	report/verify.c report/verify.h report/verify_print.c report/verify_print.h \
	report/page_verify.c report/page_verify.h report/page_verify_weeks.c
report_libreport_la_LIBADD = $(JANSSON_LIBS)
sft_report_SOURCES = report/main.c
sft_report_LDADD = report/libreport.la accounts/libaccounts.la node/libnode.la lib/libsft.la

unit_tests += tests/unit/report/test_report_compare tests/unit/report/test_report_files \
	tests/unit/report/test_report_goals tests/unit/report/test_report_group tests/unit/report/test_report_jobs tests/unit/report/test_report_lang \
	tests/unit/report/test_report_output tests/unit/report/test_report_page tests/unit/report/test_report_repeats
test_support += tests/unit/report/report_rows.c tests/unit/report/report_rows.h
fuzz_targets += tests/fuzz/fuzz_groups
