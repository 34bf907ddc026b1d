//! The conditional requests of `static_files`: which conditions are met, and which takes precedence (RFC 9110, 13.2.2).

#[path = "../../examples/static_files/conditions.rs"]
mod conditions;

/// The parts of `http_server/request.rs` that `conditions` uses.
mod message {
    pub type Status = &'static str;
}

use crate::http_server::date;
use conditions::{Conditions, Validators};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const SAME: Option<&str> = Some("304 Not Modified");
const FAILED: Option<&str> = Some("412 Precondition Failed");

fn file(is_weak: bool) -> Validators {
    Validators { tag: "a,b".to_owned(), is_weak, modified: 784_111_777 }
}

fn conditions(fields: &[(&str, &str)]) -> Conditions {
    let mut conditions = Conditions::default();
    fields.iter().for_each(|(name, value)| conditions.add(name, value.as_bytes()));
    conditions
}

fn status(fields: &[(&str, &str)]) -> Option<&'static str> {
    conditions(fields).status(&file(false))
}

#[test]
fn a_tag_is_found_in_a_list_and_what_is_no_list_names_nothing() {
    for tags in
        ["\"a,b\"", "W/\"a,b\"", "\"x\", \"a,b\"", " , \"x\",W/\"y\"\t,\"a,b\" ,", "*", " * ", "\"\",\"a,b\""]
    {
        assert_eq!(status(&[("If-None-Match", tags)]), SAME, "{tags}");
    }
    for tags in [
        "",
        "\"a\"",
        "\"a\",\"b\"",
        "a,b",
        "\"a,b",
        "a,b\"",
        "w/\"a,b\"",
        "W/ \"a,b\"",
        "x, \"a,b\"",
        "**",
        "\"*\"",
    ] {
        assert_eq!(status(&[("If-None-Match", tags)]), None, "{tags}");
        assert_eq!(status(&[("If-Match", tags)]), FAILED, "{tags}");
    }
    assert_eq!(status(&[("if-none-match", "\"x\""), ("IF-NONE-MATCH", "\"a,b\"")]), SAME);
}

#[test]
fn a_weak_tag_is_enough_for_a_cache_and_not_for_parts_or_changes() {
    for (is_weak, tag, names_strongly) in [
        (false, "\"a,b\"", true),
        (false, "W/\"a,b\"", false),
        (true, "\"a,b\"", false),
        (true, "W/\"a,b\"", false),
    ] {
        let file = file(is_weak);
        assert_eq!(conditions(&[("If-None-Match", tag)]).status(&file), SAME, "{is_weak} {tag}");
        let matched = conditions(&[("If-Match", tag)]).status(&file);
        assert_eq!(matched.is_none(), names_strongly, "{is_weak} {tag}");
        assert_eq!(conditions(&[("If-Range", tag)]).allow_part(&file), names_strongly, "{is_weak} {tag}");
    }
    assert_eq!(status(&[("If-Match", "*")]), None);
}

#[test]
fn a_date_is_understood_in_three_forms_and_ignored_in_any_other() {
    for same in [
        DATE,
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        AFTER,
        "Sun, 06 Nov 2094 08:49:37 GMT",
    ] {
        assert_eq!(status(&[("If-Modified-Since", same)]), SAME, "{same}");
        assert_eq!(status(&[("If-Unmodified-Since", same)]), None, "{same}");
    }
    for other in [
        BEFORE,
        "Saturday, 05-Nov-94 23:59:60 GMT",
        "Thu Jan  1 00:00:00 1970",
        "Wed, 29 Feb 1984 12:00:00 GMT",
    ] {
        assert_eq!(status(&[("If-Modified-Since", other)]), None, "{other}");
        assert_eq!(status(&[("If-Unmodified-Since", other)]), FAILED, "{other}");
    }
    for none in [
        "",
        "now",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37:00 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1894 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "\u{e9}",
    ] {
        assert_eq!(status(&[("If-Modified-Since", none)]), None, "{none}");
        assert_eq!(status(&[("If-Unmodified-Since", none)]), None, "{none}");
        assert!(!conditions(&[("If-Range", none)]).allow_part(&file(false)), "{none}");
    }
    // Two of them are a list, which is no date.
    assert_eq!(status(&[("If-Modified-Since", DATE), ("If-Modified-Since", DATE)]), None);
}

#[test]
fn a_date_allows_a_part_when_it_is_the_one_of_the_file_and_strong() {
    for (date, is_weak, allows) in
        [(DATE, false, true), (DATE, true, false), (BEFORE, false, false), (AFTER, false, false)]
    {
        assert_eq!(conditions(&[("If-Range", date)]).allow_part(&file(is_weak)), allows, "{date} {is_weak}");
    }
    assert!(conditions(&[]).allow_part(&file(true)));
}

#[test]
fn tags_go_before_dates_and_a_change_before_what_is_the_same() {
    let (ours, other) = ("\"a,b\"", "\"x\"");
    for (fields, expected) in [
        ([("If-Match", ours), ("If-Unmodified-Since", BEFORE)], None),
        ([("If-Match", other), ("If-Unmodified-Since", AFTER)], FAILED),
        ([("If-None-Match", ours), ("If-Modified-Since", BEFORE)], SAME),
        ([("If-None-Match", other), ("If-Modified-Since", AFTER)], None),
        ([("If-Match", other), ("If-None-Match", ours)], FAILED),
        ([("If-Match", ours), ("If-None-Match", ours)], SAME),
        ([("If-Unmodified-Since", BEFORE), ("If-Modified-Since", AFTER)], FAILED),
        ([("If-Unmodified-Since", AFTER), ("If-Modified-Since", AFTER)], SAME),
    ] {
        assert_eq!(status(&fields), expected, "{fields:?}");
    }
}

/// Against the other direction, `imf_fixdate`, which has loops in place of this arithmetic.
#[test]
fn every_day_of_four_centuries_reads_back() {
    for day in 0..146_097 {
        let modified = day * 86_400 + day % 86_400;
        let date = date::imf_fixdate(modified);
        let date = std::str::from_utf8(&date).unwrap();
        let file = Validators { tag: String::new(), is_weak: false, modified };
        assert!(conditions(&[("If-Range", date)]).allow_part(&file), "{date}");
    }
}
