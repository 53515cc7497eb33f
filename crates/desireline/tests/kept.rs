//! Asked again after more has come, through the real program: every view answers as one that was never asked before.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// More segments for the telecom's charter, such as many belong to.
const MORE: &str = "segments:
  busy: events >= 12
  buyers: count_of.order >= 1
  callers: share_of_channel.call > 0.2
";

const HEADER: &str =
    "user_id,event,at,channel,source,department,phase,topic,ticket_id,total,nps,csat,ces,reason,Ergebnis\n";

const MAP: &str = "user_id=user_id,event=event,at=at,channel=channel,source=source,department=department,phase=phase,\
                   properties=topic|ticket_id|total|nps|csat|ces|reason|Ergebnis";

/// Everything that a view needs to be told.
const OPTIONS: [&str; 4] = ["--steps", "visit,cart,order", "--pattern", "visit .. order"];

/// Numbers that are the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// Events of some customers between two days of the year, as rows of a file. Most are on a few seconds of the day, so that
/// many come at one time.
fn rows(random: &mut Random, customers: std::ops::Range<u64>, days: std::ops::Range<u64>, number: usize) -> String {
    let mut rows = HEADER.to_owned();
    for _ in 0..number {
        let user = customers.start + random.below(customers.end - customers.start);
        let day = days.start + random.below(days.end - days.start);
        let second = 28_800 + random.below(40) * 900;
        let at = 1_735_689_600 + day * 86_400 + second;
        let channel = random.one_of(&["web", "web", "app", "call", "shop", "email", ""]);
        let (ticket, topic) =
            (format!("t{user}-{}", random.below(4)), random.one_of(&["bill", "network", "order", ""]));
        let rest = match random.below(16) {
            0..3 => "Page Viewed,@,{},web,,,,,,,,,,".to_owned(),
            3 => "Products Searched,@,{},web,,,,,,,,,,".to_owned(),
            4 => "Product Viewed,@,{},web,,,,,,,,,,".to_owned(),
            5 => "Product Added,@,{},web,,,,,,,,,,".to_owned(),
            6 => "Checkout Started,@,{},web,,,,,,,,,,".to_owned(),
            7 | 8 => format!("Order Booked,@,{{}},orders,,,,,{}.{},,,,,", random.below(900), random.below(100)),
            9 => "Delivered,@,,deliveries,logistics,,,,,,,,,".to_owned(),
            10 => format!("Call,@,call,calls,service,start,,,,,,,,{}", random.one_of(&["erledigt", "aufgelegt"])),
            11 => format!("New,@,{{}},tickets,service,,{topic},{ticket},,,,,,"),
            12 => format!("In Progress,@,,tickets,{},,{topic},{ticket},,,,,,", random.one_of(&["service", "billing"])),
            13 => format!("Closed,@,{{}},tickets,service,,{topic},{ticket},,,,,,"),
            14 => format!(
                "Survey Answered,@,email,surveys,,,,,,{},{},{},{},",
                random.below(12),
                random.below(6),
                random.below(7),
                random.one_of(&["price", "speed", ""])
            ),
            _ => format!("{},@,,contracts,,,,,,,,,,", random.one_of(&["Contract Renewed", "Contract Ended", "Odd"])),
        };
        writeln!(rows, "u{user},{}", rest.replace('@', &at.to_string()).replace("{}", channel)).unwrap();
    }
    rows
}

struct Homes(TempDir);

impl Homes {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let telecom = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charters/telecom/charter.yaml");
        let charter = std::fs::read_to_string(telecom).unwrap().replace("segments:\n", MORE);
        std::fs::write(folder.path().join("charter.yaml"), charter).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, home: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_desireline"));
        command.arg("--home").arg(self.path(home)).arg("--charter").arg(self.path("charter.yaml")).args(args);
        command.output().unwrap()
    }

    #[track_caller]
    fn ok(&self, home: &str, args: &[&str]) -> String {
        let out = self.run(home, args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn import(&self, home: &str, rows: &str) {
        let file = self.path("more.csv");
        std::fs::write(&file, rows).unwrap();
        self.ok(home, &["import", file.to_str().unwrap(), "--map", MAP, "--yes"]);
    }

    fn kept(&self, home: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.path(home).join("kept")) else { return Vec::new() };
        let all = entries.map(|entry| entry.unwrap().path());
        all.filter(|path| path.file_name().is_some_and(|name| name != "lock")).collect()
    }
}

