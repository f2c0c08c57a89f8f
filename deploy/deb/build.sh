#!/bin/sh
# Makes a package for Debian, Ubuntu and what is like them: build.sh BINARY FOLDER
#
# BINARY is an awaitd that runs on this machine, for whose architecture the package is; it goes into FOLDER, and its name
# is printed. Needs dpkg-deb, gzip and strip.
set -eu
binary=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/../.."

version=$("$binary" --version | cut -d ' ' -f 2)-1
maintainer=${MAINTAINER:-the awaitd authors <authors@awaitd.invalid>}
# The same files are the same package, whenever it is made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}
export SOURCE_DATE_EPOCH
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# mktemp lets nobody else in, a package does.
chmod 755 "$root"
umask 022

install -d "$root/usr/bin"
strip --strip-unneeded -o "$root/usr/bin/awaitd" "$binary"
install -D -m 644 -t "$root/usr/lib/systemd/system" deploy/systemd/awaitd.service deploy/systemd/awaitd.socket
install -D -m 644 deploy/systemd/awaitd.default "$root/etc/default/awaitd"

completions() {
    install -d "$(dirname "$root$2")"
    "$binary" completions "$1" > "$root$2"
}
completions bash /usr/share/bash-completion/completions/awaitd
completions zsh /usr/share/zsh/vendor-completions/_awaitd
completions fish /usr/share/fish/vendor_completions.d/awaitd.fish
install -d "$root/usr/share/man/man1"
"$binary" man | gzip -9n > "$root/usr/share/man/man1/awaitd.1.gz"

documents=$root/usr/share/doc/awaitd
install -D -m 644 -t "$documents" README.md openapi.yaml docs/*.md
gzip -9n < CHANGELOG.md > "$documents/changelog.gz"
{
    printf 'awaitd (%s) stable; urgency=medium\n\n  * What changed is told in changelog.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -Rud "@$SOURCE_DATE_EPOCH")"
} | gzip -9n > "$documents/changelog.Debian.gz"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
    printf 'Files: *\nCopyright: the awaitd authors\nLicense: MIT or Apache-2.0\n\n'
    printf 'License: MIT\n'
    sed 's/^$/./; s/^/ /' LICENSE-MIT
    printf '\nLicense: Apache-2.0\n On Debian systems it is in /usr/share/common-licenses/Apache-2.0.\n'
} > "$documents/copyright"

# What a binary wants of the C library stands in it; one that is linked statically wants nothing.
libc=$(grep -aoE 'GLIBC_2\.[0-9]+' "$binary" | sort -uV | tail -n 1 | cut -d _ -f 2)
install -d "$root/DEBIAN"
{
    printf 'Package: awaitd\nVersion: %s\nArchitecture: %s\n' "$version" "$architecture"
    printf 'Maintainer: %s\n' "$maintainer"
    printf 'Section: net\nPriority: optional\n'
    [ -z "$libc" ] || printf 'Depends: libc6 (>= %s), libgcc-s1\n' "$libc"
    printf 'Installed-Size: %s\n' "$(du -sk --exclude DEBIAN "$root" | cut -f 1)"
    printf 'Description: queues, events and locks to await over HTTP\n'
    printf ' A server that keeps queues of jobs, events, locks, semaphores and barriers,\n'
    printf ' which programs in any language await over HTTP, and commands that ask it.\n'
} > "$root/DEBIAN/control"
printf '/etc/default/awaitd\n' > "$root/DEBIAN/conffiles"
install -m 755 -t "$root/DEBIAN" deploy/deb/postinst deploy/deb/prerm deploy/deb/postrm
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"

package=$folder/awaitd_${version}_$architecture.deb
dpkg-deb --build --root-owner-group "$root" "$package" > /dev/null
printf '%s\n' "$package"
