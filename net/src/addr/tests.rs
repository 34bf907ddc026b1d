use super::sealed::ToTarget;
use super::*;

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.host, self.port) == (other.host, other.port)
    }
}

#[test]
fn what_reads_as_an_address_is_one_and_nothing_is_looked_up() {
    let v4 = SocketAddr::from(([127, 0, 0, 1], 80));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 80));
    assert_eq!("127.0.0.1:80".to_target().unwrap(), Target::One(v4));
    assert_eq!(String::from("[::1]:80").to_target().unwrap(), Target::One(v6));
    assert_eq!(("127.0.0.1", 80).to_target().unwrap(), Target::One(v4));
    assert_eq!((String::from("::1"), 80).to_target().unwrap(), Target::One(v6));
    assert_eq!((Ipv6Addr::LOCALHOST, 80).to_target().unwrap(), Target::One(v6));
    assert_eq!((&&v4).to_target().unwrap(), Target::One(v4));
    assert_eq!([v4, v6][..].to_target().unwrap(), Target::Many(&[v4, v6]));
}

#[test]
fn what_does_not_is_a_name() {
    assert_eq!("localhost:80".to_target().unwrap(), Target::Name(Name::new("localhost", 80)));
    assert_eq!(("localhost", 80).to_target().unwrap(), Target::Name(Name::new("localhost", 80)));
}

#[test]
fn an_interface_is_looked_up_with_its_address_and_without_the_brackets() {
    assert_eq!("[fe80::1%eth0]:80".to_target().unwrap(), Target::Name(Name::new("fe80::1%eth0", 80)));
    assert_eq!(("fe80::1%eth0", 80).to_target().unwrap(), Target::Name(Name::new("fe80::1%eth0", 80)));
    // By its number nothing is looked up.
    let by_number = SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 3);
    assert_eq!("[fe80::1%3]:80".to_target().unwrap(), Target::One(by_number.into()));
    for other in ["[fe80::1%]:80", "[name%eth0]:80", "[name]:80", "[::1:80"] {
        let host = other.strip_suffix(":80").unwrap();
        assert_eq!(other.to_target().unwrap(), Target::Name(Name::new(host, 80)));
    }
}

#[test]
fn a_string_without_a_good_port_is_invalid_and_says_what_is_missing() {
    // "::1" ends in ":1" and so has a port; getaddrinfo refuses its host.
    assert_eq!("::1".to_target().unwrap(), Target::Name(Name::new(":", 1)));
    let missing = ["localhost", "", "[::1]"].map(|text| (text, "host:port"));
    let bad = ["localhost:", "localhost:http", "localhost:65536"].map(|text| (text, "0 to 65535"));
    for (text, says) in missing.into_iter().chain(bad) {
        let e = text.to_target().unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::InvalidInput);
        assert!(e.to_string().contains(says), "{text}: {e}");
    }
}

#[test]
fn no_address_at_all_is_invalid_and_an_error_of_the_last_is_kept() {
    assert_eq!(all_failed(None).kind(), io::ErrorKind::InvalidInput);
    let refused = io::Error::from_raw_os_error(111);
    assert_eq!(all_failed(Some(refused)).raw_os_error(), Some(111));
}
