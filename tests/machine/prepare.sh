#!/usr/bin/env bash
# Builds what run.py boots, below build/deps/machine: an emulator, a kernel and a disk image, from
# Debian packages that are only unpacked. Nothing is installed, mounted or run as another root.
#
# Packages are downloaded once; a run that was interrupted goes on where it was. When everything is
# there and this file has not changed, nothing is done and no network is needed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${REEVE_MACHINE_CACHE:-$here/../../build/deps/machine}

# The libraries are those that the programs under test are linked with.
guest_packages=(usr-is-merged systemd systemd-sysv libpam-systemd dbus-user-session python3
  base-files base-passwd bash dash coreutils util-linux login mount kmod grep sed findutils mawk
  libc-bin procps libspdlog1.10 libfmt9 libsqlite3-0 libstdc++6)
tool_packages=(qemu-system-x86 seabios e2fsprogs busybox-static cpio)
kernel_package=linux-image-cloud-amd64
# What the small first file system loads to find its disk.
modules=(virtio/virtio_ring virtio/virtio virtio/virtio_pci_modern_dev
  virtio/virtio_pci_legacy_dev virtio/virtio_pci block/virtio_blk)

fail() {
  echo "$*" >&2
  exit 1
}

# With lists and a state of its own, apt sees a Debian on which nothing is installed, and needs no
# rights. Downloads are verified as always.
apt() {
  apt-get -qq -o Dir::State="$cache/apt" -o Dir::State::status="$cache/apt/status" \
    -o Dir::Cache="$cache/apt/cache" -o APT::Sandbox::User="$(id -un)" -o Dpkg::Use-Pty=0 "$@"
}

download() { # folder, package…
  local folder=$1
  shift
  mkdir -p "$cache/debs/$folder/partial"
  apt -o Dir::Cache::archives="$cache/debs/$folder" install -y --download-only \
    --no-install-recommends "$@" >/dev/null
}

download_kernel() {
  local name
  name=$(apt-cache -o Dir::State="$cache/apt" -o Dir::State::status="$cache/apt/status" \
    -o Dir::Cache="$cache/apt/cache" depends $kernel_package | sed -n 's/^ *Depends: //p')
  name=${name%%$'\n'*}
  [ -n "$name" ] || fail "apt knows no package $kernel_package"
  mkdir -p "$cache/debs/kernel"
  (cd "$cache/debs/kernel" && apt download "$name")
}

# Unpacks packages into a new root with a merged /usr.
unpack() { # root, package file…
  local root=$1 name package
  shift
  rm -rf "$root"
  for name in bin sbin lib lib64; do
    mkdir -p "$root/usr/$name"
    ln -s "usr/$name" "$root/$name"
  done
  for package in "$@"; do
    dpkg --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink \
      --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
      --exclude='./usr/share/iso-codes/*' --exclude='./usr/share/info/*' \
      --exclude='./usr/share/lintian/*' --exclude='./usr/share/bug/*'
  done
}

# A program of an unpacked root, run outside of it with that root's own libraries.
run_from() { # root, program below it, argument…
  local root=$1 program=$2 libraries=$1/usr/lib/x86_64-linux-gnu
  shift 2
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/$program" "$@"
}

build_tools() {
  unpack "$cache/tools.new" "$cache"/debs/tools/*.deb
  rm -rf "$cache/tools"
  mv "$cache/tools.new" "$cache/tools"
}

build_kernel() {
  local found module
  rm -rf "$cache/kernel" "$cache/kernel.new"
  mkdir -p "$cache/kernel/modules"
  dpkg -x "$cache"/debs/kernel/*.deb "$cache/kernel.new"
  cp "$cache"/kernel.new/boot/vmlinuz-* "$cache/kernel/vmlinuz"
  for module in "${modules[@]}"; do # Numbered, as they are loaded in this order.
    found=$(echo "$cache"/kernel.new/lib/modules/*/kernel/drivers/"$module".ko)
    [ -e "$found" ] || fail "the kernel has no module $module"
    cp "$found" "$cache/kernel/modules/$(ls "$cache/kernel/modules" | wc -l)-${module##*/}.ko"
  done
  rm -rf "$cache/kernel.new"
}

