//! Mail by lettre, on egret: the messages of several tasks, over connections that it keeps for the next ones.
//!
//!     cargo run --release --bin mail HOST PORT

use async_compat::CompatExt;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (host, port) = args.next().zip(args.next()).ok_or("usage: HOST PORT")?;
    let port = port.parse()?;
    // In the clear, for a server on the same machine; `relay(..)` and a feature of lettre for TLS are for all others.
    let mailer = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .timeout(Some(Duration::from_secs(60)));
    // All of it in the bridge: the transport starts a task of tokio's when it is made, and another one when it is dropped.
    let work = async move {
        let mailer = mailer.build();
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let mailer = mailer.clone();
                let send = async move {
                    let message = Message::builder()
                        .from("egret@localhost".parse()?)
                        .to(format!("task{n}@localhost").parse()?)
                        .subject(format!("from task {n}"))
                        .body(format!("the square of {n} is {}\n", n * n))?;
                    let response = mailer.send(message).await?;
                    Ok::<_, Box<dyn Error + Send + Sync>>(response.is_positive())
                };
                egret::spawn(send.compat())
            })
            .collect();
        let mut accepted = 0;
        for task in tasks {
            accepted += usize::from(task.await?.map_err(|error| error.to_string())?);
        }
        println!("{accepted} messages accepted");
        Ok(())
    };
    egret::block_on(work.compat())
}
