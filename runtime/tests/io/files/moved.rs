//! Polls that find the call of another poll: at another position, of another kind, or of a runtime that has ended.

use super::*;
use egret_runtime::io::{AsyncRead, AsyncWrite};
use egret_runtime::runtime::Runtime;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// A file of ten digits.
fn digits(folder: &Folder) -> File {
    std::fs::write(folder.path("file"), "0123456789").unwrap();
    File::from_std(std::fs::OpenOptions::new().read(true).write(true).open(folder.path("file")).unwrap())
}

#[cfg(feature = "futures-io")]
#[test]
fn a_read_in_progress_is_not_for_the_position_that_was_sought_since() {
    use futures_io::AsyncSeek;
    use std::pin::Pin;
    let folder = Folder::new("sought-since");
    with_one_thread(async {
        let (mut file, busy) = (digits(&folder), keep_busy());
        let mut read = [0; 2];
        give_up(poll_fn(|cx| file.poll_read(cx, &mut read))).await;
        let sought = poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::Start(5))).await;
        assert_eq!(sought.unwrap(), 5);
        drop(busy);
        assert_eq!(poll_fn(|cx| file.poll_read(cx, &mut read)).await.unwrap(), 2);
        assert_eq!(&read, b"56");
    });
}

#[cfg(feature = "futures-io")]
#[test]
fn a_seek_in_progress_is_not_for_another_offset() {
    use futures_io::AsyncSeek;
    use std::pin::Pin;
    let folder = Folder::new("another-offset");
    with_one_thread(async {
        let (mut file, busy) = (digits(&folder), keep_busy());
        give_up(poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::End(-1)))).await;
        drop(busy);
        let sought = poll_fn(|cx| Pin::new(&mut file).poll_seek(cx, SeekFrom::End(-4))).await;
        assert_eq!(sought.unwrap(), 6);
    });
}

#[test]
fn a_seek_from_the_end_counts_the_write_in_progress() {
    let folder = Folder::new("end-after-write");
    let std = std::fs::File::create(folder.path("file")).unwrap();
    with_one_thread(async move {
        let (mut file, busy) = (File::from_std(std), keep_busy());
        give_up(file.write(b"abc")).await;
        give_up(file.seek(SeekFrom::End(0))).await;
        drop(busy);
        assert_eq!(file.seek(SeekFrom::End(0)).await.unwrap(), 3);
    });
}

#[test]
fn a_read_that_its_runtime_did_not_live_to_make_is_made_by_the_next_one() {
    let folder = Folder::new("next-runtime-reads");
    let mut file = digits(&folder);
    let (keep, gate) = channel::<()>();
    let rt = Builder::new().max_blocking_threads(1).build().unwrap();
    let mut read = [0; 4];
    rt.block_on(async {
        drop(spawn_blocking(move || gate.recv()));
        assert!(file.poll_read(&mut Context::from_waker(Waker::noop()), &mut read).is_pending());
    });
    drop(rt);
    assert_eq!(block_on(poll_fn(|cx| file.poll_read(cx, &mut read))).unwrap(), 4);
    drop(keep);
    assert_eq!(&read, b"0123");
}

/// What a read and a write have said in the destructor of a task.
type Said = Rc<RefCell<Vec<Poll<std::io::Result<usize>>>>>;

struct Ends(File, Said);

impl Drop for Ends {
    fn drop(&mut self) {
        let cx = &mut Context::from_waker(Waker::noop());
        let read = self.0.poll_read(cx, &mut [0; 4]);
        let written = self.0.poll_write(cx, b"ends");
        self.1.borrow_mut().extend([read, written]);
    }
}

#[test]
fn a_call_that_begins_when_its_runtime_ends_fails_and_is_not_made_again_for_ever() {
    let folder = Folder::new("ends");
    let said = Said::default();
    let rt = Runtime::new().unwrap();
    let ends = Ends(digits(&folder), said.clone());
    rt.block_on(async {
        task::spawn(async move {
            let _ends = ends;
            std::future::pending::<()>().await;
        });
        task::yield_now().await;
    });
    drop(rt);
    let said = said.take();
    assert!(said.iter().all(|said| matches!(said, Poll::Ready(Err(_)))) && said.len() == 2, "{said:?}");
    assert_eq!(std::fs::read(folder.path("file")).unwrap(), b"0123456789");
}
