//! Objects in a store that speaks the protocol of S3, by object_store, on egret.
//!
//!     cargo run --release --bin objects http://HOST:PORT BUCKET
//!
//! The keys are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

use async_compat::CompatExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (endpoint, bucket) = args.next().zip(args.next()).ok_or("usage: http://HOST:PORT BUCKET")?;
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a provider is installed")?;
    let store = AmazonS3Builder::from_env()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .build()?;
    let work = async {
        let path = Path::from("notes/one.txt");
        store.put(&path, PutPayload::from_static(b"the first note")).await?;
        println!("{} bytes", store.head(&path).await?.size);
        println!("{}", String::from_utf8_lossy(&store.get_range(&path, 4..9).await?));
        println!("{}", String::from_utf8_lossy(&store.get(&path).await?.bytes().await?));
        store.delete(&path).await?;
        match store.get(&path).await {
            Err(object_store::Error::NotFound { path, .. }) => println!("{path} is gone"),
            other => println!("it is still there: {other:?}"),
        }
        Ok(())
    };
    egret::block_on(work.compat())
}
