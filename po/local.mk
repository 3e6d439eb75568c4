# SPDX-License-Identifier: Apache-2.0
# The report's other language. In the build tree the catalogue stands as gettext looks for it: SFT_LOCALEDIR=po.
EXTRA_DIST += po/ja.po po/sft-report.pot po/update.sh
if ENABLE_NLS
PO_JA = po/ja/LC_MESSAGES/sft-report.mo
$(PO_JA): $(srcdir)/po/ja.po
	$(AM_V_GEN)$(MKDIR_P) po/ja/LC_MESSAGES && $(MSGFMT) --check -o $@ $(srcdir)/po/ja.po
podir = $(localedir)/ja/LC_MESSAGES
nodist_po_DATA = $(PO_JA)
CLEANFILES += $(PO_JA)
endif
