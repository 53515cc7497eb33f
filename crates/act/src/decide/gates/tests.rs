use jiff::civil::time;

use super::*;

/// When quiet hours end, in local time with the offset; empty where it is not quiet.
fn ends(zone: &str, quiet: ((i8, i8), (i8, i8)), now: &str) -> String {
    let zone = TimeZone::get(zone).expect("bundled");
    let ((from, from_minute), (to, to_minute)) = quiet;
    let quiet = QuietHours { from: time(from, from_minute, 0, 0), to: time(to, to_minute, 0, 0) };
    let now = Timestamp::parse(now, &zone).expect("a time");
    let until = quiet_until_us(quiet, now.as_micros(), &zone);
    let shown =
        |us: i64| Timestamp::from_micros(us).to_jiff().to_zoned(zone.clone()).strftime("%m-%dT%H:%M%:z").to_string();
    until.map(shown).unwrap_or_default()
}

const NIGHT: ((i8, i8), (i8, i8)) = ((20, 0), (8, 0));

#[test]
fn quiet_hours_may_go_over_midnight() {
    let berlin = |now| ends("Europe/Berlin", NIGHT, now);
    assert_eq!(berlin("2026-03-02T19:59:59"), "");
    assert_eq!(berlin("2026-03-02T20:00"), "03-03T08:00+01:00");
    assert_eq!(berlin("2026-03-03T07:59"), "03-03T08:00+01:00");
    assert_eq!(berlin("2026-03-03T08:00"), "");
    assert_eq!(berlin("2026-03-28T23:00"), "03-29T08:00+02:00", "clocks go forward in that night");
    let noon = |now| ends("Europe/Berlin", ((12, 0), (13, 30)), now);
    assert_eq!(
        (noon("2026-03-02T11:59"), noon("2026-03-02T12:00"), noon("2026-03-02T13:30")),
        (String::new(), "03-02T13:30+01:00".to_owned(), String::new())
    );
}

#[test]
fn where_clocks_skip_or_repeat_an_hour_it_still_ends() {
    // Cairo goes forward from 24:00 of 23 April 2026: midnight does not exist.
    assert_eq!(ends("Africa/Cairo", ((22, 0), (0, 30)), "2026-04-23T23:30"), "04-24T01:30+03:00");
    // Lord Howe goes back by half an hour at 2:00 on 5 April 2026: 1:45 comes twice.
    let lord_howe = |now| ends("Australia/Lord_Howe", ((20, 0), (1, 45)), now);
    assert_eq!(lord_howe("2026-04-05T01:40:00+11:00"), "04-05T01:45+11:00");
    assert_eq!(lord_howe("2026-04-05T01:50:00+11:00"), "", "it was over once");
    assert_eq!(lord_howe("2026-04-05T01:40:00+10:30"), "04-05T01:45+10:30", "and is quiet again until the second one");
    // Samoa left out 30 December 2011.
    assert_eq!(ends("Pacific/Apia", NIGHT, "2011-12-29T21:00"), "12-31T08:00+14:00");
}

#[test]
fn hours_that_end_where_they_begin_never_end() {
    let quiet = QuietHours { from: time(8, 0, 0, 0), to: time(8, 0, 0, 0) };
    for now_us in [0, 8 * 3_600_000_000, 1_772_445_600_000_000] {
        assert_eq!(quiet_until_us(quiet, now_us, &TimeZone::UTC), Some(i64::MAX));
    }
}
