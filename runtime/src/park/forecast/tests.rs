//! The forecast is fed with the lengths of waits; what it wants is asserted after each.

use super::*;

const LIMIT: u64 = 20_000;

/// A wait that a loop sees: so long in itself, and longer by a wake-up when it sleeps.
fn wait(forecast: &mut Forecast, length: u64, wake_up: u64) -> bool {
    let awake = forecast.begin() > 0;
    let slept = !awake || length > forecast.begin();
    *forecast = forecast.after(if slept { length + wake_up } else { length }, awake);
    awake
}

/// How many of `count` waits of these lengths, in turn, began awake.
fn awake(forecast: &mut Forecast, count: usize, lengths: &[u64], wake_up: u64) -> usize {
    let lengths = lengths.iter().cycle().take(count);
    lengths.filter(|length| wait(forecast, **length, wake_up)).count()
}

#[test]
fn a_new_one_sleeps() {
    assert_eq!(Forecast::new(LIMIT).begin(), 0);
}

#[test]
fn short_waits_are_awake_from_the_thirty_third_on_although_the_wake_up_hides_how_short_they_are() {
    let mut forecast = Forecast::new(LIMIT);
    assert_eq!(awake(&mut forecast, 32, &[10_000], 50_000), 0);
    assert_eq!(forecast.begin(), LIMIT);
    assert_eq!(awake(&mut forecast, 10_000, &[10_000], 50_000), 10_000);
}

#[test]
fn long_waits_are_never_awake() {
    for length in [NEAR * LIMIT, 1_000_000, 10_000_000_000, u64::MAX - 1] {
        assert_eq!(awake(&mut Forecast::new(LIMIT), 10_000, &[length], 1), 0);
    }
}

#[test]
fn near_waits_with_long_ones_between_them_are_no_conversation() {
    let mut forecast = Forecast::new(LIMIT);
    for _ in 0..100 {
        assert_eq!(awake(&mut forecast, 31, &[10_000], 50_000), 0);
        assert_eq!(awake(&mut forecast, 1, &[1_000_000_000], 50_000), 0);
    }
}

#[test]
fn a_trial_outlasts_a_client_that_has_to_wake_up_first() {
    let mut forecast = Forecast::new(LIMIT);
    awake(&mut forecast, 32, &[10_000], 50_000);
    assert_eq!(awake(&mut forecast, 2, &[100_000], 50_000), 2);
    assert_eq!(awake(&mut forecast, 1_000, &[15_000], 50_000), 1_000);
}

#[test]
fn of_waits_that_look_near_and_are_not_the_trials_get_rarer() {
    let mut forecast = Forecast::new(LIMIT);
    // After 32 + 64 + 128 + 256 + 512 waits, and then after each 1024.
    for patience in [32, 64, 128, 256, 512, 1024, 1024, 1024] {
        assert_eq!(awake(&mut forecast, patience, &[100_000], 50_000), 0, "{patience}");
        assert_eq!(awake(&mut forecast, 3, &[100_000], 50_000), 3, "{patience}");
    }
}

#[test]
fn a_trial_that_goes_well_makes_the_next_ones_sooner() {
    let mut forecast = Forecast::new(LIMIT);
    while forecast.patience < MOST_PATIENCE {
        wait(&mut forecast, 100_000, 50_000);
    }
    assert_eq!(awake(&mut forecast, 1024 + 16, &[1_000], 50_000), 16);
    assert_eq!(forecast.patience, LEAST_PATIENCE);
    // Once more for nothing, and the next is after 32 again.
    assert_eq!(awake(&mut forecast, 10, &[100_000], 50_000), 3);
    assert_eq!(forecast.begin(), 0);
    assert_eq!(forecast.patience, LEAST_PATIENCE);
}

#[test]
fn one_pause_does_not_end_a_conversation_and_three_in_a_row_do() {
    let mut forecast = Forecast::new(LIMIT);
    awake(&mut forecast, 100, &[5_000], 50_000);
    for _ in 0..10 {
        assert_eq!(awake(&mut forecast, 1, &[1_000_000_000], 50_000), 1);
        assert_eq!(awake(&mut forecast, 30, &[5_000], 50_000), 30);
    }
    assert_eq!(awake(&mut forecast, 100, &[1_000_000_000], 50_000), 2);
}

#[test]
fn it_is_the_mean_that_counts_and_not_how_many_are_short() {
    // Three of four are short, and their mean is over the limit: awake would cost more.
    let mut forecast = Forecast::new(LIMIT);
    awake(&mut forecast, 64, &[1_000], 50_000);
    assert!(awake(&mut forecast, 10_000, &[1_000, 1_000, 1_000, 1_000_000], 50_000) < 200);
    // Half of them are over the limit by a little, and the mean is not.
    let mut forecast = Forecast::new(LIMIT);
    awake(&mut forecast, 64, &[1_000], 50_000);
    assert_eq!(awake(&mut forecast, 10_000, &[1_000, 30_000], 0), 10_000);
}

#[test]
fn it_never_asks_for_more_than_the_limit() {
    let mut forecast = Forecast::new(LIMIT);
    let mut state = 1_u64;
    for _ in 0..100_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        assert!([0, LIMIT].contains(&forecast.begin()));
        wait(&mut forecast, state >> (state % 64), 50_000);
    }
}

#[test]
fn a_limit_without_end_does_not_overflow() {
    let mut forecast = Forecast::new(u64::MAX);
    assert_eq!(awake(&mut forecast, 32, &[1_000_000_000], 1), 0);
    assert_eq!(awake(&mut forecast, 100, &[1_000_000_000, u64::MAX / 256], 1), 100);
}

#[test]
fn a_wait_that_began_under_another_opinion_changes_nothing() {
    let asleep = Forecast::new(LIMIT);
    assert_eq!(asleep.after(1, true), asleep);
    let mut awake_now = asleep;
    awake(&mut awake_now, 40, &[1_000], 0);
    assert_eq!(awake_now.after(u64::MAX, false), awake_now);
}
