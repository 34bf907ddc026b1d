//! Tasks that watch a whole connection while another has one of its halves: by `AsRef`, without a lock.

use egret::net::{TcpListener, TcpStream};
use egret::runtime::Runtime;
use egret::time::{Duration, timeout};
use std::cell::Cell;
use std::rc::Rc;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far)
}

#[test]
fn a_task_that_waits_for_readable_is_woken_though_the_half_of_another_waits_to_read() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (near, mut far) = pair().await;
        let (mut reading, writing) = near.into_split();
        assert!(reading.try_read(&mut [0]).is_err()); // clears the initial readiness
        let woken = Rc::new(Cell::new(0));
        let counted = woken.clone();
        let watcher = egret::spawn(async move {
            let whole: &TcpStream = writing.as_ref();
            whole.readable().await.unwrap();
            counted.set(counted.get() + 1);
            writing
        });
        egret::task::yield_now().await; // it waits first, and the reader takes its place
        let reader = egret::spawn(async move {
            let mut buffer = [0; 3]; // leaves two bytes, so that there is something to be readable
            assert_eq!(reading.read(&mut buffer).await.unwrap(), 3);
            reading
        });
        egret::task::yield_now().await;
        far.write_all(b"hello").await.unwrap();
        let reading = timeout(Duration::from_secs(10), reader).await.unwrap().unwrap();
        let writing = timeout(Duration::from_secs(10), watcher).await.expect("the watcher is woken").unwrap();
        assert_eq!(woken.get(), 1);
        drop((reading, writing));
    });
}
