use super::*;
use event::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const DMY: TimeFormat = TimeFormat::YearLast(DateOrder::DayMonthYear);
const MDY: TimeFormat = TimeFormat::YearLast(DateOrder::MonthDayYear);

fn moment(format: &TimeFormat, text: &str, zone: &str) -> Result<String, Fault> {
    let mut clock = Clock::new(TimeZone::get(zone).expect("bundled"));
    clock.moment(format.read(text)?).map(|at| at.to_string())
}

fn utc(format: &TimeFormat, text: &str) -> Result<String, Fault> {
    moment(format, text, "UTC")
}

#[test]
fn one_moment_in_every_form() {
    let pattern = |text: &str| TimeFormat::Pattern(text.to_owned());
    let forms = [
        (TimeFormat::YearFirst, "2026-03-02T09:05:00Z"),
        (TimeFormat::YearFirst, "2026-03-02 09:05"),
        (TimeFormat::YearFirst, "2026-03-02 09:05:00.000000000"),
        (TimeFormat::YearFirst, "2026-03-02T10:05:00,000+01:00"),
        (TimeFormat::YearFirst, "2026-03-02T10:05+01:00[Europe/Berlin]"),
        (TimeFormat::YearFirst, "2026-03-02 04:05:00 -0500"),
        (TimeFormat::YearFirst, "2026-03-02 09:05:00 UTC"),
        (TimeFormat::YearFirst, "2026-03-02 10:05:00+01"),
        (TimeFormat::YearFirst, "2026/3/2 9:05 AM"),
        (TimeFormat::YearFirst, "20260302T090500Z"),
        (TimeFormat::YearFirst, "20260302090500"),
        (DMY, "02/03/2026 09:05"),
        (DMY, "2.3.2026 9:05:00"),
        (DMY, "02-03-2026 09:05:00 AM"),
        (MDY, "3/2/2026, 9:05:00 am"),
        (TimeFormat::MonthName, "2 Mar 2026 09:05"),
        (TimeFormat::MonthName, "2-Mar-2026 09:05:00"),
        (TimeFormat::MonthName, "March 2, 2026 9:05 a.m."),
        (TimeFormat::MonthName, "Mon, 02 Mar 2026 10:05:00 +0100"),
        (TimeFormat::MonthName, "Mon Mar  2 09:05:00 2026"),
        (TimeFormat::MonthName, "Mon Mar 02 2026 10:05:00 GMT+0100 (Central European Time)"),
        (TimeFormat::Unix(Unit::Seconds), "1772442300"),
        (TimeFormat::Unix(Unit::Seconds), "1772442300.0"),
        (TimeFormat::Unix(Unit::Millis), "1772442300000"),
        (TimeFormat::Unix(Unit::Micros), "1772442300000000"),
        (TimeFormat::Unix(Unit::Nanos), "1772442300000000000"),
        (TimeFormat::Excel, "46083.37847222222"),
        (pattern("%d.%m.%y %H:%M"), "02.03.26 09:05"),
        (pattern("%Y-%m-%d %H:%M %z"), "2026-03-02 10:05 +0100"),
        (pattern("%s"), "1772442300"),
    ];
    for (format, text) in forms {
        assert_eq!(utc(&format, text), Ok("2026-03-02T09:05:00Z".to_owned()), "{text} as {format}");
    }
}

#[test]
fn fractions_and_half_days() {
    assert_eq!(utc(&TimeFormat::YearFirst, "2026-03-02T09:05:07.1234567"), Ok("2026-03-02T09:05:07.123456Z".into()));
    assert_eq!(utc(&MDY, "3/2/2026 12:00 AM"), Ok("2026-03-02T00:00:00Z".into()));
    assert_eq!(utc(&MDY, "3/2/2026 12:30 pm"), Ok("2026-03-02T12:30:00Z".into()));
    assert_eq!(utc(&TimeFormat::Unix(Unit::Seconds), "1772442300.25"), Ok("2026-03-02T09:05:00.25Z".into()));
}

