//! An HTTPS client, reqwest with rustls, on egret.
//!
//!     cargo run --release --bin https_client CERTIFICATE.pem URL...
//!
//! The certificate is that of the server or of who has signed it; a client for public servers leaves `tls_certs_only` out.

use async_compat::CompatExt;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let certificate = std::fs::read(args.next().ok_or("usage: CERTIFICATE.pem URL...")?)?;
    // reqwest's feature `rustls-no-provider` leaves the choice of the cryptography to the program.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a provider is installed")?;
    egret::block_on(async {
        let certificate = reqwest::Certificate::from_pem(&certificate)?;
        let client = reqwest::Client::builder().tls_certs_only([certificate]).build()?;
        for url in args {
            let get = async {
                let response = client.get(url).send().await?.error_for_status()?;
                let version = response.version();
                Ok::<_, reqwest::Error>((version, response.text().await?))
            };
            let (version, text) = get.compat().await?;
            println!("{version:?} {text}");
        }
        Ok(())
    })
}
