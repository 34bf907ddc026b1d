//! Pairs of connected sockets, and an echo.

use egret::net::{TcpListener, TcpStream};

pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// A socket whose peer sends everything back.
pub async fn echo() -> TcpStream {
    let (ours, mut theirs) = pair().await;
    egret::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = theirs.read(&mut buffer).await {
            theirs.write_all(&buffer[..n]).await.unwrap();
        }
    });
    ours
}

/// Sends a number and reads it back.
pub async fn round_trip(stream: &mut TcpStream, number: u64) -> u64 {
    stream.write_all(&number.to_le_bytes()).await.unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).await.unwrap();
    u64::from_le_bytes(answer)
}
