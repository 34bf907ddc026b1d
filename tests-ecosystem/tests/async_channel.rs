//! `async-channel` on egret: each waiter for a message, for room, or for the end is woken once.

mod wakes;

use async_channel::{RecvError, SendError};
use wakes::{BOTH, each_is_woken_once};

#[test]
fn a_receiver_is_woken_by_a_message() {
    for on in BOTH {
        let (sender, receiver) = async_channel::unbounded();
        let got = each_is_woken_once(on, vec![async move { receiver.recv().await }], move || {
            sender.try_send(7).unwrap();
            std::mem::forget(sender); // the end is another wake
        });
        assert_eq!(got, [Ok(7)]);
    }
}

#[test]
fn a_sender_is_woken_by_room() {
    for on in BOTH {
        let (sender, receiver) = async_channel::bounded(1);
        sender.try_send(1).unwrap();
        let theirs = receiver.clone();
        let sent = each_is_woken_once(on, vec![async move { sender.send(2).await }], move || {
            assert_eq!(theirs.try_recv(), Ok(1));
        });
        assert_eq!((sent, receiver.try_recv()), (vec![Ok(())], Ok(2)));
    }
}

#[test]
fn all_are_woken_by_the_end() {
    for on in BOTH {
        let (sender, receiver) = async_channel::unbounded::<()>();
        let receivers = (0..10).map(|_| receiver.clone()).map(|r| async move { r.recv().await }).collect();
        assert_eq!(each_is_woken_once(on, receivers, move || drop(sender)), [Err(RecvError); 10]);

        let (sender, receiver) = async_channel::bounded(1);
        sender.try_send(0).unwrap();
        let senders = (1..=10).map(|n| (n, sender.clone())).map(|(n, s)| async move { s.send(n).await });
        let failed = each_is_woken_once(on, senders.collect(), move || drop(receiver));
        assert_eq!(failed, (1..=10).map(|n| Err(SendError(n))).collect::<Vec<_>>());
    }
}

#[test]
fn a_hundred_thousand_messages_of_another_thread_come_in_order_through_a_narrow_channel() {
    let (sender, receiver) = async_channel::bounded(4);
    let thread = std::thread::spawn(move || (0..100_000).for_each(|n| sender.send_blocking(n).unwrap()));
    egret::block_on(async {
        for n in 0..100_000 {
            assert_eq!(receiver.recv().await, Ok(n));
        }
        assert_eq!(receiver.recv().await, Err(RecvError));
    });
    thread.join().unwrap();
}