# What the packages' own scripts would have made.
configure() {
  local root=$1 name
  cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
  cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
  cat >>"$root/etc/passwd" <<'END'
messagebus:x:100:100::/nonexistent:/usr/sbin/nologin
systemd-network:x:101:101::/:/usr/sbin/nologin
alice:x:1000:1000::/home/alice:/bin/bash
bob:x:1001:1001::/home/bob:/bin/bash
END
  cat >>"$root/etc/group" <<'END'
messagebus:x:100:
systemd-network:x:101:
systemd-journal:x:102:
render:x:103:
kvm:x:104:
input:x:105:
sgx:x:106:
alice:x:1000:
bob:x:1001:
END
  sed 's/^\([^:]*\):.*/\1:*:19000:0:99999:7:::/' "$root/etc/passwd" >"$root/etc/shadow"
  chmod 640 "$root/etc/shadow"
  for name in alice bob; do
    mkdir -p "$root/home/$name"
    chmod 700 "$root/home/$name"
  done
  chown -R 1000:1000 "$root/home/alice"
  chown -R 1001:1001 "$root/home/bob"
  printf '%s files\n' passwd: group: shadow: hosts: >"$root/etc/nsswitch.conf"
  echo machine >"$root/etc/hostname"
  echo 127.0.0.1 localhost machine >"$root/etc/hosts"
  echo 7265657665206d616368696e65203031 >"$root/etc/machine-id"
  : >"$root/etc/fstab"
  mkdir -p "$root"/{proc,sys,dev,run,tmp,root,opt,oracle,var/log/journal,var/tmp}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  chmod 700 "$root/root"
  ln -sfn /run "$root/var/run"
  ln -sfn /run/lock "$root/var/lock"
  ln -sfn ../proc/self/mounts "$root/etc/mtab"

  for name in auth account password; do
    echo "$name required pam_permit.so" >"$root/etc/pam.d/common-$name"
  done
  echo "session required pam_permit.so" >"$root/etc/pam.d/common-session-noninteractive"
  printf 'session required pam_permit.so\nsession optional pam_systemd.so\n' \
    >"$root/etc/pam.d/common-session"

  # Only what the tests ask for starts.
  for name in getty.target console-getty.service systemd-firstboot.service remote-fs.target \
    systemd-random-seed.service systemd-machine-id-commit.service systemd-sysusers.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-tmpfiles-clean.timer systemd-pcrphase.service systemd-pcrphase-sysinit.service \
    systemd-journal-flush.service systemd-network-generator.service dev-hugepages.mount \
    dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
    systemd-ask-password-console.path systemd-ask-password-wall.path modprobe@.service \
    kmod-static-nodes.service ldconfig.service systemd-modules-load.service \
    systemd-sysctl.service; do
    ln -sfn /dev/null "$root/etc/systemd/system/$name"
  done
  ln -sfn /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
  mkdir -p "$root"/etc/systemd/system/multi-user.target.wants "$root"/etc/systemd/journald.conf.d
  printf '[Journal]\nStorage=volatile\nForwardToConsole=no\n' \
    >"$root/etc/systemd/journald.conf.d/machine.conf"
  # Two kinds of machines in one: a logout ends what alice leaves behind, and not what bob leaves.
  mkdir -p "$root"/etc/systemd/logind.conf.d "$root"/etc/systemd/system.conf.d
  printf '[Login]\nKillUserProcesses=yes\nKillExcludeUsers=root bob\nUserStopDelaySec=0\n' \
    >"$root/etc/systemd/logind.conf.d/machine.conf"
  printf '[Manager]\nDefaultTimeoutStartSec=300s\n' \
    >"$root/etc/systemd/system.conf.d/machine.conf"
  cat >"$root/etc/systemd/system/machine.service" <<'END'
[Unit]
Description=The tests
After=dbus.service systemd-logind.service systemd-user-sessions.service
Wants=dbus.service systemd-logind.service
[Service]
Type=exec
ExecStart=/usr/bin/python3 -B /opt/reeve/tests/machine/guest/inner.py
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Delegate=yes
KillMode=process
TasksMax=infinity
OOMPolicy=continue
END
  ln -sfn /etc/systemd/system/machine.service \
    "$root/etc/systemd/system/multi-user.target.wants/machine.service"

  "$root/usr/sbin/ldconfig" -r "$root"
}

build_image() {
  local root=$cache/root
  unpack "$root" "$cache"/debs/guest/*.deb
  rm -rf "$root"/usr/lib/python3.11/{ensurepip,idlelib,lib2to3,turtledemo} \
    "$root"/usr/share/{bash-completion,pixmaps,applications}
  configure "$root"
  # An emulated processor compiles slowly. What does not compile here (modules that are wrong on
  # purpose) is compiled, or found to be wrong, by whoever imports it there.
  PYTHONHOME=$root/usr run_from "$root" usr/bin/python3.11 -m compileall -q -j 2 \
    --invalidation-mode unchecked-hash -s "$root" "$root/usr/lib/python3.11" >/dev/null || true
  rm -f "$cache/image.new"
  run_from "$cache/tools" usr/sbin/mke2fs -q -t ext4 -b 4096 -d "$root" \
    -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 "$cache/image.new" 1G >/dev/null
  mv "$cache/image.new" "$cache/image"
}

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/lock"
flock 9
stamp=$(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)
[ "$(cat "$cache/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
  fail "The test machine is built from Debian packages: this needs apt-get and dpkg."
[ "$(uname -m)" = x86_64 ] || fail "The test machine is an x86_64 one."
# Files keep their owners on the way into the image only if root unpacks them.
[ "$(id -u)" = 0 ] || fail "The disk image of the test machine can only be built by root."

rm -f "$cache/stamp"
mkdir -p "$cache/apt/cache"
: >"$cache/apt/status"
echo "machine: getting packages" >&2
apt update >/dev/null
download tools "${tool_packages[@]}"
download guest "${guest_packages[@]}"
download_kernel
echo "machine: building the disk image" >&2
build_tools
build_kernel
build_image
rm -rf "$cache/debs" "$cache/root" "$cache/apt"
echo "$stamp" >"$cache/stamp"
