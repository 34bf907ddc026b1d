//! Operations on files whose futures are dropped before they resolve.

use super::{Folder, give_up, keep_busy, those_before_have_run, with_one_thread};
use egret_runtime::block_on;
use egret_runtime::fs::{self, File};
use egret_runtime::io::AsyncWrite;
use egret_runtime::runtime::Builder;
use egret_runtime::task::spawn_blocking;
use std::future::poll_fn;
use std::io::{IoSlice, SeekFrom};
use std::sync::mpsc::channel;
use std::task::{Context, Waker};

#[test]
fn the_next_entry_that_is_given_up_is_not_lost() {
    let folder = Folder::new("given-up-entries");
    (0..100).for_each(|n| std::fs::write(folder.path(&n.to_string()), "").unwrap());
    let found = with_one_thread(async {
        let mut entries = fs::read_dir(&folder.0).await.unwrap();
        let mut found = 0;
        while found < 64 && entries.next_entry().await.unwrap().is_some() {
            found += 1;
        }
        let busy = keep_busy();
        give_up(entries.next_entry()).await;
        drop(busy);
        while entries.next_entry().await.unwrap().is_some() {
            found += 1;
        }
        found
    });
    assert_eq!(found, 100);
}

#[test]
fn a_read_that_is_given_up_moves_nothing() {
    let folder = Folder::new("given-up-read");
    std::fs::write(folder.path("file"), "abc").unwrap();
    let std = std::fs::File::open(folder.path("file")).unwrap();
    let got = with_one_thread(async move {
        let mut file = File::from_std(std);
        let busy = keep_busy();
        give_up(file.read(&mut [0; 2])).await;
        drop(busy);
        let mut all = Vec::new();
        file.read_to_end(&mut all).await.unwrap();
        all
    });
    assert_eq!(got, b"abc");
}

#[test]
fn a_read_that_is_given_up_at_the_end_does_not_hide_what_was_written_since() {
    let folder = Folder::new("grown");
    with_one_thread(async {
        std::fs::write(folder.path("file"), "").unwrap();
        let mut file = File::open(folder.path("file")).await.unwrap();
        let busy = keep_busy();
        give_up(file.read(&mut [0; 8])).await;
        drop(busy);
        those_before_have_run().await;
        std::fs::write(folder.path("file"), "grown").unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 5);
    });
}

#[test]
fn a_write_that_is_given_up_never_lands_on_the_next_one() {
    let folder = Folder::new("given-up-write");
    for given_up in ["given up", "given"] {
        let std = std::fs::File::create(folder.path("file")).unwrap();
        with_one_thread(async move {
            let (mut file, open) = (File::from_std(std), keep_busy());
            give_up(file.write(given_up.as_bytes())).await;
            open.send(()).unwrap();
            file.write_all(b"asked").await.unwrap();
            file.flush().await.unwrap();
            file.write_all(b" for").await.unwrap();
        });
        assert_eq!(std::fs::read_to_string(folder.path("file")).unwrap(), "asked for");
    }
}

#[test]
fn a_write_that_is_given_up_and_made_again_is_there_once_also_in_another_place() {
    let folder = Folder::new("again");
    let std = std::fs::File::create(folder.path("file")).unwrap();
    with_one_thread(async move {
        let (mut file, open) = (File::from_std(std), keep_busy());
        give_up(file.write(b"same")).await;
        open.send(()).unwrap();
        assert_eq!(file.write(b"same").await.unwrap(), 4);
        let busy = keep_busy();
        give_up(file.write(b"same")).await;
        drop(busy);
        file.seek(SeekFrom::Start(8)).await.unwrap();
        file.write_all(b"same").await.unwrap();
    });
    assert_eq!(std::fs::read(folder.path("file")).unwrap(), b"samesamesame");
}

#[test]
fn slices_are_written_as_one_and_made_again_in_other_pieces_are_there_once() {
    let folder = Folder::new("slices");
    let std = std::fs::File::create(folder.path("file")).unwrap();
    with_one_thread(async move {
        let mut file = File::from_std(std);
        let slices = [b"".as_slice(), b"one", b"", b"two"].map(IoSlice::new);
        assert_eq!(file.write_vectored(&slices).await.unwrap(), 6);
        assert_eq!(file.write_vectored(&slices[..1]).await.unwrap(), 0);
        let open = keep_busy();
        give_up(file.write_vectored(&slices)).await;
        open.send(()).unwrap();
        assert_eq!(file.write(b"onetwothree").await.unwrap(), 6);
        // The bytes of a job, not more of them, and not other ones.
        let open = keep_busy();
        give_up(file.write(b"onetwo")).await;
        open.send(()).unwrap();
        assert_eq!(file.write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b"tw")]).await.unwrap(), 5);
        let large = vec![b'x'; 200 * 1024];
        assert_eq!(
            file.write_vectored(&[IoSlice::new(&large), IoSlice::new(&large)]).await.unwrap(),
            256 * 1024
        );
    });
    let written = std::fs::read(folder.path("file")).unwrap();
    assert_eq!(&written[..17], b"onetwoonetwoonetw");
    assert_eq!(written.len(), 17 + 256 * 1024);
    assert!(written[17..].iter().all(|byte| *byte == b'x'));
}

#[test]
fn a_seek_that_is_given_up_moves_nothing() {
    let folder = Folder::new("given-up-seek");
    std::fs::write(folder.path("file"), "0123456789").unwrap();
    let std = std::fs::File::open(folder.path("file")).unwrap();
    with_one_thread(async move {
        let (mut file, open) = (File::from_std(std), keep_busy());
        give_up(file.seek(SeekFrom::End(-1))).await;
        open.send(()).unwrap();
        let mut byte = [0];
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"0");
        assert_eq!(file.seek(SeekFrom::End(-2)).await.unwrap(), 8);
    });
}

#[test]
fn a_job_that_no_thread_has_taken_is_cancelled_with_its_future() {
    let folder = Folder::new("cancelled");
    std::fs::write(folder.path("file"), "stays").unwrap();
    with_one_thread(async {
        let open = keep_busy();
        give_up(fs::remove_file(folder.path("file"))).await;
        give_up(fs::write(folder.path("other"), "is not made")).await;
        open.send(()).unwrap();
        those_before_have_run().await;
    });
    assert!(folder.path("file").exists() && !folder.path("other").exists());
}

#[test]
fn a_call_that_its_runtime_did_not_live_to_make_is_made_by_the_next_one() {
    let folder = Folder::new("next-runtime");
    let mut file = File::from_std(std::fs::File::create_new(folder.path("file")).unwrap());
    let (keep, gate) = channel::<()>();
    let rt = Builder::new().max_blocking_threads(1).build().unwrap();
    rt.block_on(async {
        drop(spawn_blocking(move || gate.recv()));
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(file.poll_write(cx, b"late").is_pending());
    });
    drop(rt);
    block_on(async {
        assert_eq!(poll_fn(|cx| file.poll_write(cx, b"late")).await.unwrap(), 4);
        poll_fn(|cx| file.poll_flush(cx)).await.unwrap();
    });
    drop(keep);
    assert_eq!(std::fs::read(folder.path("file")).unwrap(), b"late");
}
