//! A scripted stream: what the program gets, and what it is told when it does something else.

use super::failure;
use egret_runtime::io::{AsyncRead, AsyncWrite};
use egret_runtime::runtime::Runtime;
use egret_runtime::test::{
    self, Script, Scripted, assert_pending, assert_ready, assert_ready_err, assert_ready_ok, assert_wakes,
};
use egret_runtime::time::{self, Duration, Instant};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::Poll;

async fn read(stream: &mut Scripted, most: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; most];
    let n = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await?;
    buffer.truncate(n);
    Ok(buffer)
}

async fn write(stream: &mut Scripted, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_write(cx, bytes)).await
}

async fn shut(stream: &mut Scripted) -> io::Result<()> {
    poll_fn(|cx| stream.poll_shutdown(cx)).await
}

/// The result of a poll that must not be pending.
fn now<T>(future: impl Future<Output = T>) -> T {
    assert_ready!(test::spawn(future).poll())
}

#[test]
fn reads_and_writes_end_where_the_steps_do() {
    let mut stream = Script::new().read(b"abc").read(b"d").write(b"he").write(b"llo").stream();
    now(async {
        assert_eq!(read(&mut stream, 0).await?, b"");
        assert_eq!(read(&mut stream, 2).await?, b"ab");
        assert_eq!(read(&mut stream, 2).await?, b"c");
        assert_eq!(read(&mut stream, 2).await?, b"d");
        assert_eq!(write(&mut stream, b"").await?, 0);
        assert_eq!(write(&mut stream, b"hello").await?, 2); // a short write
        assert_eq!(write(&mut stream, b"l").await?, 1);
        assert_eq!(write(&mut stream, b"lo").await?, 2);
        assert_eq!(read(&mut stream, 2).await?, b""); // the script is over
        io::Result::Ok(())
    })
    .unwrap();
}

#[test]
fn errors_and_ends_come_at_their_place() {
    let mut script = Script::new();
    script.read(b"a").read_error(ErrorKind::Interrupted).read(b"b").eof();
    script
        .write_error(io::Error::from_raw_os_error(11))
        .write(b"x")
        .write_error(ErrorKind::BrokenPipe)
        .shutdown();
    let mut stream = script.stream();
    now(async {
        assert_eq!(read(&mut stream, 9).await?, b"a");
        assert_eq!(read(&mut stream, 9).await.unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(read(&mut stream, 9).await?, b"b");
        assert_eq!(read(&mut stream, 9).await?, b"");
        assert_eq!(read(&mut stream, 9).await?, b"");
        assert_eq!(write(&mut stream, b"x").await.unwrap_err().raw_os_error(), Some(11));
        assert_eq!(write(&mut stream, b"x").await?, 1);
        assert_eq!(shut(&mut stream).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        shut(&mut stream).await?;
        shut(&mut stream).await?;
        assert_eq!(write(&mut stream, b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        io::Result::Ok(())
    })
    .unwrap();
}

#[test]
fn the_other_end_answers_when_it_has_what_it_waits_for() {
    let mut stream = test::spawn(Script::new().write(b"ask").read(b"answer").stream());
    let mut writer = test::spawn(());
    let mut buffer = [0; 16];
    assert_pending!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    assert_eq!(assert_ready_ok!(writer.enter(|cx, _| stream.poll_write(cx, b"as"))), 2);
    assert_wakes!(stream, 0);
    assert_eq!(assert_ready_ok!(writer.enter(|cx, _| stream.poll_write(cx, b"k"))), 1);
    assert_wakes!(stream, 1);
    assert_eq!(assert_ready_ok!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))), 6);
    assert_eq!(&buffer[..6], b"answer");
}

#[test]
fn a_script_that_is_alive_is_added_to_and_its_drop_is_the_end() {
    let mut script = Script::new();
    let mut stream = test::spawn(script.stream());
    let mut writer = test::spawn(());
    let mut buffer = [0; 16];
    assert_pending!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    assert_pending!(writer.enter(|cx, _| stream.poll_write(cx, b"x")));
    script.write(b"x");
    assert_wakes!(writer, 1);
    assert_eq!(assert_ready_ok!(writer.enter(|cx, _| stream.poll_write(cx, b"x"))), 1);
    assert_pending!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    script.read_error(ErrorKind::ConnectionReset);
    assert_eq!(
        assert_ready_err!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))).kind(),
        ErrorKind::ConnectionReset
    );
    assert_pending!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    stream.take_wakes();
    drop(script);
    assert_wakes!(stream, 1);
    assert_eq!(assert_ready_ok!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))), 0);
}

