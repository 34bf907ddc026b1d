//! A file of egret's with the traits of tokio and of futures: buffers, seeks and slices.

use egret::fs::{self, File};
use std::io::{IoSlice, SeekFrom};
use std::path::PathBuf;

/// An empty file to read and write, for the time of a test.
async fn file(name: &str) -> (File, PathBuf) {
    let path = std::env::temp_dir().join(format!("egret-traits-{}-{name}", std::process::id()));
    (File::create_new(&path).await.unwrap(), path)
}

#[test]
fn with_the_traits_of_tokio() {
    use tokio::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
    egret::block_on(async {
        let (mut file, path) = file("tokio").await;
        assert!(tokio::io::AsyncWrite::is_write_vectored(&file));
        let slices = [b"one\n".as_slice(), b"two\n", b"three\n"].map(IoSlice::new);
        assert_eq!(AsyncWriteExt::write_vectored(&mut file, &slices).await.unwrap(), 14);
        assert_eq!(file.stream_position().await.unwrap(), 14);
        file.rewind().await.unwrap();
        let mut lines = BufReader::with_capacity(6, file);
        let mut line = String::new();
        lines.read_line(&mut line).await.unwrap();
        // What is in the buffer counts as not read.
        assert_eq!(lines.stream_position().await.unwrap(), 4);
        assert_eq!(lines.seek(SeekFrom::End(-6)).await.unwrap(), 8);
        lines.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one\nthree\n");
        assert_eq!(lines.seek(SeekFrom::Current(-10)).await.unwrap(), 4);
        lines.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one\nthree\ntwo\n");
        let error = lines.seek(SeekFrom::Start(u64::MAX)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        fs::remove_file(path).await.unwrap();
    });
}

#[test]
fn with_the_traits_of_futures() {
    use futures_util::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
    egret::block_on(async {
        let (mut file, path) = file("futures").await;
        let slices = [b"one\n".as_slice(), b"two\n", b"three\n"].map(IoSlice::new);
        assert_eq!(AsyncWriteExt::write_vectored(&mut file, &slices).await.unwrap(), 14);
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(0)).await.unwrap();
        let mut lines = BufReader::with_capacity(6, file);
        let mut line = String::new();
        lines.read_line(&mut line).await.unwrap();
        assert_eq!(lines.seek(SeekFrom::End(-6)).await.unwrap(), 8);
        lines.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one\nthree\n");
        fs::remove_file(path).await.unwrap();
    });
}

/// A seek that was begun and is not completed does not move what comes after it.
#[test]
fn a_seek_that_is_begun_and_left_moves_nothing() {
    use std::pin::Pin;
    use tokio::io::{AsyncReadExt, AsyncSeek, AsyncSeekExt};
    egret::block_on(async {
        let (mut file, path) = file("left").await;
        file.write_all(b"0123456789").await.unwrap();
        file.rewind().await.unwrap();
        for left in [SeekFrom::Start(5), SeekFrom::End(-1), SeekFrom::Current(3)] {
            Pin::new(&mut file).start_seek(left).unwrap();
            let before = AsyncReadExt::read_u8(&mut file).await.unwrap();
            let position = file.stream_position().await.unwrap();
            assert_eq!(u64::from(before - b'0') + 1, position, "{left:?}");
        }
        fs::remove_file(path).await.unwrap();
    });
}
