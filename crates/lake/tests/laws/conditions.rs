//! A condition means the same in our evaluator as in SQL. Only columns that are text are asked here: where the two differ on
//! purpose (values of unknown type, division, casts) is said at the top of `charter`'s `condition.rs`.
//!
//! A list that holds nothing but NULL is not asked either: `DataFusion` 55 takes `not (x in (null) and false)` for not true,
//! which by SQL's own tables it is.

use charter::{Condition, EventColumns, Fact, Type, Vocabulary};
use event::Column;
use jiff::tz::TimeZone;
use journey::{Fold, Journey, Moments};
use lake::{Lake, Lens};
use listen::stitch::Rules;
use proptest::prelude::*;

use crate::home::{Row, answer, import, runtime};

/// The columns of an event, as a lens wants them.
pub(crate) struct Words;

impl Vocabulary for Words {
    type Column = Fact;

    fn find(&self, parts: &[&str]) -> Option<(Fact, Type)> {
        EventColumns.find(parts).map(|(column, kind): (Column, Type)| (Fact::Event(column), kind))
    }

    fn names(&self) -> Vec<String> {
        EventColumns.names()
    }
}

/// Few, so that conditions hold often, and such that case, order, patterns and quotes matter.
const TEXTS: [&str; 10] = ["a", "A", "ab", "Ab_", "b%", "ä", "Ä", "it's", "1", "x\\y"];

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&TEXTS[..])
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let words = prop::collection::vec(prop::option::weighted(0.7, text().prop_map(str::to_owned)), 5);
    prop::collection::vec((text(), words), 1..40).prop_map(|rows| {
        let row = |(n, (event, words)): (i64, (&str, Vec<Option<String>>))| Row {
            words: words.try_into().expect("five"),
            ..Row::new(vec![("user_id", format!("u{}", n % 5))], event, n)
        };
        (0..).zip(rows).map(row).collect()
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn value() -> impl Strategy<Value = String> {
    let column =
        || prop::sample::select(&["event", "channel", "case_id", "phase", "department"][..]).prop_map(str::to_owned);
    prop_oneof![
        5 => column(),
        1 => column().prop_map(|c| format!("lower({c})")),
        1 => column().prop_map(|c| format!("upper({c})")),
        1 => (column(), column()).prop_map(|(a, b)| format!("coalesce({a}, {b})")),
    ]
}

fn simple() -> impl Strategy<Value = String> {
    let literal = || text().prop_map(quoted);
    let how = || prop::sample::select(&["=", "<>", "<", "<=", ">", ">="][..]);
    let not = || prop::sample::select(&["", "not "][..]);
    let pattern = prop_oneof![
        literal(),
        prop::sample::select(&["'%'", "'a%'", "'_'", "'%b%'", "'%\\_'", "'b\\%'", "'_b_'"][..]).prop_map(str::to_owned)
    ];
    prop_oneof![
        (value(), how(), literal()).prop_map(|(v, how, l)| format!("{v} {how} {l}")),
        (value(), how(), value()).prop_map(|(v, how, w)| format!("{v} {how} {w}")),
        (value(), not(), prop::collection::vec(literal(), 1..4), prop::sample::select(&["", "", ", null"][..]))
            .prop_map(|(v, not, list, null)| format!("{v} {not}in ({}{null})", list.join(", "))),
        (value(), not(), literal(), literal()).prop_map(|(v, not, a, b)| format!("{v} {not}between {a} and {b}")),
        (value(), not(), prop::sample::select(&["like", "ilike"][..]), pattern)
            .prop_map(|(v, not, like, p)| format!("{v} {not}{like} {p}")),
        (value(), not()).prop_map(|(v, not)| format!("{v} is {not}null")),
        (value(), how(), 0..4).prop_map(|(v, how, n)| format!("length({v}) {how} {n}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    simple().prop_recursive(3, 12, 3, |inner| {
        let is = prop::sample::select(&["is true", "is not true", "is false", "is not false"][..]);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or {b}")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            (inner, is).prop_map(|(a, is)| format!("({a}) {is}")),
        ]
    })
}

/// Whether one value is looked for in two lists, of which one may have a single member. `DataFusion` 55 makes one list of
/// them and forgets NULL on the way: to it, `a not in ('x') or a not in ('y')` is true of a NULL. What the standard says is
/// in the tests of conditions.
fn joins_lists(text: &str) -> bool {
    let is_list = |after: &str| [" in (", " not in (", " = '", " <> '"].iter().any(|list| after.starts_with(list));
    let splits = text.match_indices(' ').map(|(at, _)| text.split_at(at));
    let lists = splits.filter(|(_, after)| is_list(after));
    let mut values: Vec<&str> = lists.filter_map(|(before, _)| before.rsplit([' ', '(']).next()).collect();
    values.sort_unstable();
    values.windows(2).any(|two| two[0] == two[1])
}

/// How many events there are.
#[derive(Debug, Default)]
struct Events(u64);

impl Fold for Events {
    type Answer = u64;
    fn journey(&mut self, journey: &Journey<'_>) {
        self.0 += journey.moments.len() as u64;
    }
    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }
    fn finish(self, _: &Moments) -> u64 {
        self.0
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_condition_means_what_it_means_in_sql(rows in rows(), conditions in prop::collection::vec(condition(), 60)) {
        runtime().block_on(async {
            let home = tempfile::tempdir().expect("a folder");
            import(home.path(), &rows).await;
            let lake = Lake::open(home.path()).await.expect("a lake");
            for text in conditions.iter().filter(|text| !joins_lists(text)) {
                let condition = Condition::parse_with(text, &Words, &TimeZone::UTC);
                let condition = condition.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
                let lens = Lens { events: Some(condition), ..Lens::default() };
                let ours = answer::<Events>(&lake, &Rules::default(), lens).await;
                let query = format!("select count(*) from events where {text}");
                let theirs = lake.sql(&query, &Rules::default(), &[]).await;
                let theirs = theirs.map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
                let theirs = theirs.rows[0][0].clone().expect("a count");
                prop_assert_eq!(ours.to_string(), theirs, "{}", text);
            }
            Ok(())
        })?;
    }
}
