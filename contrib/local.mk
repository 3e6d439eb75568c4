# Shell completion and examples of configuration.
bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = contrib/completion/sft-report contrib/completion/sft-bench-job \
	contrib/completion/sft-sweep
dist_pkgdata_DATA += contrib/completion/sft-bench.bash
EXTRA_DIST += contrib/slurm/sft-bench.conf contrib/slurm/plugstack.conf.d/sft-bench.conf

dist_check_SCRIPTS = tests/cli/test_help.sh tests/cli/test_completion.sh tests/cli/test_synthetic.sh \
	tests/cli/test_plan.sh tests/cli/test_seconds.sh tests/cli/test_ranks.sh tests/cli/test_page.sh tests/cli/test_data.sh \
	tests/cli/test_out.sh \
	tests/cli/test_keys.sh tests/cli/test_record.sh
TESTS += $(dist_check_SCRIPTS)

# What the lists of keys in the manual, the completion and the site's example are made by.
noinst_PROGRAMS += contrib/keys
contrib_keys_LDADD = spank/libspank.la node/libnode.la lib/libsft.la
KEYS_FILES = man/sft-bench.7 man/sft-bench-job.1 contrib/slurm/sft-bench.conf contrib/completion/sft-bench-job \
	contrib/completion/sft-bench.bash contrib/completion/sft-report contrib/completion/sft-sweep
update-keys: contrib/keys
	for file in $(KEYS_FILES); do \
		contrib/keys $(srcdir)/$$file >keys.new && cat keys.new >$(srcdir)/$$file || exit 1; done
	rm -f keys.new
.PHONY: update-keys
