//! Standard input.

use super::*;

/// Standard input is `ours`, to which `theirs` writes.
fn a_read_waits_is_cancelled_and_loses_nothing(ours: impl AsFd, theirs: &mut (impl Write + ?Sized)) {
    let before = install(0, ours);
    block_on(async {
        let mut input = stdin();
        let mut buf = [0; 64];
        assert!(poll_once(input.read(&mut buf)).is_pending());
        assert_eq!(flags(0), before, "while it is waited for");
        theirs.write_all(b"first").unwrap();
        // The dropped read has taken no bytes.
        assert_eq!(input.read(&mut buf[..2]).await.unwrap(), 2);
        let mut rest = [0; 3];
        input.read_exact(&mut rest).await.unwrap();
        assert_eq!((&buf[..2], &rest), (&b"fi"[..], b"rst"));
        assert!(poll_once(input.read(&mut buf)).is_pending());
        assert_eq!(flags(0), before);
        // Another handle is as good.
        theirs.write_all(b"second").unwrap();
        drop(input);
        assert_eq!(stdin().read(&mut buf).await.unwrap(), 6);
        assert_eq!((&buf[..6], stdin().read(&mut []).await.unwrap()), (&b"second"[..], 0));
    });
    assert_eq!(flags(0), before, "afterwards");
}

#[test]
fn input_from_a_terminal() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (mut master, slave) = raw_terminal().unwrap();
        a_read_waits_is_cancelled_and_loses_nothing(&slave, &mut master);
        // The end of it, which a terminal tells by an error.
        drop((master, slave));
        block_on(async {
            let end = stdin().read(&mut [0; 8]).await;
            assert!(
                matches!(&end, Ok(0)) || end.as_ref().is_err_and(|e| e.raw_os_error() == Some(libc::EIO))
            );
        });
    });
}

#[test]
fn input_from_a_pipe() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (reader, mut writer) = pipe();
        a_read_waits_is_cancelled_and_loses_nothing(&reader, &mut writer);
        drop(reader);
        block_on(async {
            let mut input = stdin();
            assert!(poll_once(input.read(&mut [0; 1])).is_pending());
            writer.write_all(&[b'x'; 10_000]).unwrap();
            drop(writer);
            let mut all = Vec::new();
            assert_eq!(input.read_to_end(&mut all).await.unwrap(), 10_000);
            assert_eq!(input.read(&mut [0; 1]).await.unwrap(), 0);
        });
    });
}

#[test]
fn input_from_a_socket() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        a_read_waits_is_cancelled_and_loses_nothing(&ours, &mut theirs);
        drop((ours, theirs));
        assert_eq!(block_on(stdin().read(&mut [0; 1])).map_err(|e| e.kind()), Ok(0));
    });
}

// A description of our own would have a position of its own.
#[test]
fn input_from_a_file_goes_on_where_it_is_and_takes_no_more_than_was_asked_for() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let mut file = File::open("/proc/self/exe").unwrap();
        let mut whole = vec![0; 100];
        file.read_exact(&mut whole).unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        let before = install(0, &file);
        block_on(async {
            let mut input = stdin();
            let mut buf = [0; 3];
            assert_eq!(input.read(&mut buf).await.unwrap(), 3);
            assert_eq!(&buf, b"ELF");
            assert_eq!(file.stream_position().unwrap(), 4);
            // Begun on a thread, and dropped: the next read gets its bytes. The thread may complete before the
            // poll does, and then this read gets them.
            let taken = match poll_once(input.read(&mut buf)) {
                Poll::Pending => 0,
                Poll::Ready(read) => read.unwrap(),
            };
            let mut next = vec![0; 8 - taken];
            input.read_exact(&mut next).await.unwrap();
            assert_eq!([&buf[..taken], &next].concat(), whole[4..12]);
            assert_eq!(file.stream_position().unwrap(), 12);
            file.seek(SeekFrom::End(0)).unwrap();
            assert_eq!(input.read(&mut buf).await.unwrap(), 0);
        });
        assert_eq!(flags(0), before);
        install(0, File::open("/dev/null").unwrap());
        assert_eq!(block_on(stdin().read(&mut [0; 1])).unwrap(), 0);
    });
}

// Reopening a master makes another terminal, without a writer.
#[test]
fn input_from_the_master_of_a_terminal_is_from_that_terminal() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (master, mut slave) = raw_terminal().unwrap();
        install(0, &master);
        slave.write_all(b"from it").unwrap();
        let mut buf = [0; 7];
        block_on(async { stdin().read_exact(&mut buf).await }).unwrap();
        assert_eq!(&buf, b"from it");
    });
}

// A child that hangs here would hang the program at its end, if it were waited for.
#[test]
fn a_read_that_was_given_up_does_not_hold_up_the_end() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (master, _slave) = raw_terminal().unwrap();
        install(0, &master); // read on a thread, where it waits for ever
        block_on(async {
            let mut input = stdin();
            assert!(poll_once(input.read(&mut [0; 1])).is_pending());
            egret_runtime::task::yield_now().await;
        });
    });
}
