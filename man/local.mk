# Manual pages. tests/unit/lib/test_manual.c and tests/cli/test_help.sh hold them to the programs.
dist_man_MANS += \
	man/sft-bench.7 \
	man/sft-bench.conf.5 \
	man/sft-bench-deliver.8 \
	man/sft-bench-job.1 \
	man/sft-ceilings.5 \
	man/sft-checkpoint.5 \
	man/sft-goals.5 \
	man/sft-record.5 \
	man/sft-report.1 \
	man/sft-suite.5 \
	man/sft-sweep.1 \
	man/sft-verify.7
