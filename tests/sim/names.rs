//! Names: look-ups with several answers, with none, and with none yet.

use crate::report::has_its_seeds;
use egret::net::tcp::Connector;
use egret::net::{TcpListener, TcpStream, lookup_host};
use egret::sim::{self, Fault, Faults, Name, Sim};
use egret::time::{Instant, sleep, timeout};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// No host's.
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// What a look-up comes to, and the seconds that it took.
async fn look_up(name: &str) -> (Result<Vec<IpAddr>, String>, u64) {
    let begin = Instant::now();
    let found = lookup_host((name, 80)).await;
    let found = found.map(|all| all.map(|address| address.ip()).collect()).map_err(|error| error.to_string());
    (found, begin.elapsed().as_secs())
}

#[test]
fn a_name_has_all_of_its_addresses_in_an_order_that_the_seed_draws() {
    let orders = |seed| {
        let (sim, orders) = (Sim::new(seed), Rc::new(RefCell::new(Vec::new())));
        let host = sim.host("host");
        let all = [V6, V4, host.ip()];
        sim.name("many.example", all);
        let theirs = orders.clone();
        host.client(async move {
            for _ in 0..2 {
                let (found, seconds) = look_up("many.example").await;
                let order: Vec<_> =
                    found.unwrap().iter().map(|ip| all.iter().position(|other| other == ip)).collect();
                assert_eq!((order.len(), seconds), (3, 0));
                theirs.borrow_mut().push(order.into_iter().map(Option::unwrap).collect::<Vec<_>>());
            }
        });
        sim.run();
        orders.take()
    };
    let drawn: Vec<_> = (0..100).map(orders).collect();
    assert_eq!(drawn.concat().into_iter().collect::<BTreeSet<_>>().len(), 6, "each order of three");
    assert!(drawn.iter().any(|orders| orders[0] != orders[1]), "each look-up has its own");
    assert_eq!((0..20).map(orders).collect::<Vec<_>>(), drawn[..20]);
}

const UNKNOWN: &str = "Name or service not known";
const TEMPORARY: &str = "Temporary failure in name resolution";

#[test]
fn a_name_fails_as_the_test_says_on_each_host_and_goes_on_when_it_says_otherwise() {
    sim::check(0..8, |sim| {
        let [one, other] = ["one", "other"].map(|name| sim.host(name));
        sim.name("gone", Name::NotFound);
        sim.name("other", Name::Failure); // in place of the host
        sim.name("none", Vec::new());
        one.name("gone", Name::Silence);
        sim.at(100 * SECOND, |sim| sim.name("other", [V4]));
        let fails = |found: &Result<Vec<IpAddr>, String>, why: &str, name: &str| {
            let error = found.as_ref().unwrap_err();
            assert!(error.contains(why) && error.contains(name), "{error}");
        };
        one.client(async move {
            for (name, why, takes) in [("gone", TEMPORARY, 10), ("other", TEMPORARY, 0), ("none", UNKNOWN, 0)]
            {
                let (found, seconds) = look_up(name).await;
                fails(&found, why, name);
                assert_eq!(seconds, takes, "{name}");
            }
            assert_eq!(look_up("one").await.0.unwrap().len(), 1);
            sleep(200 * SECOND).await;
            assert_eq!(look_up("other").await, (Ok(vec![V4]), 0));
        });
        other.client(async move {
            let (found, seconds) = look_up("gone").await;
            fails(&found, UNKNOWN, "gone");
            assert_eq!(seconds, 0, "another host's name server is not this one's");
        });
    });
}

#[test]
fn a_question_that_is_lost_is_asked_again_and_a_program_may_give_up_before() {
    sim::check(0..20, |sim| {
        sim.faults(Faults::none().with(Fault::NameDelay, 1.0));
        sim.host("host").client(async {
            let begin = Instant::now();
            assert!(timeout(SECOND, lookup_host("host:80")).await.is_err());
            assert_eq!(begin.elapsed().as_secs(), 1);
            let (found, seconds) = look_up("host").await;
            assert_eq!((found.unwrap().len(), seconds), (1, 5));
        });
    });
}

/// The addresses of a name: one without a route, one that does not answer, and one that does. Whatever their order, the
/// connector is through in little more than one delay, and one address after the other may take two minutes.
#[test]
fn the_connector_finds_the_address_that_answers_whatever_the_order() {
    if !has_its_seeds("names::the_connector_finds_the_address_that_answers_whatever_the_order") {
        return;
    }
    let took = std::sync::Mutex::new(BTreeMap::new());
    sim::check(0..100, |sim| {
        let [live, dead, client] = ["live", "dead", "client"].map(|name| sim.host(name));
        sim.partition(&client, &dead);
        sim.name("service.example", [V6, dead.ip(), live.ip()]);
        live.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
            while listener.accept().await.is_ok() {}
        });
        let (at, seed, took) = (live.port(80), sim.seed(), &took);
        let told = Rc::new(RefCell::new(None));
        let tell = told.clone();
        client.client(async move {
            sleep(SECOND).await; // the listener is there
            let begin = Instant::now();
            let stream = Connector::new().connect("service.example:80").await.unwrap();
            let quick = begin.elapsed();
            assert_eq!(stream.peer_addr().unwrap(), at);
            assert!(quick < Duration::from_millis(300), "{quick:?}");
            let begin = Instant::now();
            let stream = TcpStream::connect("service.example:80").await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), at);
            *tell.borrow_mut() = Some((quick.as_millis() >= 250, begin.elapsed().as_secs() > 60));
        });
        sim.run();
        took.lock().unwrap().insert(seed, told.take().unwrap());
    });
    let took = took.into_inner().unwrap();
    let count = |of: fn(&(bool, bool)) -> bool| took.values().filter(|both| of(both)).count();
    assert_eq!(took.len(), 100);
    // Both orders of the two that have a route came up, for either way.
    for (waited, what) in [(count(|both| both.0), "a delay"), (count(|both| both.1), "two minutes")] {
        assert!((20..=80).contains(&waited), "{waited} of 100 waited {what}");
    }
}

#[test]
fn the_connector_fails_when_no_address_of_a_name_answers_within_its_limit() {
    sim::check(0..20, |sim| {
        let [dead, client] = ["dead", "client"].map(|name| sim.host(name));
        sim.partition(&client, &dead);
        sim.name("service.example", [V6, dead.ip()]);
        client.client(async {
            let begin = Instant::now();
            let connector = Connector::new().address_limit(2 * SECOND);
            let error = connector.connect("service.example:80").await.unwrap_err();
            assert_eq!((error.kind(), begin.elapsed().as_secs()), (std::io::ErrorKind::TimedOut, 2));
        });
    });
}
