//! What becomes of a connection after an answer.

use std::{
    collections::BTreeSet,
    io, mem,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, RawFd},
};

use nix::{
    sys::{
        resource::{Resource, getrlimit},
        socket::{MsgFlags, Shutdown, SockaddrStorage, getpeername, send, shutdown},
    },
    unistd::close,
};
use tiny_http::Request;

/// Descriptors that are looked at first, on either side.
const NEAR: i32 = 64;

/// What the answer says of its connection, and who closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// `tiny_http` reads on, as everybody expects of HTTP/1.1.
    Kept,
    /// `tiny_http` reads on, as was asked for in HTTP/1.0.
    KeptAsAsked,
    /// `tiny_http` closes it, or the system does when the process ends.
    Closed,
    /// No more requests are read than have arrived; it is closed after their answers.
    Ending,
    /// Something is left unread that `tiny_http` would wait for or take for the next request, or
    /// `tiny_http` does not see that the peer wants it closed: it is closed whatever that makes of
    /// it.
    ShutDown,
}

impl Connection {
    /// What becomes of a request's connection when its body has been read or there is none.
    pub(super) fn of(request: &Request) -> Self {
        let mut wishes = values(request, "Connection").map(str::to_ascii_lowercase);
        // `tiny_http` looks at no further one.
        let first = wishes.next().unwrap_or_default();
        let version = request.http_version();
        if *version < (1, 0) {
            Self::ShutDown
        } else if first.contains("close") || first.contains("upgrade") {
            Self::Closed
        } else if wishes.any(|wish| wish.contains("close")) {
            Self::ShutDown
        } else if *version > (1, 0) {
            Self::Kept
        } else if first.contains("keep-alive") {
            Self::KeptAsAsked
        } else {
            Self::Closed
        }
    }

    /// Ends it behind the answer, if `tiny_http` does not. Where the process ends, too, it is
    /// enough to say so.
    pub(super) fn ending(self, is_process_ending: bool) -> Self {
        match self {
            Self::Kept | Self::KeptAsAsked if is_process_ending => Self::Closed,
            Self::Kept | Self::KeptAsAsked => Self::Ending,
            other => other,
        }
    }

    /// The header that says so.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Kept => "",
            Self::KeptAsAsked => "Connection: keep-alive\r\n",
            Self::Closed | Self::Ending | Self::ShutDown => "Connection: close\r\n",
        }
    }

    /// Before the rest of the request is dropped.
    pub(crate) fn end_reading(self, peer: Option<SocketAddr>) {
        if matches!(self, Self::Ending | Self::ShutDown) {
            shut_down(peer, Shutdown::Read);
        }
    }

    /// When the answer has been written.
    pub(super) fn end_writing(self, peer: Option<SocketAddr>) {
        if self == Self::ShutDown {
            shut_down(peer, Shutdown::Write);
        }
    }
}

/// Whether `tiny_http` cannot know where the request ends, or another server may see its end
/// somewhere else. An unread chunked body is not skipped: it would be taken for the next request.
pub(super) fn has_unclear_length(request: &Request) -> bool {
    match values(request, "Content-Length").count() {
        0 => values(request, "Transfer-Encoding").next().is_some(),
        1 => request.body_length().is_none(),
        _ => true,
    }
}

/// The values of all headers of a name.
pub(crate) fn values<'a>(
    request: &'a Request,
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    let headers = request.headers().iter();
    let headers = headers.filter(move |header| header.field.equiv(name));
    headers.map(|header| header.value.as_str())
}

/// Sends an answer past `tiny_http` to a request that can never be dropped, and closes its
/// descriptors, which nobody uses any more: `tiny_http` waits for the request for ever.
pub(crate) fn answer_and_close(request: Request, answer: &[u8]) {
    let peer = request.remote_addr().copied();
    mem::forget(request);
    let sent = |it: &RawFd| send(*it, answer, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
    let descriptors: BTreeSet<RawFd> = descriptors_of(peer).collect();
    let _ = descriptors.first().map(sent);
    for descriptor in descriptors {
        let _ = close(descriptor);
    }
}

/// Ends reading from a peer or writing to it.
fn shut_down(peer: Option<SocketAddr>, how: Shutdown) {
    // Nothing is found when the peer has hung up.
    let _ = descriptors_of(peer).find(|it| shutdown(*it, how).is_ok());
}

/// The two descriptors of a peer's connection. `tiny_http` keeps its sockets to itself, so they are
/// looked for by the peer's address, which only one connection has: first near the lowest free
/// descriptor, since the latest connections are there, then everywhere. They are there for as long
/// as the caller holds the request or its writer, unless the peer has hung up; then every
/// descriptor is asked, some milliseconds at most.
fn descriptors_of(peer: Option<SocketAddr>) -> impl Iterator<Item = RawFd> {
    let peer = peer.map(SockaddrStorage::from);
    let free = io::stderr().as_fd().try_clone_to_owned();
    let free = free.map_or(0, |descriptor| descriptor.as_raw_fd());
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(limit, _)| limit);
    (1..=NEAR)
        .flat_map(move |distance| [free - distance, free + distance])
        .chain(0..i32::try_from(limit).unwrap_or(i32::MAX))
        .filter(move |it| peer.is_some() && getpeername(*it).ok() == peer)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn only_the_peers_connection_is_shut_down() {
        for address in ["127.0.0.1:0", "[::]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let connect = || {
                let peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
                (peer, listener.accept().unwrap())
            };
            let (mut other, (other_socket, _)) = connect();
            let (mut peer, (mut socket, address)) = connect();
            shut_down(Some(address), Shutdown::Read);
            assert_eq!(socket.read(&mut [0]).unwrap(), 0);
            socket.write_all(b"a").unwrap();
            shut_down(Some(address), Shutdown::Write);
            assert!(socket.write_all(b"b").is_err());
            let mut text = String::new();
            peer.read_to_string(&mut text).unwrap();
            assert_eq!(text, "a");
            other.write_all(b"c").unwrap();
            (&other_socket).read_exact(&mut [0]).unwrap();
        }
    }
}