#[test]
fn other_texts_are_not_of_the_form() {
    let wrong = [
        "",
        "2026",
        "2026-13-01",
        "2026-02-29",
        "2026-03-02T",
        "2026-03-02T25:00",
        "2026-03-02T09:61",
        "2026-03-02T9",
        "2026-03-02T09:00 EST",
        "2026-03-02T09:00+1:2",
        "2026-03/02",
        "2026-03-02x",
        "02/03/2026",
        "tomorrow",
        "-",
        "+",
        "2026-03-02T09:00:00Zjunk",
        "99999999",
        "20260230",
        "2026030",
        "2026-03-02 13:00 pm",
        "é",
        "2026-03-0२",
    ];
    for text in wrong {
        assert_eq!(TimeFormat::YearFirst.read(text), Err(Fault::NotOfThisForm), "{text}");
    }
    for text in ["31/31/2026", "1/2/26", "1/2-2026", "2026-01-02", "1//2026"] {
        assert_eq!(DMY.read(text), Err(Fault::NotOfThisForm), "{text}");
    }
    for text in ["2 Foo 2026", "Mar 2026", "Mon", "2 Mar", "31 Feb 2026"] {
        assert_eq!(TimeFormat::MonthName.read(text), Err(Fault::NotOfThisForm), "{text}");
    }
}

#[test]
fn impossible_years_and_placeholders_have_names() {
    let seconds = TimeFormat::Unix(Unit::Seconds);
    for (format, text) in [
        (&TimeFormat::YearFirst, "0000-01-01"),
        (&TimeFormat::YearFirst, "10000-01-01T00:00:00Z"),
        (&TimeFormat::YearFirst, "-0044-03-15"),
        (&seconds, "NaN"),
        (&seconds, "inf"),
        (&seconds, "-1e300"),
        (&seconds, "9223372036854775807"),
        (&seconds, "999999999999999"),
        (&TimeFormat::Excel, "1e20"),
    ] {
        assert_eq!(utc(format, text), Err(Fault::YearOutOfRange), "{text}");
    }
    for text in ["0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31 23:59:59", "0000-00-00 00:00:00"] {
        assert_eq!(utc(&TimeFormat::YearFirst, text), Err(Fault::Placeholder), "{text}");
    }
    assert_eq!(utc(&DMY, "31/12/9999"), Err(Fault::Placeholder));
}

#[test]
fn the_form_is_guessed_over_the_sample() {
    let guess = |sample: &[&str]| guess_times(sample.iter().copied(), None).map(|f| f.map(|f| f.to_string()));
    let is = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(guess(&["2026-03-02", "2026-03-02T09:00Z"]), is("iso"));
    assert_eq!(guess(&["29/2/2016 01:16", "5/3/2016 12:00"]), is("dmy"));
    assert_eq!(guess(&["1/2/2026", "12/31/2026"]), is("mdy"));
    assert_eq!(guess(&["01.02.2026"]), is("dmy"));
    assert_eq!(guess(&["2 Mar 2026"]), is("month-name"));
    assert_eq!(guess(&["20260302", "20260303"]), is("iso"));
    assert_eq!(guess(&["1772442300", "999999999"]), is("unix"));
    assert_eq!(guess(&["1772442300000"]), is("unix-ms"));
    assert_eq!(guess(&["1772442300000000"]), is("unix-us"));
    assert_eq!(guess(&["1772442300000000000"]), is("unix-ns"));
    assert_eq!(guess(&["", " "]), Ok(None));
    assert_eq!(guess(&["2026-03-02", "2026-03-03", "soon"]), is("iso"), "most of them");
    assert_eq!(guess(&["2026-03-02", "soon"]), Err(GuessTimesError::NotTimes { example: "soon".into() }));
    assert!(guess(&["12345", "17"]).is_err(), "counts that are no times");
}

