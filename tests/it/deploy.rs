//! The units in `deploy/`, with the program that reads them.

use std::{fs, path::Path, process::Command};

use crate::tools::{directory, find};

/// A file in `deploy/`.
pub fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// The text with something else in the place of what must be in it.
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is missing");
    text.replace(from, to)
}

#[test]
fn systemd_accepts_the_units() {
    let Some(analyze) = find("systemd-analyze") else {
        return;
    };
    let directory = directory("units");
    for name in ["daoxiao.service", "daoxiao@.service", "daoxiao.socket"] {
        let text = shipped(name);
        let text = match name {
            "daoxiao.socket" => text,
            // systemd looks for a plain name in /usr/local/bin, then in /usr/bin.
            _ => replaced(
                &text,
                "=daoxiao ",
                concat!("=", env!("CARGO_BIN_EXE_daoxiao"), " "),
            ),
        };
        fs::write(directory.join(name), text).unwrap();
    }
    for name in ["daoxiao.service", "daoxiao@8081.service", "daoxiao.socket"] {
        let mut command = Command::new(&analyze);
        command
            .args(["verify", "--man=no"])
            .arg(directory.join(name));
        let output = command.output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        // What it says of other units of this machine is not about ours.
        let ours = complaints.lines().filter(|line| line.contains("daoxiao"));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(output.status.success(), "{name}: {complaints}");
    }
}

#[test]
fn the_two_services_differ_in_their_port_alone() {
    let of_its_own = ["#", "Description=", "ExecStart=", "Requires=", "After="];
    let common = |name: &str| -> Vec<String> {
        let text = shipped(name);
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines = lines.filter(|line| !of_its_own.iter().any(|own| line.starts_with(own)));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(common("daoxiao.service"), common("daoxiao@.service"));
}
