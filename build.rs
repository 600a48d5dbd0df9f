//! Puts into `--version` of what commit a release is and when it was built, where that is known:
//! from the variables `DAOXIAO_COMMIT` and `SOURCE_DATE_EPOCH`, or else from git and the clock.

use std::{
    env,
    process::Command,
    time::{Duration, SystemTime},
};

fn main() {
    for variable in ["DAOXIAO_COMMIT", "SOURCE_DATE_EPOCH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rerun-if-changed=src");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // Addresses that the loader puts in take a tenth of the room so. Needs glibc 2.36 where it
        // is not linked in; an older linker only warns.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let known = is_release.then(|| commit().map(|commit| format!(" ({commit}, {})", date())));
    let known = known.flatten().unwrap_or_default();
    println!("cargo:rustc-env=DAOXIAO_VERSION={version}{known}");
}

fn commit() -> Option<String> {
    let given = env::var("DAOXIAO_COMMIT").ok();
    given.filter(|commit| !commit.is_empty()).or_else(|| {
        let output = Command::new("git")
            .args(["rev-parse", "--short=10", "HEAD"])
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    })
}

fn date() -> String {
    let epoch = env::var("SOURCE_DATE_EPOCH").ok();
    let epoch = epoch.and_then(|seconds| seconds.parse().ok());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let built = epoch.map_or_else(|| now().unwrap_or_default(), Duration::from_secs);
    let built = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + built);
    built.to_string().chars().take("2026-01-01".len()).collect()
}