/// Which journeys are asked about.
fn selections() -> Vec<Vec<&'static str>> {
    vec![
        vec![],
        vec!["--journey", "support"],
        vec!["--journey", "purchase", "--where", "channel = 'app'"],
        vec!["--events", "channel <> 'shop'", "--from", "2025-01-20", "--to", "2025-04-15"],
        // Until it is over, the period before it begins earlier with every day that becomes known.
        vec!["--from", "2025-03-10", "--to", "2025-06-01"],
        vec!["--compare", "moment = 'order'"],
        vec!["--compare", "2025-01-01..2025-03-01,2025-03-01.."],
        vec!["--compare", "busy"],
        vec!["--segment", "buyers", "--compare", "busy,callers"],
        vec!["--segment", "days_since_last > 20"],
    ]
}

/// What comes one after the other: late events between old ones, new customers, some days more of everybody, and a long
/// silence that ends what was open.
fn parts() -> Vec<String> {
    let mut random = Random(7);
    vec![
        rows(&mut random, 0..60, 0..110, 1_500),
        rows(&mut random, 0..60, 5..100, 6),
        rows(&mut random, 55..64, 0..110, 12),
        rows(&mut random, 0..70, 109..112, 20),
        rows(&mut random, 0..3, 140..141, 4),
        rows(&mut random, 0..80, 0..160, 150),
    ]
}

/// All views that this charter can answer.
fn views() -> String {
    let all: Vec<&str> = understand::View::all().iter().map(understand::View::name).collect();
    all.join(",")
}

#[test]
fn every_view_asked_again_answers_as_if_it_had_never_been_asked() {
    let homes = Homes::new();
    let views = views();
    let mut came = Vec::new();
    for (n, part) in parts().into_iter().enumerate() {
        homes.import("asked", &part);
        came.push(part);
        for selection in selections() {
            let args = [&["view", &views, "--json"], &OPTIONS[..], &selection].concat();
            let again = homes.ok("asked", &args);
            let afresh = homes.ok("asked", &[&args[..], &["--afresh"]].concat());
            same(&again, &afresh, &format!("{selection:?} after part {n}"));
        }
    }
    let args = [&["view", &views, "--json"], &OPTIONS[..]].concat();
    let last = homes.ok("asked", &args);
    assert_eq!(homes.ok("asked", &args), last, "when nothing is new");
    for part in &came {
        homes.import("never asked", part);
    }
    same(&last, &homes.ok("never asked", &args), "in another home");
    assert!(homes.kept("asked").len() >= selections().len());
}

#[test]
fn stages_begin_elsewhere_where_an_earlier_moment_came() {
    let homes = Homes::new();
    let row = |user: u64, day: u64, event: &str| {
        let at = 1_735_689_600 + day * 86_400;
        format!("u{user},{event},{at},web,,,,,,,,,,,\n")
    };
    // What is no moment is not the beginning, but the lake's first event before and after.
    let first: String =
        (0..30).flat_map(|user| [row(user, 60 + user, "Page Viewed"), row(user, 150, "Product Added")]).collect();
    homes.import("home", &format!("{HEADER}{}{first}", row(0, 0, "Odd")));
    let since = |args: &[&str]| {
        let answer: serde_json::Value = serde_json::from_str(&homes.ok("home", args)).unwrap();
        answer["since"].as_str().unwrap().to_owned()
    };
    let (asked, afresh) = (["view", "stages", "--json"], ["view", "stages", "--json", "--afresh"]);
    let before = since(&asked);
    homes.import("home", &format!("{HEADER}{}{}", row(31, 55, "Page Viewed"), row(32, 56, "Page Viewed")));
    for _ in 0..2 {
        assert_eq!(homes.ok("home", &asked), homes.ok("home", &afresh));
    }
    let after = since(&asked);
    assert!(after < before, "{after} is before {before}");
}

/// Compares view by view, so that a failure says which one differs.
#[track_caller]
fn same(a: &str, b: &str, what: &str) {
    let [a, b]: [serde_json::Value; 2] = [a, b].map(|text| serde_json::from_str(text).unwrap());
    for (view, answer) in a.as_object().unwrap() {
        assert_eq!(answer.to_string(), b[view].to_string(), "{view}, {what}");
    }
}

