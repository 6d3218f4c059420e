//! A small HTTP server on a tokio runtime of one thread. `GET /health` is answered at once. For `GET /report` it
//! parses a document, which takes some 40 ms: on the runtime's thread, which serves nobody else meanwhile;
//! after `fixed`, on a thread for blocking work. docs/where.md finds that.
//!
//! http-server PORT [fixed]

use std::env;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

const ENTRIES: usize = 2_000_000;

struct Server {
    document: String,
    is_fixed: bool,
}

/// How many values the document has.
#[inline(never)]
fn parse_json(text: &str) -> usize {
    let (mut values, mut in_string) = (0, false);
    for byte in text.bytes() {
        match black_box(byte) {
            b'"' => in_string = !in_string,
            b':' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

async fn report(server: &Arc<Server>) -> String {
    let values = if server.is_fixed {
        let server = Arc::clone(server);
        spawn_blocking(move || parse_json(&server.document))
            .await
            .expect("it does not panic")
    } else {
        parse_json(&server.document)
    };
    format!("{values} values\n")
}

async fn answer(server: &Arc<Server>, request: &str) -> (u16, String) {
    match request.split(' ').nth(1) {
        Some("/health") => (200, "ok\n".to_owned()),
        Some("/report") => (200, report(server).await),
        _ => (404, "no such page\n".to_owned()),
    }
}

/// Requests of one connection, one after the other.
async fn handle_connection(mut stream: TcpStream, server: Arc<Server>) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    let mut held = 0;
    loop {
        let read = stream.read(&mut buffer[held..]).await?;
        held += read;
        let request = String::from_utf8_lossy(&buffer[..held]);
        if read == 0 {
            return Ok(());
        }
        if !request.ends_with("\r\n\r\n") {
            continue;
        }
        let (status, body) = answer(&server, &request).await;
        let head = format!(
            "HTTP/1.0 {status} -\r\nConnection: keep-alive\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
        held = 0;
    }
}

async fn serve(port: u16, server: Arc<Server>) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        tokio::spawn(handle_connection(stream, Arc::clone(&server)));
    }
}

fn main() -> io::Result<()> {
    let mut words = env::args().skip(1);
    let port = words.next().and_then(|word| word.parse().ok());
    let Some(port) = port else {
        return Err(io::Error::other("usage: http-server PORT [fixed]"));
    };
    let is_fixed = words.next().as_deref() == Some("fixed");
    let document = r#"{"name":"a value"},"#.repeat(ENTRIES);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(port, Arc::new(Server { document, is_fixed })))
}
