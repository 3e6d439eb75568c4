# sft_bench.so, the Slurm plugin. It links neither libslurm (its symbols are in srun and slurmstepd)
# nor anything that an ordinary srun would have to load. -z nodelete: a thread may outlive dlclose.
# libsftspank is what needs no Slurm, for the unit tests.
noinst_LTLIBRARIES += spank/libsftspank.la
spank_libsftspank_la_SOURCES = \
	spank/ask.c spank/ask.h \
	spank/check.c spank/check.h \
	spank/cmdline.c spank/cmdline.h \
	spank/conf.c spank/conf.h \
	spank/conf_fabric.c spank/conf_fabric.h \
	spank/conf_file.c spank/conf_file.h \
	spank/fabric.c spank/fabric.h spank/fabric_internal.h \
	spank/fabric_cards.c \
	spank/fabric_gid.c \
	spank/fabric_ports.c \
	spank/fabric_print.c \
	spank/fabric_tell.c \
	spank/fabric_user.c \
	spank/fabric_warn.c \
	spank/gid.c spank/gid.h \
	spank/gpu_link.c spank/gpu_link.h \
	spank/features.c spank/features.h \
	spank/gres.c spank/gres.h \
	spank/hold.c spank/hold.h \
	spank/leave.c spank/leave.h \
	spank/hosts.c spank/hosts.h \
	spank/leftovers.c spank/leftovers.h \
	spank/leftovers_live.c \
	spank/line.c spank/line.h \
	spank/fabric_files.c spank/fabric_files.h \
	spank/nic.c spank/nic.h \
	spank/pci_place.c spank/pci_place.h \
	spank/peers.c spank/peers.h \
	spank/page.c spank/page.h \
	spank/probe.c spank/probe.h \
	spank/program.c spank/program.h \
	spank/spool.c spank/spool.h \
	spank/shape.c spank/shape.h \
	spank/sysfs.c spank/sysfs.h \
	spank/words.c spank/words.h

# Which cores and memory belong to a task; apart, because it alone needs hwloc. It wants libsftspank
# and libsft beside it.
if HAVE_HWLOC
noinst_LTLIBRARIES += spank/libsftaffinity.la
spank_libsftaffinity_la_SOURCES = \
	spank/affinity.h spank/affinity_internal.h \
	spank/affinity_apply.c \
	spank/affinity_each.c \
	spank/affinity_gpus.c \
	spank/affinity_machine.c \
	spank/affinity_nvidia.c \
	spank/affinity_pci.c \
	spank/affinity_plan.c \
	spank/affinity_print.c \
	spank/affinity_text.c
spank_libsftaffinity_la_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS)
spank_libsftaffinity_la_LIBADD = $(HWLOC_LIBS)
endif

if HAVE_SLURM
pkglib_LTLIBRARIES = spank/sft_bench.la
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
	spank/node.h \
	spank/place.c spank/place.h \
	spank/plugin.c \
	spank/publish.c spank/publish.h \
	spank/settings.c spank/settings.h \
	spank/slurm_compat.h \
	spank/slurmd.c spank/slurmd.h \
	spank/watch.c spank/watch.h \
	spank/witness.c spank/witness.h \
	spank/where.c spank/where.h
spank_sft_bench_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CFLAGS)
spank_sft_bench_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/spank/plugin.map -Wl,-z,nodelete -pthread
spank_sft_bench_la_LIBADD = spank/libsftspank.la lib/libsft.la -ldl
spank_sft_bench_la_DEPENDENCIES = spank/libsftspank.la lib/libsft.la spank/plugin.map
# What the plugin leaves behind, into the accounting; of this release of Slurm, as the plugin.
if HAVE_LIBSLURM
sbin_PROGRAMS = sft-bench-deliver
sft_bench_deliver_SOURCES = \
	spank/account.c spank/account.h \
	spank/database.c spank/database.h \
	spank/deliver_main.c \
	spank/settings.c spank/settings.h \
	spank/slurm_compat.h
sft_bench_deliver_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CFLAGS)
sft_bench_deliver_LDADD = spank/libsftspank.la lib/libsft.la $(SLURM_LIBS)
endif
if HAVE_HWLOC
pkglib_LTLIBRARIES += spank/sft_bench_node.la
spank_sft_bench_node_la_SOURCES = spank/node.c spank/node.h
spank_sft_bench_node_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -no-undefined -Wl,-z,defs \
	-Wl,--version-script=$(top_srcdir)/spank/node.map
