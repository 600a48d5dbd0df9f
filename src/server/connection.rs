//! What there is of a request on its connection, and what becomes of that after an answer.

use std::{
    fs::{self, DirEntry},
    io::{self, IoSlice, IoSliceMut},
    iter, mem,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, RawFd},
    sync::Mutex,
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        resource::{Resource, getrlimit},
        socket::{
            AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag,
            SockType, SockaddrStorage, getpeername, recv, recvmsg, send, sendmsg, shutdown,
            socketpair,
        },
    },
    unistd::close,
};
use tiny_http::Request;

/// Bodies up to this many bytes are in memory before `tiny_http` hands a request over.
const READ_AHEAD_BYTES: usize = 1024;

/// A request that declares more than this is never dropped: `tiny_http` would allocate all that
/// was declared, and a failing allocation aborts the process.
const DROPPABLE_BYTES: usize = 1024 * 1024;

/// Descriptors that are looked at first, on either side.
const NEAR: i32 = 64;

/// Bytes that are thrown away at a time.
const DISCARDED_BYTES: usize = 64 * 1024;
/// Times at most: 8 MiB in all, more than the system keeps of what has come.
const MAX_DISCARDS: usize = 128;

/// Held by a thread that ends a connection: its copy takes three descriptors, and of so many there
/// are always some. The loop, which waits for nobody, copies without it.
static ENDING: Mutex<()> = Mutex::new(());

/// Where the body of a request is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// In memory, or there is none: the request can be answered and dropped at once.
    Available,
    /// On the socket, at least in part, or of unknown length: reading it takes as long as the peer
    /// likes.
    OnSocket,
    /// Declared so large that the request can never be dropped.
    Oversized,
}

/// What the answer says of its connection, and who closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// `tiny_http` reads on, as everybody expects of HTTP/1.1.
    Kept,
    /// `tiny_http` reads on, as was asked for in HTTP/1.0.
    KeptAsAsked,
    /// `tiny_http` closes it, or the system does when the process ends.
    Closed,
    /// No more requests are read than have arrived; it is closed after their answers.
    Ending,
    /// Something is left unread that `tiny_http` would wait for or take for the next request, or
    /// `tiny_http` does not see that the peer wants it closed: [`answer_and_end`] closes it.
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

    /// The header that says so.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Kept => "",
            Self::KeptAsAsked => "Connection: keep-alive\r\n",
            Self::Closed | Self::Ending | Self::ShutDown => "Connection: close\r\n",
        }
    }
}

impl Body {
    pub(crate) fn of(request: &Request) -> Self {
        // `tiny_http` looks at no further one.
        let has = |field: &'static str, value: &str| {
            let first = values(request, field).next();
            first.is_some_and(|it| it.to_ascii_lowercase().contains(value))
        };
        match request.body_length() {
            Some(length) if length > DROPPABLE_BYTES => Self::Oversized,
            _ if has_unclear_length(request) => Self::OnSocket,
            None | Some(0) => Self::Available,
            Some(length) if length > READ_AHEAD_BYTES => Self::OnSocket,
            Some(_) if has("Expect", "") || has("Connection", "upgrade") => Self::OnSocket,
            Some(_) => Self::Available,
        }
    }
}

/// The length of a request's body, if it is clear.
pub(super) fn length_of_body(request: &Request) -> Option<usize> {
    request
        .body_length()
        .filter(|_| !has_unclear_length(request))
}

