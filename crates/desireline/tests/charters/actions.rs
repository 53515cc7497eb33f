//! `actions:`: what tests of a charter can say of them.

use crate::home::Home;

#[test]
fn tests_say_what_was_decided_before_and_what_is_not_known_yet() {
    let home = Home::new();
    let charter = |decided: &str, until: &str, action: &str| {
        let text = format!(
            "charter: 1\nactions:\n  a: {{when: event = 'Ticket', value: 2, cap: {{per: 7d, times: 1}}}}\n  \
             b: {{when: 'true', value: 1}}\ntests:\n  - name: t\n    events:\n      \
             - {{at: 2026-03-02T09:00, user_id: u, event: Visit}}\n      \
             - {{at: 2026-03-02T10:00, received_at: 2026-03-02T12:00, user_id: u, event: Ticket}}\n    \
             decided: {decided}\n    until: {until}\n    expect: {{action: {action}}}\n"
        );
        home.file("charter.yaml", text)
    };
    let had = "[{action: a, at: 2026-03-01T09:00}]";
    for (decided, until, action) in [
        ("[]", "2026-03-02T12:00", "a"),
        (had, "2026-03-02T12:00", "b"),
        (had, "2026-03-08T09:00:01", "a"),
        ("[]", "2026-03-02T11:59", "b"),
    ] {
        home.run(&["test", &charter(decided, until, action)]).expect(0, &[]);
    }
    let misspelt = charter("[{action: c, at: 2026-03-01T09:00}]", "2026-03-02T12:00", "a");
    home.run(&["check", &misspelt]).expect(3, &["there is no action `c`"]);
}
