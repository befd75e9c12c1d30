//! A TCP service with Tokio: it greets each connection in a task of its own.

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

async fn greet(mut connection: TcpStream) {
    if let Err(error) = connection.write_all(b"Hello from Tokio\n").await {
        eprintln!("the connection ended early: {error}");
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).await?;
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(greet(connection));
    }
}
