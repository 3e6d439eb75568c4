# sft_bench.so, the Slurm plugin. It links neither libslurm (its symbols are in srun and slurmstepd)
# nor anything that an ordinary srun would have to load. -z nodelete: a thread may outlive dlclose.
# libsftspank is what needs no Slurm, for the unit tests.
noinst_LTLIBRARIES += spank/libsftspank.la
spank_libsftspank_la_SOURCES = \
	spank/ask.c spank/ask.h \
	spank/check.c spank/check.h \
	spank/cmdline.c spank/cmdline.h \
	spank/conf.c spank/conf.h \
	node/conf_fabric.c node/conf_fabric.h \
	spank/conf_file.c spank/conf_file.h \
	node/fabric.c node/fabric.h node/fabric_internal.h \
	node/fabric_cards.c \
	node/fabric_gid.c \
	node/fabric_ports.c \
	node/fabric_print.c \
	node/fabric_tell.c \
	node/fabric_user.c \
	node/fabric_warn.c \
	node/gid.c node/gid.h \
	node/gpu_link.c node/gpu_link.h \
	node/features.c node/features.h \
	node/gres.c node/gres.h \
	spank/hold.c spank/hold.h \
	spank/leave.c spank/leave.h \
	node/hosts.c node/hosts.h \
	spank/leftovers.c spank/leftovers.h \
	spank/leftovers_live.c \
	spank/line.c spank/line.h \
	node/fabric_files.c node/fabric_files.h \
	node/nic.c node/nic.h \
	node/pci_place.c node/pci_place.h \
	spank/peers.c spank/peers.h \
	spank/page.c spank/page.h \
	spank/probe.c spank/probe.h \
	spank/program.c spank/program.h \
	spank/spool.c spank/spool.h \
	spank/shape.c spank/shape.h \
	node/sysfs.c node/sysfs.h \
	lib/words.c lib/words.h

# Which cores and memory belong to a task; apart, because it alone needs hwloc. It wants libsftspank
# and libsft beside it.
if HAVE_HWLOC
noinst_LTLIBRARIES += spank/libsftaffinity.la
spank_libsftaffinity_la_SOURCES = \
	node/affinity.h node/affinity_internal.h \
	node/affinity_apply.c \
	node/affinity_each.c \
	node/affinity_gpus.c \
	node/affinity_machine.c \
	node/affinity_nvidia.c \
	node/affinity_pci.c \
	node/affinity_plan.c \
	node/affinity_print.c \
	node/affinity_text.c
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
	node/node.h \
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
spank_sft_bench_node_la_SOURCES = node/node.c node/node.h
spank_sft_bench_node_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -no-undefined -Wl,-z,defs \
	-Wl,--version-script=$(top_srcdir)/node/node.map
spank_sft_bench_node_la_LIBADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la
else
EXTRA_DIST += node/node.c
endif
endif
EXTRA_DIST += spank/plugin.map node/node.map

if HAVE_CMOCKA
SPANK_TESTS = tests/unit/spank/test_ask tests/unit/spank/test_conf tests/unit/spank/test_cmdline tests/unit/node/test_fabric \
	tests/unit/node/test_fabric_machines tests/unit/node/test_gid tests/unit/spank/test_leftovers tests/unit/node/test_nic \
	tests/unit/spank/test_page tests/unit/spank/test_peers tests/unit/spank/test_program tests/unit/spank/test_shape tests/unit/spank/test_spool
check_PROGRAMS += $(SPANK_TESTS)
tests_unit_spank_test_ask_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_ask_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_shape_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_shape_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_conf_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_conf_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_cmdline_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_cmdline_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_fabric_SOURCES = tests/unit/node/test_fabric.c $(FABRIC_CASE)
tests_unit_node_test_fabric_CFLAGS = $(UNIT_CFLAGS)
tests_unit_node_test_fabric_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_fabric_machines_SOURCES = tests/unit/node/test_fabric_machines.c $(FABRIC_CASE) $(REVIEWED)
tests_unit_node_test_fabric_machines_CFLAGS = $(UNIT_CFLAGS)
tests_unit_node_test_fabric_machines_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_gid_CFLAGS = $(UNIT_CFLAGS)
tests_unit_node_test_gid_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_leftovers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_leftovers_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_page_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_page_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_program_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_program_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_nic_SOURCES = tests/unit/node/test_nic.c $(MACHINE_TREE)
tests_unit_spank_test_spool_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_spool_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_spank_test_peers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_spank_test_peers_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_nic_CFLAGS = $(UNIT_CFLAGS)
tests_unit_node_test_nic_LDADD = spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
if HAVE_HWLOC
AFFINITY_TESTS = tests/unit/node/test_affinity tests/unit/node/test_affinity_apply \
	tests/unit/node/test_affinity_gpus tests/unit/node/test_affinity_machines
check_PROGRAMS += $(AFFINITY_TESTS)
tests_unit_node_test_affinity_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_node_test_affinity_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_affinity_apply_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_node_test_affinity_apply_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_affinity_gpus_SOURCES = tests/unit/node/test_affinity_gpus.c $(AFFINITY_FIXTURE)
tests_unit_node_test_affinity_gpus_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_node_test_affinity_gpus_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
tests_unit_node_test_affinity_machines_SOURCES = tests/unit/node/test_affinity_machines.c \
	tests/unit/node/affinity_nccl.c tests/unit/node/affinity_nccl.h $(AFFINITY_FIXTURE) $(REVIEWED)
tests_unit_node_test_affinity_machines_CFLAGS = $(UNIT_CFLAGS) $(HWLOC_CFLAGS)
tests_unit_node_test_affinity_machines_LDADD = spank/libsftaffinity.la spank/libsftspank.la lib/libsft.la $(UNIT_LIBS)
endif
endif

# make tests/bench/affinity: milliseconds of a plan, here and on a described machine.
REVIEWED = tests/unit/accounts/reviewed.c tests/unit/accounts/reviewed.h
MACHINE_TREE = tests/unit/node/machine_tree.c tests/unit/node/machine_tree.h
FABRIC_CASE = tests/unit/node/fabric_case.c tests/unit/node/fabric_case.h $(MACHINE_TREE)
AFFINITY_FIXTURE = tests/unit/node/affinity_fixture.c tests/unit/node/affinity_fixture.h $(MACHINE_TREE)
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
