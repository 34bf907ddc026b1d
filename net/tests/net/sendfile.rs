//! Files sent through TCP and Unix streams, whole and by halves.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no sendfile

use crate::sockets_common::run;
use egret_net::{TcpListener, TcpStream, UnixStream};
use egret_runtime::{block_on, spawn};
use std::fs::File;
use std::future::poll_fn;
use std::io::{ErrorKind, Seek, Write};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// A file without a name, with these bytes in it.
fn file_of(name: &str, bytes: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("egret-sendfile-{}-{name}", std::process::id()));
    let mut file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn a_file_that_does_not_fit_into_the_socket_is_sent_in_parts() {
    run(async {
        let bytes: Vec<u8> = (0..20 << 20).map(|n: u32| (n % 251) as u8).collect();
        let mut file = file_of("parts", &bytes);
        let position = file.stream_position().unwrap();
        let (mut client, mut server) = pair().await;
        let sending = spawn(async move {
            let (mut offset, mut calls) = (0, 0);
            loop {
                // More than there is: the end of the file says so.
                match server.sendfile(&file, offset, 1 << 30).await.unwrap() {
                    0 => break,
                    n => offset += n as u64,
                }
                calls += 1;
            }
            assert_eq!(file.stream_position().unwrap(), position);
            server.shutdown().await.unwrap();
            (offset, calls)
        });
        let mut got = vec![0; bytes.len()];
        client.read_exact(&mut got).await.unwrap();
        assert!(got == bytes, "not what is in the file");
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        let (sent, calls) = sending.await.unwrap();
        assert_eq!(sent, bytes.len() as u64);
        assert!(calls > 1, "the socket had room for 20 MiB at once, and nothing was waited for");
    });
}

#[test]
fn a_range_is_sent_and_nothing_else() {
    run(async {
        let file = file_of("range", b"0123456789");
        let (mut client, mut server) = pair().await;
        assert_eq!(server.sendfile(&file, 3, 4).await.unwrap(), 4);
        assert_eq!(server.sendfile(&file, 8, 100).await.unwrap(), 2);
        assert_eq!(server.sendfile(&file, 10, 1).await.unwrap(), 0);
        assert_eq!(server.sendfile(&file, 11, 1).await.unwrap(), 0);
        assert_eq!(server.sendfile(&file, 0, 0).await.unwrap(), 0);
        assert_eq!(server.try_sendfile(&file, 0, 1).unwrap(), 1);
        let mut got = [0; 7];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"3456890");
    });
}

#[test]
fn any_count_and_any_offset_have_the_documented_outcome() {
    run(async {
        let file = file_of("bounds", b"0123456789");
        let (mut client, mut server) = pair().await;
        assert_eq!(server.sendfile(&file, 3, usize::MAX).await.unwrap(), 7);
        client.read_exact(&mut [0; 7]).await.unwrap();
        for offset in [1 << 62, i64::MAX as u64] {
            for count in [1, usize::MAX] {
                assert_eq!(
                    server.sendfile(&file, offset, count).await.unwrap(),
                    0,
                    "{count} bytes at {offset}"
                );
            }
        }
        let beyond = server.sendfile(&file, 1 << 63, 1).await.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::InvalidInput);
        let (reader, _writer) = egret_runtime::sys::Backend::current().pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(reader));
        assert_eq!(server.sendfile(&pipe, 0, 10).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

// A short sendfile at the end of a file does not mean a full socket, which is still writable and will report no edge.
#[test]
fn the_end_of_a_file_does_not_make_the_socket_look_full() {
    run(async {
        let file = file_of("short", b"short");
        let (mut client, mut server) = pair().await;
        for _ in 0..3 {
            assert_eq!(server.sendfile(&file, 0, 1 << 20).await.unwrap(), 5);
            assert_eq!(server.try_write(b"!").unwrap(), 1);
        }
        let mut got = [0; 18];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"short!short!short!");
    });
}

#[test]
fn a_full_socket_is_would_block_and_then_waited_for() {
    run(async {
        let file = file_of("full", &vec![b'x'; 1 << 20]);
        let (mut client, mut server) = pair().await;
        let mut sent = 0;
        let error = loop {
            match server.try_sendfile(&file, 0, 1 << 20) {
                Ok(n) => sent += n,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let waiting = spawn(async move { server.sendfile(&file, 0, 1).await });
        egret_runtime::task::yield_now().await;
        assert!(!waiting.is_finished());
        let mut got = vec![0; sent];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), 1);
    });
}

#[test]
fn what_cannot_be_sent_is_an_error_that_says_so() {
    block_on(async {
        let (client, mut server) = pair().await;
        let file = file_of("errors", b"x");
        let beyond = server.sendfile(&file, u64::MAX, 1).await.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::InvalidInput);
        let directory = File::open("/").unwrap();
        let refused = server.sendfile(&directory, 0, 1).await.unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::InvalidInput | ErrorKind::IsADirectory), "{refused}");
        let write_only = File::options().write(true).open("/dev/null").unwrap();
        let refused = server.sendfile(&write_only, 0, 1).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
        // And none of it has been taken for a lack of room.
        assert_eq!(server.sendfile(&file, 0, 1).await.unwrap(), 1);

        server.shutdown().await.unwrap();
        let broken = server.sendfile(&file, 0, 1).await.unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        drop(client);
    });
}