#[test]
fn a_delay_holds_both_directions_to_the_nanosecond_and_wakes_both() {
    let rt = Runtime::new().unwrap();
    test::within(&rt, time::pause);
    let (short, long) = (Duration::from_nanos(1_500), Duration::from_secs(60));
    let script = Script::new().read(b"a").wait(short).wait(long).read(b"b").write(b"c").stream();
    let mut stream = test::spawn(script);
    let (mut writer, mut buffer) = (test::spawn(()), [0; 16]);
    let _in = rt.enter();
    let start = Instant::now();
    let mut poll_read = |stream: &mut test::Probe<Scripted>| {
        stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)).map(Result::unwrap)
    };
    assert_eq!(poll_read(&mut stream), Poll::Ready(1));
    // The first delay began with the first poll, and the second follows it, however late that is noticed.
    assert_pending!(poll_read(&mut stream));
    test::advance(&rt, Duration::from_secs(10));
    assert_wakes!(stream, 1);
    assert_pending!(poll_read(&mut stream));
    assert_pending!(writer.enter(|cx, _| stream.poll_write(cx, b"c")));
    test::advance(&rt, long + short - start.elapsed() - Duration::from_nanos(1));
    assert_eq!((stream.take_wakes(), writer.take_wakes()), (0, 0));
    test::advance(&rt, Duration::from_nanos(1));
    assert_eq!((stream.take_wakes(), writer.take_wakes()), (1, 1));
    assert_eq!(poll_read(&mut stream), Poll::Ready(1));
    assert_eq!(assert_ready_ok!(writer.enter(|cx, _| stream.poll_write(cx, b"c"))), 1);
}

#[test]
fn a_delay_is_not_lost_with_a_direction_that_gave_up() {
    let rt = Runtime::new().unwrap();
    test::within(&rt, time::pause);
    rt.block_on(async {
        let mut stream = Script::new().wait(Duration::from_secs(5)).read(b"late").stream();
        let early = time::timeout(Duration::from_secs(1), read(&mut stream, 9)).await;
        assert!(early.is_err());
        assert_eq!(read(&mut stream, 9).await.unwrap(), b"late");
    });
}

/// The message, with the line numbers taken out.
fn failure_of(script: &mut Script, run: impl AsyncFnOnce(&mut Scripted) -> io::Result<()>) -> String {
    let mut stream = script.stream();
    *script = Script::new(); // the list is over
    let message = failure(move || {
        now(run(&mut stream)).unwrap();
        drop(stream);
    });
    let mut words = message.split(file!());
    let first = words.next().unwrap().to_owned();
    words.fold(first, |text, rest| {
        text + "HERE" + rest.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit())
    })
}

#[test]
fn a_write_that_differs_shows_what_was_expected_and_what_came() {
    let message = failure_of(Script::new().read(b"q").write(b"pong").write(b"!"), async |stream| {
        read(stream, 9).await?;
        write(stream, b"po").await?;
        write(stream, b"nk!").await.map(|_| ())
    });
    assert_eq!(
        message,
        "a scripted stream: step 2 (write, HERE) of 3: byte 1 is another\n expected \"ng\"\n      got \"nk!\""
    );
}

#[test]
fn a_write_without_a_step_an_early_end_and_a_late_write_are_named() {
    let message = failure_of(Script::new().write(b"a"), async |stream| {
        write(stream, b"ab").await?;
        write(stream, b"b").await.map(|_| ())
    });
    assert_eq!(message, "a scripted stream: its script of 1 steps is over, and the program writes \"b\"");

    let message = failure_of(Script::new().write(b"abc"), async |stream| {
        write(stream, b"ab").await?;
        shut(stream).await
    });
    assert_eq!(
        message,
        "a scripted stream: step 1 (write, HERE) of 1: the program ends its direction\n expected a write of \"c\""
    );

    let message = failure_of(Script::new().shutdown(), async |stream| write(stream, b"x").await.map(|_| ()));
    assert_eq!(
        message,
        "a scripted stream: step 1 (shutdown, HERE) of 1: the program is to end its direction, and writes \"x\""
    );
}