#[test]
fn where_nothing_is_new_no_event_is_read() {
    let homes = Homes::new();
    homes.import("home", &rows(&mut Random(3), 0..40, 0..110, 600));
    let names: Vec<&str> = understand::View::all().iter().map(understand::View::name).collect();
    let args = |view: &str| -> Vec<String> {
        let options = match view {
            "funnel" => &OPTIONS[..2],
            "paths" => &OPTIONS[2..],
            _ => &[],
        };
        ["view", view, "--json"].iter().chain(options).map(ToString::to_string).collect()
    };
    let ask = |view: &str| {
        let args = args(view);
        homes.run("home", &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first: Vec<Output> = names.iter().map(|view| ask(view)).collect();
    for bucket in std::fs::read_dir(homes.path("home").join("lake/events")).unwrap() {
        let bucket = bucket.unwrap().path();
        if bucket.file_name().unwrap().to_str().unwrap().starts_with("bucket=") {
            for file in std::fs::read_dir(bucket).unwrap() {
                std::fs::write(file.unwrap().path(), b"nothing that can be read").unwrap();
            }
        }
    }
    let mut from_events = Vec::new();
    for (view, first) in names.iter().zip(&first) {
        assert!(first.status.success(), "{view}: {}", String::from_utf8_lossy(&first.stderr));
        let again = ask(view);
        if again.status.success() {
            assert_eq!(again.stdout, first.stdout, "{view}");
        } else {
            from_events.push(*view);
        }
    }
    assert_eq!(from_events, [""; 0]);
}

#[test]
fn another_charter_and_other_options_are_other_questions() {
    let homes = Homes::new();
    homes.import("home", &rows(&mut Random(5), 0..40, 0..110, 400));
    let ask = |more: &[&str]| {
        let args = [&["view", "surveys", "--json"], more].concat();
        let again = homes.ok("home", &args);
        assert_eq!(again, homes.ok("home", &[&args[..], &["--afresh"]].concat()), "{more:?}");
        again
    };
    let first = ask(&[]);
    assert_ne!(ask(&["--limit", "1"]), first);
    assert_ne!(ask(&["--events", "properties.nps > 8"]), first);
    assert_ne!(ask(&["--segment", "callers"]), first);
    let charter = std::fs::read_to_string(homes.path("charter.yaml")).unwrap();
    let other = charter.replace("score: properties.nps", "score: properties.csat");
    std::fs::write(homes.path("charter.yaml"), other).unwrap();
    assert_ne!(ask(&[]), first);
    std::fs::write(homes.path("charter.yaml"), charter).unwrap();
    assert_eq!(ask(&[]), first);
    // A text differs, but what the charter says does not.
    let kept = homes.kept("home").len();
    let spaced = std::fs::read_to_string(homes.path("charter.yaml")).unwrap() + "\n# the same\n";
    std::fs::write(homes.path("charter.yaml"), spaced).unwrap();
    assert_eq!((ask(&[]), homes.kept("home").len()), (first, kept));
}

#[test]
fn diff_and_report_use_and_leave_what_is_counted() {
    let homes = Homes::new();
    homes.import("home", &rows(&mut Random(9), 0..40, 0..110, 400));
    let charter = std::fs::read_to_string(homes.path("charter.yaml")).unwrap();
    std::fs::write(homes.path("new.yaml"), charter.replace("score: properties.nps", "score: properties.csat")).unwrap();
    let [old, new] = ["charter.yaml", "new.yaml"].map(|name| homes.path(name).to_str().unwrap().to_owned());
    let diff = ["diff", &old, &new, "--json"];
    let first = homes.ok("home", &diff);
    let kept = homes.kept("home").len();
    assert!(kept > 0 && first.contains("survey"), "{first}");
    homes.import("home", &rows(&mut Random(11), 0..50, 100..112, 10));
    let again = homes.ok("home", &diff);
    assert_ne!(again, first);
    assert_eq!(again, homes.ok("home", &[&diff[..], &["--afresh"]].concat()));
    let report = |name: &str, more: &[&str]| {
        let file = homes.path(name);
        homes.ok("home", &[&["report", "-o", file.to_str().unwrap()], more].concat());
        let page = std::fs::read_to_string(file).unwrap();
        // The time at which it was made stands in it.
        page.split("<footer").next().unwrap().to_owned()
    };
    assert_eq!(report("a.html", &[]), report("b.html", &["--afresh"]));
    assert_eq!(report("c.html", &[]), report("d.html", &["--afresh"]));
}
