# SPDX-License-Identifier: Apache-2.0
# Part of slurm.sh: which Slurm runs, the installed one or Debian's packages unpacked into a folder, with what
# environment, and sft-bench built or found for it. The variables are slurm.sh's.
# shellcheck shell=bash disable=SC2034,SC2154

# sl COMMAND... : with this Slurm's programs, libraries and configuration. Only for it and its jobs: the
# system's own programs keep their own libraries.
sl() { "${slurm_env[@]}" "$@"; }

slurm_env_make() {
    slurm_env=(env "PATH=$slurm_paths:$PATH" "SLURM_CONF=$work/etc/slurm.conf" "SFT_GPU_SLURM=$work/"
        "MYSQL_UNIX_PORT=$work/mysql.sock" OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_mpi_yield_when_idle=1)
    [ -z "$slroot" ] || slurm_env+=("OPAL_PREFIX=$slroot/usr"
        OMPI_MCA_mca_base_component_show_load_errors=0 "PMIX_LIBDIR=$slroot/usr/lib/$triplet/pmix2/lib"
        "LD_LIBRARY_PATH=$slurm_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
}

slurm_installed() {
    local tool missing=()
    slurm_paths=/usr/sbin:/usr/local/sbin:/sbin
    for tool in munged munge slurmctld slurmd srun scontrol sinfo; do
        PATH=$slurm_paths:$PATH command -v $tool >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "missing ${missing[*]}: apt-get install munge slurmctld slurmd slurm-client" \
            "slurm-wlm-basic-plugins, or fetch the packages elsewhere with tests/gpu/fetch_debs.sh" \
            "and name the folder with --debs"
}

debs_check() {
    local name missing=()
    command -v dpkg >/dev/null || die "missing dpkg, which unpacks --debs: install dpkg"
    # Of the libraries libraries_check knows better.
    for name in slurmctld slurmd slurm-client munge libmunge2 slurm-wlm-basic-plugins libpmix2; do
        compgen -G "$debs/${name}_*.deb" >/dev/null || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "missing in $debs: ${missing[*]}: on a Debian 12, tests/gpu/fetch_debs.sh FOLDER"
}

# slroot_link LINK TARGET : both below the root. What update-alternatives would have done.
slroot_link() {
    [ -e "$slroot/$2" ] || die "$slroot/$2 is missing after unpacking $debs"
    [ -e "$slroot/$1" ] || ln -s "$slroot/$2" "$slroot/$1"
}

slroot_unpack() {
    local deb list
    slroot=$(realpath -m "${SFT_SLROOT:-/opt/slroot}")
    case $slroot in
    / | /usr | /usr/* | /lib* | /etc | /etc/* | /bin | /sbin | /opt | /home | /root | /tmp | /var)
        die "SFT_SLROOT=$slroot is the system's: name a folder of its own"
        ;;
    esac
    debs_check
    list=$(cd "$debs" && ls ./*.deb)
    if [ "$(cat "$slroot/.sft-debs" 2>/dev/null)" != "$list" ]; then
        say "unpacking $(wc -l <<<"$list") packages into $slroot"
        mkdir -p "$slroot"
        [ -w "$slroot" ] || die "cannot write $slroot: set SFT_SLROOT to a folder"
        rm -f "$slroot/.sft-debs"
        for deb in "$debs"/*.deb; do
            log_of unpack dpkg -x "$deb" "$slroot" || die "dpkg -x $deb failed: fetch the packages again"
        done
        echo "$list" >"$slroot/.sft-debs"
    fi
    slroot_enter
}

# Slurm's PMIx plugin opens /usr/lib/TRIPLET/pmix2/lib/libpmix.so and nothing else. There may be none, or
# another release; so the unpacked copy gets, in as many bytes, a path below the root.
slroot_pmix() {
    local old=/usr/lib/$triplet/pmix2/lib new=$slroot/pmix file
    slroot_link pmix "usr/lib/$triplet/pmix2/lib"
    slroot_link "usr/lib/$triplet/pmix2/lib/libpmix.so" "usr/lib/$triplet/pmix2/lib/libpmix.so.2"
    [ ${#new} -le ${#old} ] || die "SFT_SLROOT=$slroot: longer than $((${#old} - 5)) characters"
    while [ ${#new} -lt ${#old} ]; do new+=/; done
    for file in "$slroot/usr/lib/$triplet"/slurm-wlm/mpi_pmix*.so; do
        [ -L "$file" ] || ! grep -qaF "$old" "$file" || LC_ALL=C sed -i "s|$old|$new|" "$file"
    done
}

slroot_enter() {
    local folder
    triplet=$(basename "$(dirname "$(find "$slroot/usr/lib" -maxdepth 2 -name slurm-wlm | head -n 1)")")
    slroot_link usr/sbin/slurmctld usr/sbin/slurmctld-wlm
    slroot_link usr/sbin/slurmd usr/sbin/slurmd-wlm
    slroot_link usr/sbin/slurmstepd usr/sbin/slurmstepd-wlm
    slroot_pmix
    slurm_paths=$slroot/usr/bin:$slroot/usr/sbin:/usr/sbin:/sbin
    for folder in "usr/lib/$triplet" "lib/$triplet" "usr/lib/$triplet/slurm-wlm" \
        "usr/lib/$triplet/pmix2/lib" "usr/lib/$triplet/openblas-pthread" "usr/lib/$triplet/openmpi/lib"; do
        [ ! -d "$slroot/$folder" ] || slurm_libraries+=${slurm_libraries:+:}$slroot/$folder
    done
    plugins=$slroot/usr/lib/$triplet/slurm-wlm
    stepd=$slroot/usr/sbin/slurmstepd
}

# Libraries that the programs want and nobody has, in one line.
libraries_check() {
    local file missing
    missing=$(for file in slurmctld slurmd srun scontrol munged $([ $dbd = no ] || echo slurmdbd mariadbd mariadb); do
        file=$(PATH=$slurm_paths:$PATH command -v $file) && sl ldd "$file" 2>&1
    done
    for file in "$plugins"/{mpi_pmix,auth_munge,gres_gpu,accounting_storage_mysql}.so "$prefix/bin/sft-bench-job"; do
        [ ! -e "$file" ] || sl ldd "$file" 2>&1
    done)
    missing=$(sed -n 's/^\t\(.*\) => not found.*/\1/p; s/.*\(version .[A-Z_0-9.]*. not found.*\)/\1/p' \
        <<<"$missing" | sort -u | tr '\n' ' ')
    [ -z "$missing" ] ||
        die "missing libraries: ${missing% }: install their packages${debs:+ or add them to $debs}"
}

# --- sft-bench ---------------------------------------------------------------------------------------

build_tools_check() {
    local tool missing=() also=''
    for tool in gcc g++ make pkg-config; do
        PATH=$slurm_paths:$PATH command -v $tool >/dev/null || missing+=("$tool")
    done
    [ -x "$top/configure" ] || for tool in autoconf automake libtoolize; do
        command -v $tool >/dev/null || missing+=("${tool/libtoolize/libtool}")
    done
    [ "$backend" != cuda ] || command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] ||
        also="CUDA's nvcc (the CUDA toolkit)"
    [ ${#missing[@]} -eq 0 ] && [ -z "$also" ] && return 0
    [ ${#missing[@]} -eq 0 ] || also="${missing[*]} (apt-get install ${missing[*]})${also:+ and $also}"
    die "missing to build: $also; or bring a tree after autoreconf -fi; or a build, named with --prefix"
}

build() {
    local object=$top/build/gpu-slurm/obj how keep=()
    build_tools_check
    prefix=$top/build/gpu-slurm/root
    say "building into $prefix"
    mkdir -p "$object" || die "cannot write $object"
    [ -x "$top/configure" ] || (cd "$top" && log_of autoreconf autoreconf -fi) || die "autoreconf failed"
    how="$slroot|${SFT_CONFIGURE:-}"
    if [ "$(cat "$object/.how" 2>/dev/null)" != "$how" ]; then
        rm -rf "$object" "$prefix" && mkdir -p "$object"
        # shellcheck disable=SC2086
        (cd "$object" && log_of configure build_env "$top/configure" --prefix="$prefix" ${SFT_CONFIGURE:-}) ||
            die "configure failed, its last line says what to install; or carry a build: --prefix"
        echo "$how" >"$object/.how"
    fi
    # A tree that was copied may have lost the order of its times: nothing is remade without automake.
    command -v automake >/dev/null || keep=(ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=:)
    (cd "$object" && log_of make build_env make -j"$(nproc)" "${keep[@]}" &&
        log_of install build_env make install "${keep[@]}") ||
        die "make failed: $logs/make.log"
}

# build_env COMMAND... : headers and libraries of the unpacked packages, if that is the Slurm
build_env() {
    if [ -z "$slroot" ]; then
        "$@"
        return
    fi
    local lib=$slroot/usr/lib/$triplet
    sl env PKG_CONFIG_SYSROOT_DIR="$slroot" CPPFLAGS="-I$slroot/usr/include ${CPPFLAGS:-}" \
        PKG_CONFIG_LIBDIR="$lib/pkgconfig:$lib/openblas-pthread/pkgconfig:$slroot/usr/share/pkgconfig" "$@"
}

prefix_check() {
    local file missing=()
    for file in bin/sft-bench-job lib/sft-bench/sft_bench.so; do
        [ -e "$prefix/$file" ] || missing+=("$file")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "missing in $prefix: ${missing[*]}: install sft-bench there" \
            "(the plugin wants libslurm-dev when it is built)"
}
