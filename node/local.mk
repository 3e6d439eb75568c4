# What a node is, without Slurm.
noinst_LTLIBRARIES += node/libnode.la
node_libnode_la_SOURCES = \
	node/conf_fabric.c node/conf_fabric.h \
	node/counters.c node/counters.h \
	node/counters_ethtool.c \
	node/counters_judge.c node/counters_judge.h \
	node/fabric.c node/fabric.h node/fabric_internal.h \
	node/fabric_cards.c \
	node/fabric_files.c node/fabric_files.h \
	node/fabric_gid.c \
	node/fabric_ports.c \
	node/fabric_tell.c \
	node/fabric_user.c \
	node/fabric_warn.c \
	node/features.c node/features.h \
	node/gid.c node/gid.h \
	node/gpu_link.c node/gpu_link.h \
	node/gres.c node/gres.h \
	node/hosts.c node/hosts.h \
	node/nic.c node/nic.h \
	node/pci_place.c node/pci_place.h \
	node/said.c node/said.h \
	node/said_print.c \
	node/sysfs.c node/sysfs.h

unit_tests += tests/unit/node/test_counters tests/unit/node/test_fabric tests/unit/node/test_fabric_machines tests/unit/node/test_gid \
	tests/unit/node/test_hosts tests/unit/node/test_nic tests/unit/node/test_said
test_support += tests/unit/node/fabric_case.c tests/unit/node/fabric_case.h tests/unit/node/machine_tree.c \
	tests/unit/node/machine_tree.h
fuzz_targets += tests/fuzz/fuzz_fabric
# make tests/bench/fabric: milliseconds to decide NCCL's environment.
EXTRA_PROGRAMS += tests/bench/fabric
CLEANFILES += tests/bench/fabric
EXTRA_DIST += tests/fixtures/topology tests/fixtures/expected

# Which cores and memory belong to a task; apart, because it alone needs hwloc.
if HAVE_HWLOC
noinst_LTLIBRARIES += node/libaffinity.la
node_libaffinity_la_SOURCES = \
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
node_libaffinity_la_LIBADD = $(HWLOC_LIBS)
AFFINITY_LIBS = node/libaffinity.la

unit_tests += tests/unit/node/test_affinity tests/unit/node/test_affinity_apply tests/unit/node/test_affinity_gpus \
	tests/unit/node/test_affinity_machines
test_support += tests/unit/node/affinity_fixture.c tests/unit/node/affinity_fixture.h tests/unit/node/affinity_nccl.c \
	tests/unit/node/affinity_nccl.h
fuzz_targets += tests/fuzz/fuzz_affinity
# make tests/bench/affinity: milliseconds of a plan, here and on a described machine.
EXTRA_PROGRAMS += tests/bench/affinity
CLEANFILES += tests/bench/affinity
endif

# The module that the plugin opens in a task, so that an ordinary srun never loads hwloc. In the build tree, too, it
# stands beside the plugin.
EXTRA_DIST += node/node.map
if HAVE_SLURM
if HAVE_HWLOC
pkglib_LTLIBRARIES += spank/sft_bench_node.la
endif
endif
spank_sft_bench_node_la_SOURCES = node/node.c node/node.h
spank_sft_bench_node_la_LDFLAGS = $(SFT_LDFLAGS) -module -avoid-version -shared -no-undefined -Wl,-z,defs \
	-Wl,--version-script=$(top_srcdir)/node/node.map
spank_sft_bench_node_la_LIBADD = $(AFFINITY_LIBS) node/libnode.la lib/libsft.la
