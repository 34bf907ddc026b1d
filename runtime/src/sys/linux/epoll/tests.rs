//! Tests of the calls of epoll.

use super::*;

#[test]
fn the_head_of_an_event_is_its_mask_below_the_low_half_of_its_token() {
    let mut events = Events::with_capacity(2);
    events.buffer[0] = libc::epoll_event { events: 5, u64: 0x0123_4567_89ab_cdef };
    events.buffer[1] = libc::epoll_event { events: 0, u64: u64::MAX };
    events.len = 2;
    let all: Vec<_> = events.with_heads().map(|(token, head)| (token, head.mask(), head.bits())).collect();
    assert_eq!(all, [(0x0123_4567_89ab_cdef, 5, 0x89ab_cdef_0000_0005), (u64::MAX, 0, 0xffff_ffff << 32)]);
}

#[test]
fn a_timeout_in_milliseconds_is_rounded_up_and_saturates() {
    assert_eq!([1, 1_000_000, 1_000_001].map(milliseconds_up), [1, 1, 2]);
    assert_eq!([1_999_999, 2_000_000].map(milliseconds_down), [1, 2]);
    assert_eq!([milliseconds_up, milliseconds_down].map(|rounded| rounded(u64::MAX)), [libc::c_int::MAX; 2]);
    assert_eq!(nanoseconds(Duration::MAX), u64::MAX - 1);
}

#[test]
fn a_wait_that_a_signal_ends_has_no_events_and_any_other_failure_is_told() {
    assert_eq!(unless_interrupted(io::Error::from_raw_os_error(libc::EINTR)).unwrap(), 0);
    let told = unless_interrupted(io::Error::from_raw_os_error(libc::EINVAL)).unwrap_err();
    assert_eq!(told.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn a_wait_of_zero_returns_at_once_with_no_events() {
    let epoll = Backend::current().epoll().unwrap();
    let mut events = Events::with_capacity(4);
    assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    assert_eq!(events.iter().count(), 0);
}

#[test]
fn a_kernel_without_epoll_pwait2_still_waits_and_never_too_short() {
    let epoll = Backend::current().epoll().unwrap();
    let mut events = Events::with_capacity(4);
    for nanoseconds in [true, false] {
        epoll.nanoseconds.set(nanoseconds && !cfg!(miri));
        let timeout = Duration::from_micros(1_200);
        let start = std::time::Instant::now();
        assert_eq!(epoll.wait(&mut events, Some(timeout)).unwrap(), 0);
        assert!(start.elapsed() >= timeout);
    }
}

#[test]
fn a_write_to_a_full_eventfd_is_an_edge() {
    let backend = Backend::current();
    let epoll = backend.epoll().unwrap();
    let eventfd = backend.eventfd().unwrap();
    let mut events = Events::with_capacity(4);
    assert_eq!(eventfd.write(&(u64::MAX - 1).to_ne_bytes()).unwrap(), 8);
    epoll.add(eventfd.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
    for _ in 0..2 {
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 1);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        eventfd.notify().unwrap();
    }
    assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 1);
    assert_eq!(eventfd.take_count().unwrap(), 2);
}

#[test]
fn an_eventfd_written_twice_fires_twice_without_being_read() {
    let backend = Backend::current();
    let epoll = backend.epoll().unwrap();
    let eventfd = backend.eventfd().unwrap();
    let mut events = Events::with_capacity(4);
    epoll.add(eventfd.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
    for _ in 0..2 {
        eventfd.notify().unwrap();
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 1);
        assert_eq!(events.iter().next(), Some((7, mask::IN)));
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    }
}