// The kernel takes the file in pieces of its own pipe, and what does not fit must not count as sent.
#[test]
fn a_file_that_does_not_fit_into_a_unix_stream_is_sent_in_parts() {
    run(async {
        let bytes: Vec<u8> = (0..4 << 20).map(|n: u32| (n % 251) as u8).collect();
        let file = file_of("unix-parts", &bytes);
        let (mut client, server) = UnixStream::pair().unwrap();
        let (_reader, mut writer) = server.into_split();
        let sending = spawn(async move {
            let (mut offset, mut calls) = (0, 0);
            while let n @ 1.. = writer.sendfile(&file, offset, 1 << 30).await.unwrap() {
                (offset, calls) = (offset + n as u64, calls + 1);
            }
            (offset, calls)
        });
        let mut got = vec![0; bytes.len()];
        client.read_exact(&mut got).await.unwrap();
        assert!(got == bytes, "not what is in the file");
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        let (sent, calls) = sending.await.unwrap();
        assert_eq!(sent, bytes.len() as u64);
        assert!(calls > 1, "the socket had room for 4 MiB at once, and nothing was waited for");
    });
}

#[test]
fn a_full_unix_stream_is_would_block_and_then_waited_for() {
    run(async {
        let file = file_of("unix-full", &vec![b'x'; 1 << 20]);
        let (mut client, mut server) = UnixStream::pair().unwrap();
        let mut sent = 0;
        let error = loop {
            match server.try_sendfile(&file, 0, 1 << 20) {
                Ok(n) => sent += n,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        // There is always room for nothing.
        assert_eq!(server.try_sendfile(&file, 0, 0).unwrap(), 0);
        assert_eq!(server.sendfile(&file, 0, 0).await.unwrap(), 0);
        let waiting = spawn(async move { server.sendfile(&file, 0, 1).await });
        egret_runtime::task::yield_now().await;
        assert!(!waiting.is_finished());
        let mut got = vec![0; sent];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), 1);
    });
}

#[test]
fn a_unix_stream_sends_a_range_and_says_what_it_cannot_send() {
    run(async {
        let file = file_of("unix-range", b"0123456789");
        let (mut client, mut server) = UnixStream::pair().unwrap();
        assert_eq!(server.sendfile(&file, 3, 4).await.unwrap(), 4);
        assert_eq!(poll_fn(|cx| server.poll_sendfile(cx, &file, 8, 100)).await.unwrap(), 2);
        // The end of the file does not mean a full socket, which is still writable and will report no edge.
        assert_eq!(server.try_sendfile(&file, 9, 100).unwrap(), 1);
        assert_eq!(server.try_write(b"!").unwrap(), 1);
        assert_eq!(server.sendfile(&file, 10, 1).await.unwrap(), 0);
        assert_eq!(server.sendfile(&file, 0, 0).await.unwrap(), 0);
        let mut got = [0; 8];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"3456899!");

        let beyond = server.sendfile(&file, u64::MAX, 1).await.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::InvalidInput);
        server.shutdown().await.unwrap();
        let broken = server.sendfile(&file, 0, 1).await.unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_writing_half_sends_a_file_while_the_other_reads() {
    run(async {
        let file = file_of("halves", b"0123456789");
        let (mut client, mut server) = pair().await;
        let (mut reader, mut writer) = server.split();
        client.write_all(b"which?").await.unwrap();
        assert_eq!(reader.read(&mut [0; 16]).await.unwrap(), 6);
        assert_eq!(writer.sendfile(&file, 0, 2).await.unwrap(), 2);
        assert_eq!(poll_fn(|cx| writer.poll_sendfile(cx, &file, 4, 2)).await.unwrap(), 2);
        assert_eq!(writer.try_sendfile(&file, 8, 3).unwrap(), 2);
        let (reader, mut writer) = server.into_split();
        assert_eq!(writer.sendfile(&file, 5, 1).await.unwrap(), 1);
        drop((reader, writer));
        let mut got = Vec::new();
        loop {
            let mut buf = [0; 16];
            match client.read(&mut buf).await.unwrap() {
                0 => break,
                n => got.extend_from_slice(&buf[..n]),
            }
        }
        assert_eq!(got, b"0145895");
    });
}
