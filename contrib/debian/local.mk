# Debian's packages: contrib/debian/build.sh makes them, tests/packages tries them.
EXTRA_DIST += contrib/debian tests/packages/checks.sh tests/packages/debian.sh tests/packages/debian_cluster.sh \
	tests/packages/lifecycle.sh tests/packages/lifecycle_inside.sh tests/packages/roots.sh tests/nvcc_clang.py
