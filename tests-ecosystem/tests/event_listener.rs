//! `event-listener` on egret, the base of most foreign locks and channels.

mod wakes;

use egret::task::yield_now;
use event_listener::{Event, EventListener};
use std::sync::Arc;
use wakes::{BOTH, each_is_woken_once, is_pending};

#[test]
fn each_listener_is_woken_once_by_a_notification_of_all() {
    for on in BOTH {
        let event = Arc::new(Event::new());
        let listeners: Vec<EventListener> = (0..100).map(|_| event.listen()).collect();
        each_is_woken_once(on, listeners, move || {
            event.notify(usize::MAX);
        });
    }
}

#[egret::test]
async fn a_notification_of_one_wakes_one_in_the_order_of_coming() {
    let event = Event::new();
    let mut listeners = [event.listen(), event.listen(), event.listen()];
    for listener in &mut listeners {
        assert!(is_pending(listener).await);
    }
    event.notify(2);
    yield_now().await;
    let [first, second, mut third] = listeners;
    first.await;
    second.await;
    assert!(is_pending(&mut third).await);
    event.notify(1);
    third.await;
}

// A listener that is given up passes its notification on: nobody waits for ever.
#[egret::test]
async fn a_notified_listener_that_is_dropped_passes_it_on() {
    let event = Event::new();
    let (first, second) = (event.listen(), event.listen());
    event.notify(1);
    drop(first);
    second.await;
}
