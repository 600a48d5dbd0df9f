//! The process that comes after this one: the same program, or the one that an upgrade has put
//! in its place, with the socket and the state handed on.

use std::{
    env, fmt, fs, io,
    net::TcpListener,
    os::{
        fd::AsFd,
        unix::{fs::MetadataExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{restarts::Restarts, watch};

/// Where a handed-on socket is expected.
const LISTEN_FD: i32 = 3;

/// The running program, also when its file is gone.
const RUNNING: &str = "/proc/self/exe";

/// How long a new program may take to say its version.
const TRIAL: Duration = Duration::from_secs(2);

/// Names the process that hands on, so that a child of it does not take the state for its own.
const HANDED_ON: &str = "DAOXIAO_HANDED_ON";
/// The path of the program, as it was at the first start.
const PROGRAM: &str = "DAOXIAO_HANDED_ON_PROGRAM";
/// The starts over that the log has not told yet.
const RESTARTS: &str = "DAOXIAO_HANDED_ON_RESTARTS";

/// Variables that carry what a successor is to know.
pub type State = Vec<(&'static str, String)>;

/// Whether a predecessor handed its state on to this process.
pub fn is_successor() -> bool {
    env::var(HANDED_ON).is_ok_and(|pid| pid == process::id().to_string())
}

/// A variable that the predecessor handed on, if there was one.
pub fn handed_on(name: &str) -> Option<String> {
    is_successor().then(|| env::var(name).ok()).flatten()
}

/// Everything that is needed to go on as another process.
pub struct Successor {
    /// The starts over that the log has not told yet.
    pub restarts: Restarts,
    program: PathBuf,
    socket: TcpListener,
    state: Box<dyn Fn() -> State + Send>,
}

impl Successor {
    /// Prepares for the end of this process. `state` is called when the time has come.
    ///
    /// Keeps the listener itself, and the server gets a duplicate: while `exec` puts the socket at
    /// descriptor 3, other threads still run, and none of them may own and close that one.
    pub fn prepare(
        listener: TcpListener,
        state: impl Fn() -> State + Send + 'static,
    ) -> io::Result<Self> {
        let remembered = is_successor().then(|| env::var_os(PROGRAM)).flatten();
        Ok(Self {
            restarts: Restarts::parse(&handed_on(RESTARTS).unwrap_or_default()),
            program: match remembered {
                Some(path) => path.into(),
                None => env::current_exe()?,
            },
            socket: listener,
            state: Box::new(state),
        })
    }

    /// Has the program at the remembered path say its version, which is what is returned.
    pub fn try_program(&self) -> Result<String, TrialError> {
        try_program(&self.program).map_err(|failure| TrialError {
            program: self.program.clone(),
            failure,
        })
    }

    /// Replaces this process by the program at the remembered path. Returns only when neither that
    /// nor the running program can be started.
    pub fn upgrade(&self) -> io::Error {
        self.exec(&self.program)
    }

    /// Replaces this process by the running program, also where the one at its path is another by
    /// now that has not been tried. Returns only when it cannot be started.
    pub fn start_over(&self) -> io::Error {
        let same = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        // By its path where that can be, since the process is called after what is started.
        if same(&self.program) == same(Path::new(RUNNING)) {
            self.exec(&self.program)
        } else {
            self.exec(Path::new(RUNNING))
        }
    }

    fn exec(&self, program: &Path) -> io::Error {
        watch::unlimit_descriptors();
        let error = self.try_exec(program, (self.state)());
        log::warn!(
            "{}: {error}; going on with the running program",
            program.display()
        );
        // The state is left behind, in case that it was too much for the system.
        self.try_exec(Path::new(RUNNING), State::new())
    }

    fn try_exec(&self, program: &Path, state: State) -> io::Error {
        self.command(program, state)
            .map_or_else(|error| error, |mut command| command.exec())
    }

    fn command(&self, program: &Path, state: State) -> io::Result<Command> {
        let mut arguments = env::args_os();
        let mut command = Command::new(program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command
            .args(arguments)
            .env("LISTEN_FDS", "1")
            .env("LISTEN_PID", process::id().to_string())
            .env_remove("LISTEN_FDNAMES")
            .env_remove("LISTEN_FDS_FIRST_FD")
            .env(HANDED_ON, process::id().to_string())
            .env(PROGRAM, &self.program)
            .env(RESTARTS, self.restarts.to_string())
            .envs(state);
        command
            .fd_mappings(vec![FdMapping {
                parent_fd: self.socket.as_fd().try_clone_to_owned()?,
                child_fd: LISTEN_FD,
            }])
            .map_err(|collision| io::Error::other(collision.to_string()))?;
        Ok(command)
    }
}

impl fmt::Debug for Successor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Successor")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// Why a program does not take over.
#[derive(Debug)]
pub struct TrialError {
    program: PathBuf,
    failure: String,
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} --version {}", self.program.display(), self.failure)
    }
}

impl std::error::Error for TrialError {}

fn try_program(program: &Path) -> Result<String, String> {
    let child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be started ({error})"))?;
    let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    let (done, ended) = channel();
    thread::Builder::new()
        .name("trial".into())
        .spawn(move || done.send(child.wait_with_output()))
        .map_err(|error| format!("cannot be waited for ({error})"))?;
    let Ok(output) = ended.recv_timeout(TRIAL) else {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        return Err(format!("took longer than {} s", TRIAL.as_secs()));
    };
    let output = output.map_err(|error| format!("cannot be read ({error})"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        Err(format!("failed ({})", output.status))
    } else if !version.starts_with("daoxiao ") {
        Err("is not daoxiao's".to_owned())
    } else {
        Ok(version)
    }
}
