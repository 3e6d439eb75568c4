# sft_bench.so, the Slurm plugin. It links neither libslurm (its symbols are in srun and slurmstepd)
# nor anything that an ordinary srun would have to load. -z nodelete: a thread may outlive dlclose.
# libsftspank is what needs no Slurm, for the unit tests.
noinst_LTLIBRARIES += spank/libsftspank.la
spank_libsftspank_la_SOURCES = \
	spank/check.c spank/check.h \
	spank/cmdline.c spank/cmdline.h \
	spank/conf.c spank/conf.h \
	spank/gres.c spank/gres.h \
	spank/line.c spank/line.h \
	spank/words.c spank/words.h

if HAVE_SLURM
pkglib_LTLIBRARIES = spank/sft_bench.la
spank_sft_bench_la_SOURCES = \
	spank/account.c spank/account.h \
	spank/facts.c spank/facts.h \
	spank/keeper.c spank/keeper.h \
	spank/launch.c spank/launch.h \
	spank/options.c spank/options.h \
	spank/plugin.c \
	spank/slurm_compat.h \
	spank/watch.c spank/watch.h
spank_sft_bench_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CFLAGS)
spank_sft_bench_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/spank/plugin.map -Wl,-z,nodelete -pthread
spank_sft_bench_la_LIBADD = spank/libsftspank.la lib/libsft.la -ldl
spank_sft_bench_la_DEPENDENCIES = spank/libsftspank.la lib/libsft.la spank/plugin.map
endif
EXTRA_DIST += spank/plugin.map

if HAVE_CMOCKA
SPANK_TESTS = tests/unit/test_conf tests/unit/test_cmdline
check_PROGRAMS += $(SPANK_TESTS)
tests_unit_test_conf_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_conf_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_cmdline_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_cmdline_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
endif

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_LDADD = spank/libsftspank.la lib/libsft.la
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LDFLAGS)
endif
