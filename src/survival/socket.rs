//! The listening socket: handed on by a predecessor or by systemd, or bound here.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that may wait to be accepted, while the process starts over for example.
const BACKLOG: i32 = 1024;

/// A peer that is silent for this long is asked whether it is still there …
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// … again after this long …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// … and given up after so many questions: a client that vanished is gone within a minute.
const KEEPALIVE_PROBES: u32 = 3;

/// Why there is no listening socket.
#[derive(Debug)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, source } = self;
        let port = address.port();
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "cannot listen on {address}: the port is in use; stop the program that has it \
                 (`ss -ltnp 'sport = :{port}'` shows which), or choose another with --listen"
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "cannot listen on {address}: ports below 1024 need a right; give it to the program \
                 once with `sudo setcap cap_net_bind_service=+ep PATH-TO-daoxiao`, or choose a port \
                 from 1024 up with --listen"
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                f,
                "cannot listen on {address}: this machine has no such address; \
                 0.0.0.0:{port} means all that it has"
            ),
            _ => write!(f, "cannot listen on {address}: {source}"),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The socket that was handed on (`LISTEN_FDS`, the first one counts), or else a new one bound
/// to `address`.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    adopt()
        .and_then(|adopted| match adopted {
            Some(listener) => Ok(listener),
            None => bind(address),
        })
        .and_then(|listener| {
            set_options(&listener)?;
            Ok(listener)
        })
        .map_err(|source| ListenError { address, source })
}

fn adopt() -> io::Result<Option<TcpListener>> {
    let mut handed_on = ListenFd::from_env();
    if handed_on.len() == 0 {
        return Ok(None);
    }
    if handed_on.len() > 1 {
        log::warn!(
            "{} sockets were handed in; the first one is served",
            handed_on.len()
        );
    }
    let Some(listener) = handed_on.take_tcp_listener(0)? else {
        return Ok(None);
    };
    if !SockRef::from(&listener).is_listener()? {
        return Err(io::Error::other(
            "the socket that was handed in does not listen",
        ));
    }
    listener.set_nonblocking(false)?;
    Ok(Some(listener))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
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
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_PROBES),
    )
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
            "cannot listen on 0.0.0.0:80: ports below 1024 need a right; give it to the program \
             once with `sudo setcap cap_net_bind_service=+ep PATH-TO-daoxiao`, or choose a port \
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
