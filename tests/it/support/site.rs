//! A joke site on loopback that does what a test tells it to, and counts.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

type Handler = dyn Fn(&str, &mut TcpStream) + Send + Sync;

/// The site. Its threads end with the test program.
pub struct Site {
    pub address: SocketAddr,
    hits: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    handler: Arc<Mutex<Arc<Handler>>>,
}

impl Site {
    /// Answers each request by calling `handler` with the request's target and the connection.
    pub fn start(handler: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::with_heads(by_target(handler))
    }

    /// As [`Site::start`], with the whole head of the request.
    pub fn with_heads(handler: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self {
            address: listener.local_addr().unwrap(),
            hits: Arc::default(),
            heads: Arc::default(),
            handler: Arc::new(Mutex::new(Arc::new(handler))),
        };
        let (hits, heads, handler) = (
            Arc::clone(&site.hits),
            Arc::clone(&site.heads),
            Arc::clone(&site.handler),
        );
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (hits, heads) = (Arc::clone(&hits), Arc::clone(&heads));
                let handler = Arc::clone(&handler.lock().unwrap());
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let head = read_head(&stream);
                    if head.is_empty() {
                        return;
                    }
                    hits.fetch_add(1, Ordering::SeqCst);
                    heads.lock().unwrap().push(head.clone());
                    handler(&head, &mut stream);
                });
            }
        });
        site
    }

    /// Answers every request with a page.
    pub fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let answer = http_ok(content_type, &body.into());
        Self::start(move |_, stream| drop(stream.write_all(&answer)))
    }

    /// Answers as another handler does from now on.
    pub fn change(&self, handler: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) {
        *self.handler.lock().unwrap() = Arc::new(by_target(handler));
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests so far.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn by_target(
    handler: impl Fn(&str, &mut TcpStream) + Send + Sync,
) -> impl Fn(&str, &mut TcpStream) + Send + Sync {
    move |head, stream| handler(head.split(' ').nth(1).unwrap_or_default(), stream)
}

/// A whole answer with status 200.
pub fn http_ok(content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn read_head(stream: &TcpStream) -> String {
    let mut head = String::new();
    let mut lines = BufReader::new(stream);
    while lines.read_line(&mut head).is_ok_and(|read| read > 2) {}
    head
}
