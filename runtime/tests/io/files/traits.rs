//! A file by the traits of futures-io and of tokio: each method reaches the file.

#[cfg(feature = "futures-io")]
#[test]
fn those_of_futures_io_write_settle_seek_and_read() {
    use super::*;
    use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
    use std::{future::poll_fn, io::IoSlice, pin::Pin};

    let folder = Folder::new("futures-io");
    with_one_thread(async {
        let path = folder.path("file");
        let mut file = OpenOptions::new().read(true).write(true).create(true).open(&path).await.unwrap();
        assert_eq!(poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"012")).await.unwrap(), 3);
        let slices = [b"34".as_slice(), b"56789"].map(IoSlice::new);
        assert_eq!(poll_fn(|cx| Pin::new(&mut file).poll_write_vectored(cx, &slices)).await.unwrap(), 7);
        for settle in [AsyncWrite::poll_flush, AsyncWrite::poll_close] {
            let busy = keep_busy();
            give_up(poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"ab"))).await;
            give_up(poll_fn(|cx| settle(Pin::new(&mut file), cx))).await;
            drop(busy);
            poll_fn(|cx| settle(Pin::new(&mut file), cx)).await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"0123456789ab");
        }
        let sought = poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::End(-5))).await;
        assert_eq!(sought.unwrap(), 7);
        let mut read = [0; 3];
        assert_eq!(poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut read)).await.unwrap(), 3);
        assert_eq!(&read, b"789");
    });
}

#[cfg(feature = "tokio-io")]
#[test]
fn those_of_tokio_write_settle_seek_and_read() {
    use super::*;
    use std::{future::poll_fn, io::IoSlice, pin::Pin};
    use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

    let folder = Folder::new("tokio-io");
    with_one_thread(async {
        let path = folder.path("file");
        let mut file = OpenOptions::new().read(true).write(true).create(true).open(&path).await.unwrap();
        assert!(AsyncWrite::is_write_vectored(&file));
        assert_eq!(poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"012")).await.unwrap(), 3);
        let slices = [b"34".as_slice(), b"56789"].map(IoSlice::new);
        assert_eq!(poll_fn(|cx| Pin::new(&mut file).poll_write_vectored(cx, &slices)).await.unwrap(), 7);
        for settle in [AsyncWrite::poll_flush, AsyncWrite::poll_shutdown] {
            let busy = keep_busy();
            give_up(poll_fn(|cx| Pin::new(&mut file).poll_write(cx, b"ab"))).await;
            give_up(poll_fn(|cx| settle(Pin::new(&mut file), cx))).await;
            let error = Pin::new(&mut file).start_seek(SeekFrom::Start(0)).unwrap_err();
            assert_eq!(error.to_string(), "a write is in progress");
            drop(busy);
            poll_fn(|cx| settle(Pin::new(&mut file), cx)).await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"0123456789ab");
        }
        Pin::new(&mut file).start_seek(SeekFrom::End(-5)).unwrap();
        assert_eq!(poll_fn(|cx| Pin::new(&mut file).poll_complete(cx)).await.unwrap(), 7);
        let mut read = [0; 8];
        let mut read = ReadBuf::new(&mut read);
        read.put_slice(b"6");
        poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut read)).await.unwrap();
        assert_eq!(read.filled(), b"6789ab");
    });
}
