use egret::net::TcpStream;
use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

pub async fn connection(stream: TcpStream) -> Result<(), LinesCodecError> {
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(1024));
    while let Some(name) = lines.next().await {
        lines.send(format!("hello, {}", name?)).await?;
    }
    Ok(())
}
