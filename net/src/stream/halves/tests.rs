//! Each way to read and to write, on both streams, borrowed and owned: all the aliases.

#[path = "../../../../runtime/tests/support/next_turn.rs"]
mod next_turn;

use super::*;
use crate::{TcpListener, TcpStream, UnixListener, UnixStream, tcp, unix};
use egret_runtime::runtime::Runtime;
use next_turn::next_turn;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::pin::pin;
use std::task::{Context, Waker};

// A half is the stream's address only; the one that shuts down on drop also stores whether to.
const WORD: usize = size_of::<usize>();
const _: () = assert!(size_of::<tcp::ReadHalf<'static>>() == WORD);
const _: () = assert!(size_of::<tcp::WriteHalf<'static>>() == WORD);
const _: () = assert!(size_of::<unix::OwnedReadHalf>() == WORD);
const _: () = assert!(size_of::<unix::OwnedWriteHalf>() == 2 * WORD);

/// Runs `future` as a task. Panics when it is pending and the loop has nothing to do: a wake-up was lost.
#[track_caller]
fn run<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
    let rt = Runtime::new().unwrap();
    let task = rt.spawn(future);
    while !task.is_finished() {
        next_turn(&rt);
    }
    rt.block_on(task).unwrap()
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Writes "headbody" in way number `way` of eight.
async fn write_in_way<F: Family, S: Deref<Target = Stream<F>>>(writer: &mut WriteHalf<S>, way: usize) {
    const WHOLE: &[u8] = b"headbody";
    let mut parts = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(b"body")];
    let written = match way {
        0 => writer.write(WHOLE).await,
        1 => poll_fn(|cx| writer.poll_write(cx, WHOLE)).await,
        2 => writer.write_all(WHOLE).await.map(|()| 8),
        3 => writer.write_vectored(&parts).await,
        4 => poll_fn(|cx| writer.poll_write_vectored(cx, &parts)).await,
        5 => writer.write_all_vectored(&mut parts).await.map(|()| 8),
        6 => {
            writer.writable().await.unwrap();
            writer.try_write(WHOLE)
        }
        7 => {
            poll_fn(|cx| writer.poll_write_ready(cx)).await.unwrap();
            writer.try_write_vectored(&parts)
        }
        _ => unreachable!("there are eight ways"),
    };
    assert_eq!(written.unwrap(), 8, "way {way} to write");
    writer.flush().await.unwrap();
}

/// Reads "headbody" in way number `way` of ten.
async fn read_in_way<F: Family, S: Deref<Target = Stream<F>>>(reader: &mut ReadHalf<S>, way: usize) {
    let (mut head, mut body, mut whole) = ([0; 4], [0; 9], [0; 8]);
    let mut memory = [MaybeUninit::uninit(); 9];
    let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    match way {
        0 => assert_eq!(reader.read(&mut whole).await.unwrap(), 8),
        1 => assert_eq!(poll_fn(|cx| reader.poll_read(cx, &mut whole)).await.unwrap(), 8),
        2 => whole.copy_from_slice(reader.read_uninit(&mut memory).await.unwrap()),
        3 => {
            let read = |cx: &mut Context<'_>| {
                reader.poll_read_uninit(cx, &mut memory).map_ok(|filled| whole.copy_from_slice(filled))
            };
            poll_fn(read).await.unwrap();
        }
        4 => assert_eq!(reader.read_vectored(&mut parts).await.unwrap(), 8),
        5 => assert_eq!(poll_fn(|cx| reader.poll_read_vectored(cx, &mut parts)).await.unwrap(), 8),
        6 => assert_eq!(reader.read_exact(&mut whole).await.unwrap(), 8),
        7 => {
            assert_eq!(reader.peek(&mut whole).await.unwrap(), 8);
            assert_eq!(poll_fn(|cx| reader.poll_peek(cx, &mut [0; 3])).await.unwrap(), 3);
            assert_eq!(reader.try_read(&mut whole).unwrap(), 8);
        }
        8 => {
            reader.readable().await.unwrap();
            assert_eq!(reader.try_read(&mut whole).unwrap(), 8);
        }
        9 => {
            poll_fn(|cx| reader.poll_read_ready(cx)).await.unwrap();
            assert_eq!(reader.try_read_vectored(&mut parts).unwrap(), 8);
        }
        _ => unreachable!("there are ten ways"),
    }
    if way == 4 || way == 5 || way == 9 {
        whole[..4].copy_from_slice(&head);
        whole[4..].copy_from_slice(&body[..4]);
    }
    assert_eq!(&whole, b"headbody", "way {way} to read");
}

/// Every way to write, and every way to read.
async fn exchange<F: Family, R, W>(reader: &mut ReadHalf<R>, writer: &mut WriteHalf<W>)
where
    R: Deref<Target = Stream<F>>,
    W: Deref<Target = Stream<F>>,
{
    for way in 0..10 {
        write_in_way(writer, way % 8).await;
        read_in_way(reader, way).await;
    }
}

