# SPDX-License-Identifier: Apache-2.0
# Records out of sacct, and what else sft-report and sft-sweep share.
noinst_LTLIBRARIES += accounts/libaccounts.la
accounts_libaccounts_la_SOURCES = \
	accounts/answer.c accounts/answer.h \
	accounts/arguments.c accounts/arguments.h \
	accounts/convert.c accounts/convert.h \
	accounts/csv.c accounts/csv.h \
	accounts/facts.c accounts/facts.h \
	accounts/filter.c accounts/filter.h \
	accounts/folder.c accounts/folder.h \
	accounts/grid.c accounts/grid.h \
	accounts/json.c accounts/json.h \
	accounts/load.c accounts/load.h \
	accounts/rows.c accounts/rows.h \
	accounts/scan.c accounts/scan.h \
	accounts/source.c accounts/source.h \
	accounts/spawn.c accounts/spawn.h \
	accounts/text.c accounts/text.h
accounts_libaccounts_la_LIBADD = $(JANSSON_LIBS)

unit_tests += tests/unit/accounts/test_report_answer tests/unit/accounts/test_report_filter \
	tests/unit/accounts/test_report_load tests/unit/accounts/test_report_saved tests/unit/accounts/test_report_scan tests/unit/accounts/test_report_trust
fuzz_targets += tests/fuzz/fuzz_sacct tests/fuzz/fuzz_scan
EXTRA_DIST += \
	tests/fixtures/sacct-22.05.json \
	tests/fixtures/sacct-23.11.json \
	tests/fixtures/sacct-report.json tests/fixtures/make_sacct_report.py tests/fixtures/many_records.py \
	tests/fixtures/make_verify_history.py
