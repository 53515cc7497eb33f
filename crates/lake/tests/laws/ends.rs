//! Where what is known ends, when some events lie in the future.

use lake::{Ends, Lake};

use crate::home::{Row, import, runtime};

const DAY_US: i64 = 86_400_000_000;
/// 1 January 2199.
const AHEAD_US: i64 = 83_641 * DAY_US;

fn visit(user: &str, at_us: i64) -> Row {
    Row::new(vec![("user_id", user.to_owned())], "visit", at_us)
}

#[test]
fn events_in_the_future_do_not_move_the_end_unless_there_are_no_others() {
    runtime().block_on(async {
        let home = tempfile::tempdir().expect("a folder");
        let ends = async || Lake::open(home.path()).await.expect("a lake").ends().await.expect("it is read");
        import(home.path(), &[visit("ann", AHEAD_US)]).await;
        assert_eq!(ends().await, Ends { until_us: AHEAD_US, ahead: 0 }, "nothing else is known");
        import(home.path(), &[visit("ann", 3 * DAY_US), visit("bob", 5 * DAY_US), visit("bob", AHEAD_US + 1)]).await;
        assert_eq!(ends().await, Ends { until_us: 5 * DAY_US, ahead: 2 });
    });
}
