# Shell completion and examples of configuration.
bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = contrib/completion/sft-report contrib/completion/sft-bench-job \
	contrib/completion/sft-sweep
dist_pkgdata_DATA += contrib/completion/sft-bench.bash
EXTRA_DIST += contrib/slurm/sft-bench.conf contrib/slurm/plugstack.conf.d/sft-bench.conf

dist_check_SCRIPTS = tests/cli/test_help.sh tests/cli/test_completion.sh tests/cli/test_synthetic.sh \
	tests/cli/test_ranks.sh tests/cli/test_page.sh tests/cli/test_data.sh tests/cli/test_out.sh \
	tests/cli/test_record.sh
TESTS += $(dist_check_SCRIPTS)
