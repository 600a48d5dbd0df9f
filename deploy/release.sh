#!/usr/bin/env bash
# Builds what a release has into dist/: for each processor a static program, a .deb and a tar.gz, and
# the checksums of all of them.
#
# Needs Rust, a C compiler and `cargo install --locked cargo-deb`; the network only until
# `cargo fetch --locked` has run. The other processors take `cargo install --locked cargo-zigbuild`,
# zig, and `rustup target add` for each target below.
set -euo pipefail
cd "$(dirname "$0")/.."

# target of Rust: processor, as container engines name it
declare -A processors=(
  [x86_64-unknown-linux-gnu]=amd64
  [x86_64-unknown-linux-musl]=amd64
  [aarch64-unknown-linux-gnu]=arm64
  [aarch64-unknown-linux-musl]=arm64
  [armv7-unknown-linux-gnueabihf]=armv7
  [armv7-unknown-linux-musleabihf]=armv7
)
foreign=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf)

version=$(cargo pkgid --offline)
version=${version##*[#@]}
native=$(rustc --version --verbose | sed -n 's/^host: //p')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
generated=target/package

# The C library becomes part of the program. With --target, what runs while building is not concerned.
build() {
  local flags="-C target-feature=+crt-static"
  case $2 in
  *-gnu*)
    cc -O2 -c -o target/static.o deploy/static.c
    flags+=" -C link-arg=$PWD/target/static.o"
    ;;
  esac
  RUSTFLAGS="${RUSTFLAGS:-} $flags" cargo "$1" --release --locked --target "$2"
}

generate() {
  local program=target/$native/release/daoxiao
  rm -rf "$generated"
  mkdir -p "$generated"
  LC_ALL=C "$program" man >"$generated/daoxiao.1"
  LC_ALL=C "$program" completions bash >"$generated/daoxiao.bash"
  LC_ALL=C "$program" completions fish >"$generated/daoxiao.fish"
  LC_ALL=C "$program" completions zsh >"$generated/_daoxiao"
}

pack() {
  local target=$1 processor=${processors[$1]}
  local name=daoxiao-$version-$processor
  cp "target/$target/release/daoxiao" "dist/daoxiao-$processor"
  cargo deb --quiet --no-build --no-strip --offline --locked --target "$target" --output dist/

  local folder=target/$target/$name
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "dist/daoxiao-$processor" "$folder/daoxiao"
  cp -r README.md README.zh-CN.md CHANGELOG.md CONTRIBUTING.md LICENSE docs "$generated"/* "$folder"
  mkdir "$folder/deploy"
  cp deploy/daoxiao* deploy/env deploy/Caddyfile deploy/*.cfg deploy/*.conf "$folder/deploy"
  tar --create --directory "$(dirname "$folder")" --sort=name --owner=0 --group=0 --numeric-owner \
    --mode=go=rX,u+rw --mtime="@$SOURCE_DATE_EPOCH" "$name" | gzip -9n >"dist/$name.tar.gz"
}

is_installed() {
  [ -d "$(rustc --print target-libdir --target "$1")" ]
}

rm -rf dist
mkdir -p dist target
build build "$native"
generate
pack "$native"
for target in "${foreign[@]}"; do
  if [ "${processors[$target]}" = "${processors[$native]}" ]; then
    continue
  elif command -v cargo-zigbuild >/dev/null && is_installed "$target"; then
    build zigbuild "$target"
    pack "$target"
  else
    echo "left out: $target, which takes cargo-zigbuild and rustup target add $target"
  fi
done

cd dist
sha256sum -- * >SHA256SUMS
stat --format='%s %n' -- *