/// The halves must not be confused, and the end comes by a shutdown.
async fn wait_and_end<F: Family, R, W>(reader: &mut ReadHalf<R>, writer: &mut WriteHalf<W>)
where
    R: Deref<Target = Stream<F>>,
    W: Deref<Target = Stream<F>>,
{
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(reader.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(reader.poll_read_ready(cx).is_pending());
    assert!(pin!(reader.readable()).poll(cx).is_pending());
    assert!(reader.poll_peek(cx, &mut [0; 1]).is_pending());
    assert!(writer.poll_write_ready(cx).is_ready());

    let mut sent = 0;
    let full = loop {
        match writer.try_write(&[1; 65536]) {
            Ok(n) => sent += n,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert!(writer.poll_write_ready(cx).is_pending());
    assert!(pin!(writer.writable()).poll(cx).is_pending());
    assert!(writer.poll_write_vectored(cx, &[IoSlice::new(b"x")]).is_pending());
    assert_eq!(reader.read_exact(&mut vec![0; sent]).await.unwrap(), sent);
    writer.writable().await.unwrap();

    // Zero bytes, requested or transferred, are not the end.
    assert_eq!(reader.peek(&mut []).await.unwrap(), 0);
    assert_eq!(poll_fn(|cx| reader.poll_peek(cx, &mut [])).await.unwrap(), 0);
    assert_eq!(poll_fn(|cx| writer.poll_write_vectored(cx, &[])).await.unwrap(), 0);
    assert_eq!(reader.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);

    poll_fn(|cx| writer.poll_shutdown(cx)).await.unwrap();
    assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
    writer.shutdown().await.unwrap(); // no error, though it is shut
    assert_eq!(writer.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn borrowed_halves_of_tcp_read_and_write_in_every_way() {
    run(async {
        let (mut one, mut other) = tcp_pair().await;
        let ((mut our_reader, mut our_writer), (mut reader, mut writer)) = (one.split(), other.split());
        exchange(&mut reader, &mut our_writer).await;
        exchange(&mut our_reader, &mut writer).await;
        wait_and_end(&mut reader, &mut our_writer).await;
        wait_and_end(&mut our_reader, &mut writer).await;
    });
}

#[test]
fn owned_halves_of_tcp_read_and_write_in_every_way() {
    run(async {
        let (one, other) = tcp_pair().await;
        let ((mut our_reader, mut our_writer), (mut reader, mut writer)) =
            (one.into_split(), other.into_split());
        exchange(&mut reader, &mut our_writer).await;
        exchange(&mut our_reader, &mut writer).await;
        wait_and_end(&mut reader, &mut our_writer).await;
        wait_and_end(&mut our_reader, &mut writer).await;
    });
}

#[test]
#[cfg_attr(miri, ignore = "Miri has socket pairs that are no sockets")]
fn borrowed_and_owned_halves_of_a_unix_stream_read_and_write_in_every_way() {
    run(async {
        let (mut one, other) = UnixStream::pair().unwrap();
        let ((mut our_reader, mut our_writer), (mut reader, mut writer)) = (one.split(), other.into_split());
        exchange(&mut reader, &mut our_writer).await;
        exchange(&mut our_reader, &mut writer).await;
        wait_and_end(&mut reader, &mut our_writer).await;
        wait_and_end(&mut our_reader, &mut writer).await;
    });
}

#[test]
fn halves_of_tcp_are_of_their_stream_and_have_its_addresses() {
    run(async {
        let (mut one, other) = tcp_pair().await;
        let addresses = (one.local_addr().unwrap(), other.local_addr().unwrap());
        assert_ne!(addresses.0, addresses.1);
        let stream = &raw const one;
        let (reader, writer) = one.split();
        assert!(std::ptr::eq::<TcpStream>(reader.as_ref(), stream));
        assert!(std::ptr::eq::<TcpStream>(writer.as_ref(), stream));
        assert_eq!((reader.local_addr().unwrap(), reader.peer_addr().unwrap()), addresses);
        assert_eq!((writer.local_addr().unwrap(), writer.peer_addr().unwrap()), addresses);
        let (reader, writer) = one.into_split();
        assert!(std::ptr::eq::<TcpStream>(reader.as_ref(), writer.as_ref()));
        assert_eq!((reader.local_addr().unwrap(), reader.peer_addr().unwrap()), addresses);
        assert_eq!((writer.local_addr().unwrap(), writer.peer_addr().unwrap()), addresses);
    });
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no sockets of the Unix domain with addresses")]
fn halves_of_a_unix_stream_are_of_their_stream_and_have_its_addresses() {
    /// Whether the stream and its peer have names.
    fn named(local: io::Result<unix::SocketAddr>, peer: io::Result<unix::SocketAddr>) -> (bool, bool) {
        (!local.unwrap().is_unnamed(), !peer.unwrap().is_unnamed())
    }
    run(async {
        let name = format!("\0egret-halves-{}", std::process::id());
        let listener = UnixListener::bind(&name).unwrap();
        let _client = UnixStream::connect(&name).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let (reader, writer) = server.split();
        assert!(std::ptr::eq::<UnixStream>(reader.as_ref(), writer.as_ref()));
        assert_eq!(named(reader.local_addr(), reader.peer_addr()), (true, false));
        assert_eq!(named(writer.local_addr(), writer.peer_addr()), (true, false));
        let (reader, writer) = server.into_split();
        assert!(std::ptr::eq::<UnixStream>(reader.as_ref(), writer.as_ref()));
        assert_eq!(named(reader.local_addr(), reader.peer_addr()), (true, false));
        assert_eq!(named(writer.local_addr(), writer.peer_addr()), (true, false));
    });
}
