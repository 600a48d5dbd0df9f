//! The listening socket: handed in by systemd, or bound here.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that may wait to be accepted, while a worker begins for example; the system has a
/// bound of its own.
const BACKLOG: i32 = 4096;

/// A peer that is silent for this long is asked whether it is still there …
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// … again after this long …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// … and given up after so many questions: a client that vanished is gone within a minute.
const KEEPALIVE_PROBES: u32 = 3;

/// How long an answer may wait for a peer that does not read: no longer than the shortest time that
/// the system measures. An answer fits into the system's buffer unless the peer has left others
/// unread.
const SEND_TIMEOUT: Duration = Duration::from_millis(1);

/// How long a peer may leave what was sent unconfirmed or unread, until its connection is dropped.
pub(crate) const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection to the own port may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(50);

/// Why there is no listening socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", advice(.address, .source))]
pub struct ListenError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

fn advice(address: &SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the port is in use; stop the program that has it (`ss -ltnp 'sport = :{port}'` shows \
             which), or choose another with --listen"
        ),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE; give it to \
             the program once with `sudo setcap cap_net_bind_service=+ep PATH-TO-daoxiao`, or \
             choose a port from 1024 up with --listen"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine has no such address; 0.0.0.0:{port} means all that it has")
        }
        _ => error.to_string(),
    }
}

/// The socket that was handed in (`LISTEN_FDS`, the first one counts), or else a new one bound
/// to `address`.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let refused = |source| ListenError { address, source };
    let adopted = adopt().map_err(refused)?;
    let listener = adopted.map_or_else(|| bind(address), Ok).map_err(refused)?;
    set_options(&listener).map_err(refused)?;
    Ok(listener)
}

fn adopt() -> io::Result<Option<TcpListener>> {
    let mut handed_in = ListenFd::from_env();
    let count = handed_in.len();
    if count > 1 {
        log::warn!("{count} sockets were handed in; the first one is served");
    }
    let Some(listener) = handed_in.take_tcp_listener(0)? else {
        return Ok(None);
    };
    if !SockRef::from(&listener).is_listener()? {
        let error = "the socket that was handed in does not listen";
        return Err(io::Error::other(error));
    }
    listener.set_nonblocking(false)?;
    Ok(Some(listener))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A port whose last connections are still in TIME_WAIT can be had again at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what accepted sockets inherit on Linux.
fn set_options(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
    let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL);
    socket.set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_PROBES))
}

/// Connects to its own port, and hangs up: an `accept` that waits returns.
pub(crate) fn wake_accept(listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let (ip, other) = match address.ip() {
        // `[::]` means both, and a machine may have either switched off.
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()),
        ip => (ip, ip),
    };
    let connect = |ip: IpAddr| {
        let address = SocketAddr::new(ip, address.port());
        TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map(drop)
    };
    connect(ip).or_else(|_| connect(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_port_is_said() {
        let say = |kind: io::ErrorKind| {
            let error = ListenError {
                address: "0.0.0.0:80".parse().unwrap(),
                source: kind.into(),
            };
            error.to_string()
        };
        assert_eq!(
            say(io::ErrorKind::PermissionDenied),
            "cannot listen on 0.0.0.0:80: ports below 1024 need CAP_NET_BIND_SERVICE; give it to \
             the program once with `sudo setcap cap_net_bind_service=+ep PATH-TO-daoxiao`, or choose a port \
             from 1024 up with --listen"
        );
        assert_eq!(
            say(io::ErrorKind::AddrInUse),
            "cannot listen on 0.0.0.0:80: the port is in use; stop the program that has it \
             (`ss -ltnp 'sport = :80'` shows which), or choose another with --listen"
        );
        assert_eq!(
            say(io::ErrorKind::AddrNotAvailable),
            "cannot listen on 0.0.0.0:80: this machine has no such address; 0.0.0.0:80 means all \
             that it has"
        );
    }
}