#[test]
fn an_ambiguous_order_is_asked_for() {
    let sample = ["05/05/2026", "03/04/2026"];
    let error = guess_times(sample, None).expect_err("both orders fit");
    let text = error.to_string();
    for part in ["`03/04/2026`", "2026-04-03 (day first)", "2026-03-04 (month first)", "--dates dmy"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(guess_times(sample, Some(DateOrder::MonthDayYear)), Ok(Some(MDY)));
    let both = guess_times(["31/01/2026", "01/31/2026"], None).expect_err("contradiction");
    assert!(matches!(both, GuessTimesError::BothOrders { .. }), "{both}");
}

#[test]
fn names_of_forms_read_back() {
    for name in ["iso", "dmy", "mdy", "month-name", "unix", "unix-ms", "unix-us", "unix-ns", "excel", "%d/%m/%Y %H:%M"]
    {
        assert_eq!(name.parse::<TimeFormat>().expect(name).to_string(), name);
    }
    assert!("yesterday".parse::<TimeFormat>().is_err());
}

#[test]
fn naive_times_in_skipped_and_repeated_hours() {
    let at = |text| moment(&TimeFormat::YearFirst, text, "Europe/Berlin").expect(text);
    assert_eq!(at("2026-03-29T02:30"), "2026-03-29T01:30:00Z", "skipped: shifted forward");
    assert_eq!(at("2026-10-25T02:30"), "2026-10-25T00:30:00Z", "repeated: the first");
    assert_eq!(at("2026-10-25T03:30"), "2026-10-25T02:30:00Z");
}

proptest! {
    #[test]
    fn iso_times_are_read_as_jiff_reads_them(
        micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000,
        offset in -18..=18_i32,
        precision in 0..7_u8,
        with_offset in any::<bool>(),
        space in any::<bool>(),
    ) {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let unit = 10_i64.pow(u32::from(6 - precision.min(6)));
        let at = jiff::Timestamp::from_microsecond(micros.div_euclid(unit) * unit).expect("in range");
        let shown = jiff::tz::Offset::constant(i8::try_from(offset).expect("small")).to_datetime(at);
        let sign = if offset < 0 { '-' } else { '+' };
        let zoned = if with_offset { format!("{sign}{:02}:00", offset.abs()) } else { String::new() };
        let mut text = format!("{shown:.*}{zoned}", usize::from(precision));
        let expected = Timestamp::parse(&text, &zone).expect("jiff writes what it reads");
        if space {
            text = text.replace('T', " ");
        }
        let mut clock = Clock::new(zone);
        let read = TimeFormat::YearFirst.read(&text).expect("written by jiff");
        prop_assert_eq!(clock.moment(read), Ok(expected), "{}", text);
    }

    #[test]
    fn naive_times_are_the_same_with_and_without_memory(
        hours in proptest::collection::vec(0..200_000_i64, 1..40),
        zone in prop_oneof![Just("America/New_York"), Just("Australia/Lord_Howe"), Just("Asia/Kathmandu"), Just("Africa/Casablanca")],
    ) {
        let zone = TimeZone::get(zone).expect("bundled");
        let mut clock = Clock::new(zone.clone());
        for hour in hours {
            let naive = jiff::civil::date(2005, 1, 1).at(0, 30, 0, 0) + jiff::SignedDuration::from_hours(hour);
            prop_assert_eq!(clock.local(naive).ok(), Timestamp::from_naive(naive, &zone));
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[-+0-9TZ:./ aApPmMJjan,()\\[\\]é]{0,40}") {
        for format in ["iso", "dmy", "mdy", "month-name", "unix", "unix-ns", "excel", "%Y-%m-%d"] {
            let _ = format.parse::<TimeFormat>().expect("known").read(&text);
        }
        let _ = guess_times([text.as_str()], None);
    }
}
