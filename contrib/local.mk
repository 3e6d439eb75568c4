# Shell completion, and examples for a site: below $(pkgdatadir)/examples, with the folders of this build in them.
bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = contrib/completion/sft-report contrib/completion/sft-bench-job \
	contrib/completion/sft-sweep
dist_pkgdata_DATA += contrib/completion/sft-bench.bash
# Slurm owns the names under which bash-completion would load srun's, sbatch's and salloc's.
bashstartdir = $(sysconfdir)/bash_completion.d
nodist_bashstart_DATA = contrib/bash_completion.d/sft-bench

examplesdir = $(pkgdatadir)/examples/slurm
dist_examples_DATA = contrib/slurm/sft-bench.conf
plugstackdir = $(examplesdir)/plugstack.conf.d
nodist_plugstack_DATA = contrib/slurm/plugstack.conf.d/sft-bench.conf
prologdir = $(examplesdir)/prolog.d
dist_prolog_SCRIPTS = contrib/slurm/prolog.d/50-sft-bench
epilogdir = $(examplesdir)/epilog.d
nodist_epilog_SCRIPTS = contrib/slurm/epilog.d/50-sft-bench contrib/slurm/epilog.d/60-sft-bench-health
healthdir = $(examplesdir)/healthcheck.d
nodist_health_SCRIPTS = contrib/slurm/healthcheck.d/50-sft-bench
productiondir = $(pkgdatadir)/examples
dist_production_SCRIPTS = examples/production.sbatch
containerdir = $(pkgdatadir)/examples/container
dist_container_DATA = contrib/container/README.md contrib/container/Dockerfile contrib/container/sft-bench.fstab
dist_container_SCRIPTS = contrib/container/run-in-image

dist_doc_DATA = README.md INSTALL.md UPGRADE.md NEWS doc/first-run.md doc/slurm-releases.md

MADE_EXAMPLES = $(nodist_bashstart_DATA) $(nodist_plugstack_DATA) $(nodist_epilog_SCRIPTS) $(nodist_health_SCRIPTS)
EXTRA_DIST += $(MADE_EXAMPLES:=.in)
CLEANFILES += $(MADE_EXAMPLES)
# [@]: config.status would write the folder there.
$(MADE_EXAMPLES): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|[@]pkglibdir@|$(pkglibdir)|' -e 's|[@]pkgdatadir@|$(pkgdatadir)|g' \
		-e 's|[@]sbindir@|$(sbindir)|' -e 's|[@]bindir@|$(bindir)|' -e 's|[@]examplesdir@|$(examplesdir)|' $(srcdir)/$@.in >$@

# In the tarball as made, so that rpmbuild -tb finds it there.
EXTRA_DIST += contrib/rpm/sft-bench.spec.in contrib/rpm/sft-bench.spec tests/packages/tarball.sh tests/packages/rpm.sh \
	tests/packages/rpmlint.toml tests/packages/source.sh
CLEANFILES += contrib/rpm/sft-bench.spec
contrib/rpm/sft-bench.spec: contrib/rpm/sft-bench.spec.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) 's|[@]VERSION@|$(VERSION)|' $(srcdir)/contrib/rpm/sft-bench.spec.in >$@

# The last words of an installation that is used where it is made; a package's has its own.
install-data-hook:
	@if test -z "$(DESTDIR)$(NO_PLUGIN)"; then printf '%s\n' "" \
		"On the submit hosts and on the nodes, one line in /etc/slurm/plugstack.conf; no daemon is restarted:" \
		"    optional $(pkglibdir)/sft_bench.so" \
		"Examples with comments: $(pkgdatadir)/examples. Then, to try: srun --sft-bench=tiny:2"; \
		test "$(sysconfdir)" = /etc || echo "Completion: . $(bashstartdir)/sft-bench (by itself with --sysconfdir=/etc)"; fi
if !HAVE_SLURM
NO_PLUGIN = yes
endif

# Folders that are ours alone, and that nobody else has put anything into.
uninstall-hook:
	for folder in $(plugstackdir) $(prologdir) $(epilogdir) $(healthdir) $(examplesdir) $(containerdir) $(pkgdatadir)/examples \
		$(tuneddir) $(pkgdatadir) $(pkglibdir) $(docdir); do rmdir "$(DESTDIR)$$folder" 2>/dev/null || :; done

dist_check_SCRIPTS = tests/cli/test_help.sh tests/cli/test_completion.sh tests/cli/test_synthetic.sh \
	tests/cli/test_plan.sh tests/cli/test_seconds.sh tests/cli/test_ranks.sh tests/cli/test_ranks_fp8.sh \
	tests/cli/test_page.sh tests/cli/test_verify_report.sh tests/cli/test_health.sh tests/cli/test_teams.sh \
	tests/cli/test_data.sh tests/cli/test_out.sh tests/cli/test_weights.sh tests/cli/test_save.sh \
	tests/cli/test_checkpoint.sh tests/cli/test_eval.sh tests/cli/test_adapters.sh tests/cli/test_save_kill.sh \
	tests/cli/test_keys.sh tests/cli/test_record.sh tests/cli/test_examples.sh tests/cli/test_install.sh
EXTRA_DIST += tests/cli/complete_line.py
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
