//! What systemd is told of its service.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// Variable that service managers such as systemd set: where a service tells them how it is. Behind
/// an `@` is no path, but an abstract name.
pub(crate) const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Tells the service manager, if one has started this process. One that does not read is not waited
/// for.
pub(crate) fn notify(state: &str) {
    let Some(place) = env::var_os(NOTIFY_SOCKET) else {
        return;
    };
    let address = match place.as_encoded_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&place),
    };
    let _ = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to_addr(format!("{state}\n").as_bytes(), &address)
    });
}
