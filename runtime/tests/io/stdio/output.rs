//! Standard output.

use super::*;

/// Standard output is `ours`, from which `theirs` reads.
fn a_write_waits_for_room(ours: impl AsFd, mut theirs: impl Read, full: impl FnOnce()) {
    with_stdout(ours, |before| {
        block_on(async {
            let mut output = stdout();
            output.write_all(b"begin").await.unwrap();
            let mut begin = [0; 5];
            theirs.read_exact(&mut begin).unwrap();
            assert_eq!(&begin, b"begin");
            let mut written = 0;
            let chunk = [b'x'; 4096];
            while let Poll::Ready(n) = poll_once(output.write(&chunk)) {
                written += n.unwrap();
            }
            full();
            assert_eq!(flags(1), before, "while it is waited for");
            let mut drained = vec![0; written];
            theirs.read_exact(&mut drained).unwrap();
            assert!(drained.iter().all(|byte| *byte == b'x'));
            output.write_all(b"end").await.unwrap();
            output.flush().await.unwrap();
            let mut end = [0; 3];
            theirs.read_exact(&mut end).unwrap();
            assert_eq!(&end, b"end", "and nothing of the write that was dropped");
        });
    });
}

#[test]
fn output_to_a_pipe_waits_for_room_without_a_flag() {
    child::alone(|| {
        let (reader, writer) = pipe();
        a_write_waits_for_room(&writer, &reader, || {});
        drop(reader);
        with_stdout(&writer, |_| {
            let broken = block_on(stdout().write(b"x")).unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn output_to_a_socket_waits_for_room_without_a_flag() {
    child::alone(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        a_write_waits_for_room(&ours, &theirs, || {});
        drop(theirs);
        with_stdout(&ours, |_| {
            let broken = block_on(stdout().write(b"x")).unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn output_to_a_terminal_waits_for_room_without_a_flag() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let (master, slave) = raw_terminal().unwrap();
        with_stdout(&slave, |before| {
            block_on(async {
                let mut output = stdout();
                output.write_all(b"begin").await.unwrap();
                assert_eq!(flags(1), before);
                while poll_once(output.write(&[b'x'; 512])).is_ready() {}
                assert_eq!(flags(1), before, "while it is waited for");
                let master = egret_runtime::io::AsyncFd::new(master).unwrap();
                let drain = egret_runtime::spawn(async move {
                    let mut got = Vec::new();
                    while !got.ends_with(b"end") {
                        got.extend(master.read_with(crate::support::fds::read).await.unwrap());
                    }
                    got
                });
                output.write_all(b"end").await.unwrap();
                let got = drain.await.unwrap();
                assert!(got.starts_with(b"beginx") && got.ends_with(b"xend"));
            });
        });
    });
}

#[test]
fn output_to_a_file_is_appended_where_it_was() {
    child::alone(|| {
        let path = std::env::temp_dir().join(format!("egret-stdout-{}", std::process::id()));
        let mut file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"before ").unwrap();
        with_stdout(&file, |_| {
            block_on(async {
                stdout().write_all(b"during ").await.unwrap();
                assert_eq!(copy(&mut &b"copied "[..], &mut stdout()).await.unwrap(), 7);
            });
        });
        file.write_all(b"after").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut all = String::new();
        file.read_to_string(&mut all).unwrap();
        assert_eq!(all, "before during copied after");
    });
}
