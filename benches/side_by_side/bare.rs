//! The bare loop: `tiny_http` on a socket with the same options, echoing the body.

use daoxiao::survival::socket;
use tiny_http::{Response, Server};

/// The argument by which this program is the bare loop.
pub const COMMAND: &str = "bare-loop";

/// Echoes for ever.
pub fn serve() {
    let listener = socket::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    let server = Server::from_listener(listener, None).unwrap();
    for mut request in server.incoming_requests() {
        let mut body = Vec::new();
        request.as_reader().read_to_end(&mut body).unwrap();
        let _ = request.respond(Response::from_data(body));
    }
}
