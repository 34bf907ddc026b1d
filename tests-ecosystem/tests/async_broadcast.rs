//! `async-broadcast` on egret: each receiver gets each message.

mod wakes;

use async_broadcast::RecvError;
use wakes::{BOTH, each_is_woken_once};

// N10 of docs/pitfalls.md: the cost of a message is that of its receivers, once each.
#[test]
fn each_receiver_is_woken_once_by_a_message() {
    for on in BOTH {
        let (sender, receiver) = async_broadcast::broadcast(1);
        let receivers: Vec<_> = (0..100).map(|_| receiver.new_receiver()).collect();
        let inactive = receiver.deactivate();
        let waits = receivers.into_iter().map(|mut receiver| async move { receiver.recv().await }).collect();
        let got = each_is_woken_once(on, waits, move || {
            sender.try_broadcast(5).unwrap();
            std::mem::forget((sender, inactive)); // the end is another wake
        });
        assert_eq!(got, [Ok(5); 100]);
    }
}

#[test]
fn the_end_is_told_to_all() {
    for on in BOTH {
        let (sender, receiver) = async_broadcast::broadcast::<()>(1);
        let receivers: Vec<_> = (0..10).map(|_| receiver.new_receiver()).collect();
        drop(receiver);
        let waits = receivers.into_iter().map(|mut receiver| async move { receiver.recv().await }).collect();
        assert_eq!(each_is_woken_once(on, waits, move || drop(sender)), [Err(RecvError::Closed); 10]);
    }
}

#[test]
fn a_sender_waits_for_the_slowest_receiver() {
    for on in BOTH {
        let (sender, mut receiver) = async_broadcast::broadcast(1);
        sender.try_broadcast(1).unwrap();
        let waits = async move { sender.broadcast(2).await.map(|_| ()) };
        each_is_woken_once(on, vec![waits], move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            std::mem::forget(receiver);
        });
    }
}