/// Whether `tiny_http` cannot know where the request ends, or another server may see its end
/// somewhere else. An unread chunked body is not skipped: it would be taken for the next request.
fn has_unclear_length(request: &Request) -> bool {
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

/// Sends an answer past `tiny_http` to a request of which something may be unread, and ends its
/// connection before the request is dropped: from then on the system refuses what the peer sends,
/// so that `tiny_http` neither waits for it nor takes it for requests. To end reading would not be
/// enough, since Linux still delivers what comes later.
///
/// A request with an oversized body is never dropped, and `tiny_http` waits for it for ever: only
/// its descriptors are closed, which nobody uses any more.
pub(crate) fn answer_and_end(mut request: Request, answer: &[u8]) {
    let is_oversized = Body::of(&request) == Body::Oversized;
    let peer = request.remote_addr().copied();
    let oversized = descriptors_of(peer).take(if is_oversized { 2 } else { 0 });
    let oversized: Vec<RawFd> = oversized.collect();
    let one_at_a_time = ENDING.lock();
    by_copy(peer, |socket| {
        // A peer that waits for room to write would not notice what follows.
        discard(socket);
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let _ = send(socket, answer, flags);
        let _ = shutdown(socket, Shutdown::Both);
        discard(socket);
    });
    drop(one_at_a_time);
    if is_oversized {
        mem::forget(request);
        for descriptor in oversized {
            let _ = close(descriptor);
        }
    } else {
        // What `tiny_http` has read ahead of a body.
        let _ = io::copy(request.as_reader(), &mut io::sink());
        drop(request.into_writer());
    }
}

/// Throws away what has come.
fn discard(socket: RawFd) {
    let mut unread = vec![0; DISCARDED_BYTES];
    let mut has_more = || recv(socket, &mut unread, MsgFlags::MSG_DONTWAIT).is_ok_and(|it| it > 0);
    let _ = (0..MAX_DISCARDS).find(|_| !has_more());
}

/// Ends reading from a peer or writing to it, or both.
pub(crate) fn shut_down(peer: Option<SocketAddr>, how: Shutdown) {
    by_copy(peer, |socket| {
        let _ = shutdown(socket, how);
    });
}

/// Does something that does not block with a peer's connection, if that is still there, by a
/// descriptor of our own: `tiny_http` may close its own ones at any moment, and their numbers go to
/// the next connection. Where no copy can be had, the original must do.
fn by_copy(peer: Option<SocketAddr>, act: impl Fn(RawFd)) {
    let mut found = descriptors_of(peer);
    let _ = found.find(|theirs| match copy_of(*theirs) {
        Ok(copy) => {
            let is_right = getpeername(copy).ok() == peer.map(SockaddrStorage::from);
            if is_right {
                act(copy);
            }
            let _ = close(copy);
            is_right
        }
        // It was closed a moment ago; the other one is still there.
        Err(Errno::EBADF) => false,
        // For want of a descriptor or of memory.
        Err(_) => {
            act(*theirs);
            true
        }
    });
}

/// A copy of a descriptor, by way of a socket: to copy a mere number otherwise is unsafe code.
fn copy_of(descriptor: RawFd) -> nix::Result<RawFd> {
    let (unix, datagram) = (AddressFamily::Unix, SockType::Datagram);
    let (ours, theirs) = socketpair(unix, datagram, None, SockFlag::SOCK_CLOEXEC)?;
    let (descriptors, bytes) = ([descriptor], [IoSlice::new(&[0])]);
    let message = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(ours.as_raw_fd(), &bytes, &message, MsgFlags::empty(), None)?;
    let (mut byte, mut space) = ([0], cmsg_space!(RawFd));
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<()>(theirs.as_raw_fd(), &mut bytes, Some(&mut space), flags)?;
    let copy = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    copy.ok_or(Errno::EMFILE)
}

/// The two descriptors of a peer's connection. `tiny_http` keeps its sockets to itself, so they are
/// looked for by the peer's address, which only one connection has: first near the lowest free
/// descriptor, since the latest connections are there, then everywhere. One of them is there for as
/// long as the caller holds the request or its writer, unless the peer has reset the connection,
/// which then has no peer any more.
fn descriptors_of(peer: Option<SocketAddr>) -> impl Iterator<Item = RawFd> {
    let peer = peer.map(SockaddrStorage::from);
    // A copy of any descriptor gets the lowest free number.
    let free = io::stderr().as_fd().try_clone_to_owned();
    let free = free.map_or(0, |descriptor| descriptor.as_raw_fd());
    (1..=NEAR)
        .flat_map(move |distance| [free - distance, free + distance])
        .chain(
            iter::once_with(open_or_possible)
                .flatten()
                .filter(move |it| (it - free).abs() > NEAR),
        )
        .filter(move |it| peer.is_some() && getpeername(*it).ok() == peer)
}

/// The open descriptors of this process, or all that it may have where the system does not tell:
/// without `/proc`, or when there is none left to read it with.
fn open_or_possible() -> Vec<RawFd> {
    let number = |entry: io::Result<DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        return entries.filter_map(number).collect();
    }
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(limit, _)| limit);
    (0..i32::try_from(limit).unwrap_or(i32::MAX)).collect()
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
