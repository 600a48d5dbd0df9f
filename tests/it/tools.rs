//! Programs from the system that some tests start beside daoxiao.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use crate::support::{LIMIT, poll, signal};

/// With this variable set, a missing program or permission fails its tests instead of being passed
/// over.
const REQUIRED: &str = "DAOXIAO_REQUIRE_TOOLS";

/// Where a program is, looked for where servers are, too.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    let found = env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        pass_over(&format!("{name} is not installed"));
    }
    found
}

/// Passes a test over, unless none may be.
pub fn pass_over(reason: &str) {
    assert!(env::var_os(REQUIRED).is_none(), "{reason}");
    eprintln!("passed over: {reason}");
}

/// The library that fakes the clock of a program that is started with it.
pub fn faked_clock() -> Option<String> {
    find("faketime")?;
    let directories = fs::read_dir("/usr/lib").unwrap();
    let libraries =
        directories.map(|entry| entry.unwrap().path().join("faketime/libfaketime.so.1"));
    let library = libraries.into_iter().find(|library| library.is_file());
    Some(library.unwrap().into_os_string().into_string().unwrap())
}

/// A directory of a test's own, empty, which stays to be looked at.
pub fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Writes a script that can be run.
pub fn write_script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A server that is killed when it is dropped.
pub struct Daemon(Child);

impl Daemon {
    /// Starts a server and waits until it takes connections.
    pub fn start(mut command: Command, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let mut daemon = Self(child);
        let listening = poll(Instant::now() + LIMIT, || {
            let ended = daemon.0.try_wait().unwrap();
            assert_eq!(ended, None, "{command:?} ends by itself");
            TcpStream::connect(address).ok()
        });
        assert!(listening.is_some(), "{command:?} does not listen");
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked kindly, a server takes its workers along.
        let _ = signal(self.0.id(), "SIGTERM");
        if poll(Instant::now() + LIMIT, || self.0.try_wait().unwrap()).is_none() {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// An address on loopback that nothing listens on, for a server that cannot choose one itself.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