spank_sft_bench_node_la_LIBADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la
else
EXTRA_DIST += spank/node.c
endif
endif
EXTRA_DIST += spank/plugin.map spank/node.map

if HAVE_CMOCKA
SPANK_TESTS = tests/unit/test_ask tests/unit/test_conf tests/unit/test_cmdline tests/unit/test_fabric \
	tests/unit/test_fabric_machines tests/unit/test_gid tests/unit/test_leftovers tests/unit/test_nic \
	tests/unit/test_page tests/unit/test_peers tests/unit/test_program tests/unit/test_shape tests/unit/test_spool
check_PROGRAMS += $(SPANK_TESTS)
tests_unit_test_ask_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_ask_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_shape_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_shape_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_conf_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_conf_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_cmdline_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_cmdline_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_fabric_SOURCES = tests/unit/test_fabric.c $(FABRIC_CASE)
tests_unit_test_fabric_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_fabric_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_fabric_machines_SOURCES = tests/unit/test_fabric_machines.c $(FABRIC_CASE) $(REVIEWED)
tests_unit_test_fabric_machines_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_fabric_machines_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_gid_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_gid_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_leftovers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_leftovers_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_page_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_page_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_program_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_program_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_nic_SOURCES = tests/unit/test_nic.c $(MACHINE_TREE)
tests_unit_test_spool_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_spool_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_peers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_peers_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_nic_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_nic_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
if HAVE_HWLOC
AFFINITY_TESTS = tests/unit/test_affinity tests/unit/test_affinity_apply \
	tests/unit/test_affinity_gpus tests/unit/test_affinity_machines
check_PROGRAMS += $(AFFINITY_TESTS)
tests_unit_test_affinity_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_test_affinity_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_affinity_apply_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_test_affinity_apply_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_affinity_gpus_SOURCES = tests/unit/test_affinity_gpus.c $(AFFINITY_FIXTURE)
tests_unit_test_affinity_gpus_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_test_affinity_gpus_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_test_affinity_machines_SOURCES = tests/unit/test_affinity_machines.c \
	tests/unit/affinity_nccl.c tests/unit/affinity_nccl.h $(AFFINITY_FIXTURE) $(REVIEWED)
tests_unit_test_affinity_machines_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_test_affinity_machines_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
endif
endif

# make tests/bench/affinity: milliseconds of a plan, here and on a described machine.
REVIEWED = tests/unit/reviewed.c tests/unit/reviewed.h
MACHINE_TREE = tests/unit/machine_tree.c tests/unit/machine_tree.h
FABRIC_CASE = tests/unit/fabric_case.c tests/unit/fabric_case.h $(MACHINE_TREE)
AFFINITY_FIXTURE = tests/unit/affinity_fixture.c tests/unit/affinity_fixture.h $(MACHINE_TREE)
if HAVE_HWLOC
EXTRA_PROGRAMS += tests/bench/affinity
tests_bench_affinity_SOURCES = tests/bench/affinity.c $(AFFINITY_FIXTURE)
tests_bench_affinity_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS)
tests_bench_affinity_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la
CLEANFILES += tests/bench/affinity
endif
# make tests/bench/fabric: milliseconds to decide NCCL's environment.
EXTRA_PROGRAMS += tests/bench/fabric
tests_bench_fabric_SOURCES = tests/bench/fabric.c $(FABRIC_CASE)
tests_bench_fabric_LDADD = spank/libsftspank.la lib/libsft.la
CLEANFILES += tests/bench/fabric
EXTRA_DIST += tests/fixtures/topology tests/fixtures/expected

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_LDADD = spank/libsftspank.la lib/libsft.la
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LDFLAGS)
noinst_PROGRAMS += tests/fuzz/fuzz_page
tests_fuzz_fuzz_page_LDADD = spank/libsftspank.la lib/libsft.la
tests_fuzz_fuzz_page_LDFLAGS = $(FUZZ_LDFLAGS)
noinst_PROGRAMS += tests/fuzz/fuzz_fabric
tests_fuzz_fuzz_fabric_LDADD = spank/libsftspank.la lib/libsft.la
tests_fuzz_fuzz_fabric_LDFLAGS = $(FUZZ_LDFLAGS)
if HAVE_HWLOC
noinst_PROGRAMS += tests/fuzz/fuzz_affinity
tests_fuzz_fuzz_affinity_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS)
tests_fuzz_fuzz_affinity_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la
tests_fuzz_fuzz_affinity_LDFLAGS = $(FUZZ_LDFLAGS)
endif
endif
