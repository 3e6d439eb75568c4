# Which node is slow, and why: probes, facts, and the judge, which is pure.
noinst_LTLIBRARIES += job/verify/libverify.la
job_verify_libverify_la_SOURCES = \
	job/verify/cause.c job/verify/cause.h \
	job/verify/cause_gpu.c job/verify/cause_looks.h job/verify/cause_node.c job/verify/cause_table.c \
	job/verify/ceilings.c job/verify/ceilings.h \
	job/verify/check.c job/verify/check.h \
	job/verify/facts.c job/verify/facts.h \
	job/verify/facts_cpu.c job/verify/facts_node.c job/verify/facts_nvml.c \
	job/verify/judge.c job/verify/judge.h job/verify/judge_internal.h \
	job/verify/nvml_layout.h \
	job/verify/judge_compare.c job/verify/judge_pairs.c job/verify/judge_partners.c \
	job/verify/probe.c job/verify/probe.h job/verify/probe_team.c \
	job/verify/series.c \
	job/verify/table.c job/verify/table.h job/verify/table_json.c \
	job/verify/typical.c

# NVML as for job/train's sensors.
job_verify_libverify_la_LIBADD = -ldl $(JANSSON_LIBS)

unit_tests += tests/unit/verify/test_ceilings tests/unit/verify/test_facts \
	tests/unit/verify/test_judge \
	tests/unit/verify/test_judge_causes
unit_support += tests/unit/verify/cluster.c tests/unit/verify/cluster.h

# NVML's answers of a GPU at rest, in its place.
if HAVE_CMOCKA
check_LTLIBRARIES += tests/unit/verify/libnvidia-ml-facts.la
endif
tests_unit_verify_libnvidia_ml_facts_la_SOURCES = tests/unit/verify/fake_nvml_facts.c
tests_unit_verify_libnvidia_ml_facts_la_LDFLAGS = $(FAKE_NVML_LDFLAGS)