#[test]
fn a_script_that_is_not_finished_lists_what_is_left() {
    let script = &mut Script::new();
    script.read(b"abc").read_error(ErrorKind::TimedOut).eof().write(b"xyz").wait(Duration::from_secs(1));
    script.write_error(ErrorKind::BrokenPipe).shutdown().wait(Duration::from_secs(1));
    let message = failure_of(script, async |stream| {
        read(stream, 1).await?;
        write(stream, b"x").await.map(|_| ())
    });
    let expected = "\
a scripted stream: dropped with 7 of 8 steps not done:
  step 1 (read, HERE): \"bc\" was not read
  step 2 (read_error, HERE): \"timed out\" was not read
  step 3 (eof, HERE): the end of the stream was not read
  step 4 (write, HERE): \"yz\" was not written
  step 5 (wait, HERE): 1s
  step 6 (write_error, HERE): no write got \"broken pipe\"
  step 7 (shutdown, HERE): the program has not ended its direction";
    assert_eq!(message, expected);
}

#[test]
fn misuse_of_a_script_is_a_panic_where_it_is_written() {
    assert!(failure(|| Script::new().read(b"").stream()).contains("use eof"));
    assert!(failure(|| Script::new().write(b"").stream()).contains("no bytes"));
    assert!(failure(|| Script::new().eof().read(b"x").stream()).contains("nothing is read after eof"));
    assert!(failure(|| Script::new().shutdown().write(b"x").stream()).contains("nothing is written after"));
    let mut script = Script::new();
    let _stream = script.stream();
    assert!(failure(|| script.stream()).contains("a script has one stream"));
}

#[test]
fn a_failure_is_reported_once_and_not_over_another_panic() {
    let mut stream = Script::new().write(b"a").stream();
    assert!(failure(|| now(write(&mut stream, b"b"))).contains("another"));
    drop(stream); // says nothing
    let message = failure(|| {
        let _stream = Script::new().read(b"unread").stream();
        panic!("the first");
    });
    assert_eq!(message, "the first");
    let rt = Runtime::new().unwrap();
    let stream = Script::new().read(b"unread").stream();
    let task = rt.spawn(async move { drop(stream) });
    assert!(rt.block_on(task).unwrap_err().is_panic());
}

#[cfg(feature = "futures-io")]
#[test]
fn a_script_has_the_traits_of_futures_io() {
    use futures_io::{AsyncRead, AsyncWrite};
    let mut stream = test::spawn(Script::new().read(b"in").write(b"out").shutdown().stream());
    let mut buffer = [0; 4];
    assert_eq!(assert_ready_ok!(stream.enter(|cx, stream| AsyncRead::poll_read(stream, cx, &mut buffer))), 2);
    assert_eq!(assert_ready_ok!(stream.enter(|cx, stream| AsyncWrite::poll_write(stream, cx, b"out"))), 3);
    assert_ready_ok!(stream.enter(|cx, stream| AsyncWrite::poll_flush(stream, cx)));
    assert_ready_ok!(stream.enter(|cx, stream| AsyncWrite::poll_close(stream, cx)));
}

#[cfg(feature = "tokio-io")]
#[test]
fn a_script_has_the_traits_of_tokio() {
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    let mut stream = test::spawn(Script::new().read(b"in").write(b"out").shutdown().stream());
    let mut memory = [0; 4];
    let mut buffer = ReadBuf::new(&mut memory);
    assert_ready_ok!(stream.enter(|cx, stream| AsyncRead::poll_read(stream, cx, &mut buffer)));
    assert_eq!(buffer.filled(), b"in");
    assert_eq!(assert_ready_ok!(stream.enter(|cx, stream| AsyncWrite::poll_write(stream, cx, b"out"))), 3);
    assert_ready_ok!(stream.enter(|cx, stream| AsyncWrite::poll_flush(stream, cx)));
    assert_ready_ok!(stream.enter(|cx, stream| AsyncWrite::poll_shutdown(stream, cx)));
}

#[cfg(feature = "hyper")]
#[test]
fn a_script_has_the_traits_of_hyper() {
    use hyper::rt::{Read, ReadBuf, Write};
    let mut stream = test::spawn(Script::new().read(b"in").write(b"out").shutdown().stream());
    let mut memory = [0; 4];
    let mut buffer = ReadBuf::new(&mut memory);
    assert_ready_ok!(stream.enter(|cx, stream| Read::poll_read(stream, cx, buffer.unfilled())));
    assert_eq!(buffer.filled(), b"in");
    assert_eq!(assert_ready_ok!(stream.enter(|cx, stream| Write::poll_write(stream, cx, b"out"))), 3);
    assert_ready_ok!(stream.enter(|cx, stream| Write::poll_flush(stream, cx)));
    assert_ready_ok!(stream.enter(|cx, stream| Write::poll_shutdown(stream, cx)));
}
