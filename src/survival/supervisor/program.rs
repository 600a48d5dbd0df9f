//! The program that workers run: the one at the path where this process was started from, and which
//! of the files that have been there.

use std::{
    env,
    fmt::{self, Display, Formatter},
    fs::{self, File, Metadata},
    io,
    net::TcpListener,
    os::{
        fd::AsRawFd,
        unix::{fs::MetadataExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::Command,
};

use super::child::Child;
use crate::survival::{
    descriptors::STACK_BYTES,
    worker::{RELOAD, VARIABLE},
};

#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    /// What a worker has served with; none where it cannot be read.
    file: Option<File>,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    /// The program that this process runs. Without `/proc`, it is found as the shell found it.
    pub(super) fn of_this_process(variables: Vec<(&'static str, String)>) -> Self {
        let as_called = || env::args_os().next().unwrap_or_default().into();
        Self {
            path: env::current_exe().unwrap_or_else(|_| as_called()),
            file: File::open("/proc/self/exe").ok(),
            variables,
        }
    }

    /// Starts a worker of this kind: for a reload of what is at the path now, or else of what has
    /// served before, even where that file has been replaced or removed.
    pub(super) fn start(&self, kind: &str, listener: &TcpListener) -> io::Result<Child> {
        let is_reload = kind == RELOAD;
        let found = File::open(&self.path).ok();
        let path = match &self.file {
            Some(file) if !is_reload && !is_at(file, &self.path) => {
                PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
            }
            _ => self.path.clone(),
        };
        let mut child = Child::start(self.command(&path, kind), listener)?;
        child.is_reload = is_reload;
        child.file = found.filter(|_| is_reload);
        Ok(child)
    }

    /// From now on it is this file, if there is one, that has served.
    pub(super) fn is_now(&mut self, file: Option<File>) {
        self.file = file.or(self.file.take());
    }

    fn command(&self, path: &Path, kind: &str) -> Command {
        let mut arguments = env::args_os();
        let mut command = Command::new(path);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command
            .args(arguments)
            .env(VARIABLE, kind)
            .env("RUST_MIN_STACK", STACK_BYTES.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let number = |file: Metadata| (file.dev(), file.ino());
    let open = file.metadata().ok().map(number);
    open.is_some() && open == fs::metadata(path).ok().map(number)
}
