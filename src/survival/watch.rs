//! The watchdog: sees trouble that the loop cannot see itself.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    panic,
    sync::Arc,
    thread,
    time::Duration,
};

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::kill,
    },
    unistd::Pid,
};

use super::{Limits, Pulse, Reason, signals::LOOK, successor::is_successor};

/// How often the watchdog looks: a deaf server is noticed within this time.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks in a minute.
const LOOKS_A_MINUTE: u64 = 1200;

/// A process lives this long before quarantine can be a reason to start over: under five unread
/// pipelines a second it would otherwise do nothing else.
const MIN_LIFE: Duration = Duration::from_secs(1);

/// Descriptors that are no connections: the listener twice, the log, a joke's fetch, the files
/// read at start.
const OTHER_DESCRIPTORS: u64 = 32;

/// Notes panics. One in the thread of `tiny_http` that accepts connections leaves the server deaf;
/// its threads have no names.
///
/// One in a connection's own thread, which `tiny_http` has when a peer is gone before its address
/// was read, ends that connection alone. The threads with names, the loop's among them, are ours:
/// each can do without what panicked.
pub fn note_panics(pulse: Arc<Pulse>) {
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        let file = info.location().map_or("", panic::Location::file);
        match thread.name() {
            // What a stranger can cause does not fill the log.
            Some("lane" | "alone") => log::debug!("{info}"),
            Some(_) => log::error!("{info}"),
            None => {
                log::debug!("{info}");
                if !file.ends_with("client.rs") {
                    pulse.deafen();
                }
            }
        }
    }));
}

/// Makes the descriptor limit the connection limit: two descriptors each, and some to spare.
pub fn limit_descriptors(connections: u32) {
    let wanted = 2 * u64::from(connections) + OTHER_DESCRIPTORS;
    let set = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| {
        if wanted > hard && !is_successor() {
            log::warn!(
                "--max-connections {connections} needs {wanted} descriptors; this machine allows {hard}"
            );
        }
        setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)
    });
    if let Err(error) = set {
        log::warn!("the descriptor limit cannot be set: {error}");
    }
}

/// Lifts the descriptor limit, so that the process can start another program or itself.
pub fn unlimit_descriptors() {
    let set = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = set {
        log::warn!("the descriptor limit cannot be lifted: {error}");
    }
}

/// Starts the watchdog, which knocks at the bot's own address at each look, and sends [`LOOK`]
/// when there is trouble, and once a minute anyway.
pub fn start(pulse: Arc<Pulse>, limits: Limits, address: SocketAddr) -> io::Result<()> {
    let door = reachable(address);
    thread::Builder::new()
        .name("watchdog".into())
        .spawn(move || {
            for look in 1_u64.. {
                thread::park_timeout(INTERVAL);
                knock(door);
                if look.is_multiple_of(LOOKS_A_MINUTE) || trouble(&pulse, &limits).is_some() {
                    let _ = kill(Pid::this(), LOOK);
                }
            }
        })?;
    Ok(())
}

/// Connects, and hangs up.
///
/// `tiny_http` hands a connection to a thread that it takes for idle, though an earlier one may
/// just have been handed to the same thread: then it waits until that one ends, which an ill-willed
/// peer can delay for ever. The next connection has such a thread woken or a new one started, and
/// either takes the oldest that waits. So nobody waits longer than between two knocks.
fn knock(door: SocketAddr) {
    // When even this cannot connect, nobody else can, and the other signs of trouble tell why.
    let _ = TcpStream::connect_timeout(&door, INTERVAL);
}

/// Where a socket that is bound to this address can be reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// The reason to start over now, if there is one.
pub fn trouble(pulse: &Pulse, limits: &Limits) -> Option<Reason> {
    let reason = pulse.trouble(limits, resident_mib())?;
    let urgent = reason != Reason::Quarantine;
    (urgent || pulse.age() > MIN_LIFE).then_some(reason)
}

/// Memory in use, in MiB; `None` where the system does not tell it as Linux does.
fn resident_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}
