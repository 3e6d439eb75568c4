# sft_bench.so, the Slurm plugin. It links neither libslurm (its symbols are in srun and slurmstepd)
# nor anything that an ordinary srun would have to load. -z nodelete: a thread may outlive dlclose.
# libspank is what needs no Slurm, for the unit tests.
noinst_LTLIBRARIES += spank/libspank.la
spank_libspank_la_SOURCES = \
	spank/ask.c spank/ask.h \
	spank/check.c spank/check.h \
	spank/cmdline.c spank/cmdline.h \
	spank/conf.c spank/conf.h \
	spank/conf_data.c spank/conf_data.h \
	spank/conf_file.c spank/conf_file.h \
	spank/hold.c spank/hold.h \
	spank/leave.c spank/leave.h \
	spank/leftovers.c spank/leftovers.h \
	spank/leftovers_live.c \
	spank/line.c spank/line.h \
	spank/loads.c spank/loads.h \
	spank/peers.c spank/peers.h \
	spank/page.c spank/page.h \
	spank/probe.c spank/probe.h \
	spank/program.c spank/program.h \
	spank/publish.c spank/publish.h \
	spank/spool.c spank/spool.h \
	spank/shape.c spank/shape.h

if HAVE_SLURM
pkglib_LTLIBRARIES += spank/sft_bench.la
endif
spank_sft_bench_la_SOURCES = \
	spank/account.c spank/account.h \
	spank/deliver.c spank/deliver.h \
	spank/ending.c spank/ending.h \
	spank/facts.c spank/facts.h \
	spank/fail.c spank/fail.h \
	spank/keeper.c spank/keeper.h \
	spank/launch.c spank/launch.h spank/launch_internal.h \
	spank/launch_plan.c \
	spank/limits.c spank/limits.h \
	spank/network.c spank/network.h \
	spank/options.c spank/options.h \
	spank/place.c spank/place.h \
	spank/plugin.c \
	spank/settings.c spank/settings.h \
	spank/slurm_compat.h \
	spank/slurmd.c spank/slurmd.h \
	spank/start.c spank/start.h \
	spank/watch.c spank/watch.h \
	spank/witness.c spank/witness.h \
	spank/where.c spank/where.h
spank_sft_bench_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CFLAGS)
spank_sft_bench_la_LDFLAGS = $(SFT_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/spank/plugin.map -Wl,-z,nodelete
spank_sft_bench_la_LIBADD = spank/libspank.la node/libnode.la lib/libsft.la -ldl
spank_sft_bench_la_DEPENDENCIES = spank/libspank.la node/libnode.la lib/libsft.la spank/plugin.map
EXTRA_DIST += spank/plugin.map

# What the plugin leaves behind, into the accounting; of this release of Slurm, as the plugin.
if HAVE_LIBSLURM
sbin_PROGRAMS = sft-bench-deliver
endif
sft_bench_deliver_SOURCES = \
	spank/account.c spank/account.h \
	spank/database.c spank/database.h \
	spank/deliver_main.c \
	spank/settings.c spank/settings.h \
	spank/slurm_compat.h
sft_bench_deliver_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CFLAGS)
sft_bench_deliver_LDADD = spank/libspank.la lib/libsft.la $(SLURM_LIBS)

unit_tests += tests/unit/spank/test_ask tests/unit/spank/test_cmdline tests/unit/spank/test_conf \
	tests/unit/spank/test_leftovers tests/unit/spank/test_loads tests/unit/spank/test_page tests/unit/spank/test_peers \
	tests/unit/spank/test_program tests/unit/spank/test_publish tests/unit/spank/test_shape \
	tests/unit/spank/test_spool
fuzz_targets += tests/fuzz/fuzz_conf tests/fuzz/fuzz_page
