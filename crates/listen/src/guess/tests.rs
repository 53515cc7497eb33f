use super::*;
use crate::mapping::Kind::{Number, Text, Truth};

/// Guesses over rows of texts, separated by commas, of which the first is the header; shows role and column.
fn check(map: &str, text: &str) -> Result<String, String> {
    let given = if map.is_empty() { Mapping::default() } else { Mapping::parse_map(map).expect("a map") };
    let mut lines = text.lines().map(|line| line.trim().split(','));
    let columns: Vec<String> = lines.next().expect("a header").map(str::to_owned).collect();
    let rows: Vec<Vec<Cell<'_>>> = lines.map(|row| row.map(Cell::Text).collect()).collect();
    let guess = guess(&columns, &rows, &given, None).map_err(|error| error.to_string())?;
    let shown =
        guess.notes.iter().map(|note| format!("{}={}{}", note.role, note.column, if note.sure { "" } else { "?" }));
    Ok(shown.collect::<Vec<_>>().join(" "))
}

#[test]
fn names_of_the_usual_exports() {
    let cases = [
        (
            "CaseID,ActivityID,CompleteTimestamp\n2,1,2012-04-03 16:55:38",
            "at=CompleteTimestamp event=ActivityID case=CaseID",
        ),
        (
            ",concept:name,org:resource,time:timestamp,Activity,Costs,case:concept:name\n\
             0,register,Pete,2010-12-30 14:32:00+01:00,register,50,3",
            "at=time:timestamp event=concept:name case=case:concept:name resource=org:resource properties=, Activity, Costs",
        ),
        (
            "userId,anonymousId,event_name,event_time,session_id,channel,event_id\n1,a,Open,1772442300,s,web,x\n1,a,Open,1772442301,s,web,y",
            "at=event_time event=event_name user_id=userId anonymous_id=anonymousId channel=channel message_id=event_id properties=session_id",
        ),
        (
            "case:concept:name,concept:name,start_timestamp,time:timestamp,lifecycle:transition,org:group\nk,A,2026-01-01,2026-01-02,complete,g",
            "start=start_timestamp end=time:timestamp event=concept:name case=case:concept:name phase=lifecycle:transition department=org:group",
        ),
        (
            "number,ident_state,caller_id,sys_updated_at,assignment_group\n1,New,2403,29/2/2016 01:16,56",
            "at=sys_updated_at event=ident_state? user_id=caller_id case_id=number department=assignment_group",
        ),
    ];
    for (table, expected) in cases {
        assert_eq!(check("", table).as_deref(), Ok(expected));
    }
}

#[test]
fn a_date_takes_its_time_of_day_from_another_column() {
    let two = "id,customer_id,date,time,status\n1,c1,2025-01-05,14:30:00,paid\n2,c1,2025-01-05,9:10,visit";
    let joined = "at=date at=time event=status? user_id=customer_id properties=id";
    assert_eq!(check("", two).as_deref(), Ok(joined));
    let given = "event=status at=date at=time user_id=customer_id properties=id";
    assert_eq!(check("at=date+time,event=status", two).as_deref(), Ok(given));
    // Who says that the date is all wants no more.
    assert!(check("at=date", two).is_ok_and(|shown| shown.ends_with("properties=id, time")));
    let has_time = two.replace("2025-01-05", "2025-01-05 08:00");
    assert!(check("", &has_time).is_ok_and(|shown| shown.ends_with("properties=id, time")));
    let no_times = two.replace("14:30:00", "soon");
    assert!(check("", &no_times).is_ok_and(|shown| shown.ends_with("properties=id, time")));
    assert!(check("at=date+tim", two).is_err_and(|error| error.contains("there is no column `date+tim`")));
}

#[test]
fn values_decide_where_names_do_not() {
    let row = |n: usize| format!("k{},{},2026-03-{:02},{n}", n % 5, ["open", "close"][n % 2], n + 1);
    let rows: Vec<String> = (0..12).map(row).collect();
    let table = format!("a,b,c,d\n{}", rows.join("\n"));
    assert_eq!(check("", &table).as_deref(), Ok("at=c event=b? user_id=a? properties=d"));
}

#[test]
fn a_column_whose_name_says_something_else_is_no_event() {
    let row = |n: usize| format!("k{},{},2026-03-{:02},{}", n % 5, ["M1", "M2"][n % 2], n + 1, ["x", "y", "z"][n % 3]);
    let rows: Vec<String> = (0..12).map(row).collect();
    let table = |head: &str| format!("{head}\n{}", rows.join("\n"));
    assert_eq!(
        check("", &table("user_id,channel,date,what")).as_deref(),
        Ok("at=date event=what? user_id=user_id channel=channel")
    );
    assert_eq!(
        check("", &table("user_id,channel,date,agent")).as_deref(),
        Ok("at=date event=channel? user_id=user_id resource=agent"),
        "where there is no other"
    );
    let two = rows.iter().map(|row| row.rsplit_once(',').expect("four columns").0).collect::<Vec<_>>().join("\n");
    let error = check("", &format!("student,case,date\n{two}")).expect_err("no column says what happened");
    assert!(error.starts_with("no column says what happened"), "{error}");
}

#[test]
fn a_column_of_times_by_its_name_says_what_is_wrong_with_it() {
    let error = check("", "user_id,event,at\n1,A,soon\n1,A,later").expect_err("no times");
    assert!(error.starts_with("column `at`: `soon` is not a time"), "{error}");
    let error = check("", "user_id,event,x\n1,A,soon\n1,A,later").expect_err("no times");
    assert!(error.starts_with("no column says when it happened"), "{error}");
}

#[test]
fn an_id_that_repeats_is_no_message_id() {
    let table = "user_id,event,at,event_id\n1,A,2026-01-01,7\n1,A,2026-01-02,7";
    assert_eq!(check("", table).as_deref(), Ok("at=at event=event user_id=user_id properties=event_id"));
}

#[test]
fn what_is_given_stays() {
    let table = "user_id,event,state,at,shop\n1,A,B,2026-01-01,s";
    assert_eq!(
        check("event=state,channel='shop'", table).as_deref(),
        Ok("event=state channel='shop' at=at user_id=user_id properties=event, shop")
    );
    assert!(check("event=stat", table).expect_err("a typing error").contains("did you mean `state`"));
}

#[test]
fn what_cannot_be_guessed_says_what_was_looked_for() {
    let error = check("", "user_id,event\n1,A").expect_err("no time");
    assert!(
        error.contains("when it happened") && error.contains("timestamp") && error.contains("user_id, event"),
        "{error}"
    );
    let error = check("", "event,at\nA,2026-01-01").expect_err("no customer");
    assert!(error.contains("who the customer is") && error.contains("--map customer=COLUMN"), "{error}");
    let error = check("", "user_id,at\n1,2026-01-01").expect_err("no event");
    assert!(error.contains("what happened"), "{error}");
}

#[test]
fn ambiguous_dates_name_the_column_and_the_options() {
    let error = check("", "user_id,event,at\n1,A,03/04/2026").expect_err("ambiguous");
    for part in ["`at`", "day first", "--dates dmy", "--dates mdy"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(check("at=at:mdy", "user_id,event,at\n1,A,03/04/2026").is_ok());
}

#[test]
fn properties_are_numbers_only_if_all_are() {
    let table = "user_id,event,at,price,code,vip\n1,A,2026-01-01,1.50,7,true\n1,A,2026-01-02,,007,FALSE";
    let mut lines = table.lines().map(|line| line.split(','));
    let columns: Vec<String> = lines.next().expect("a header").map(str::to_owned).collect();
    let rows: Vec<Vec<Cell<'_>>> = lines.map(|row| row.map(Cell::Text).collect()).collect();
    let guess = guess(&columns, &rows, &Mapping::default(), None).expect("a guess");
    let members = Members::named(guess.mapping.properties.as_ref());
    let kinds: Vec<_> = members.iter().map(|member| (member.name.as_str(), member.kind)).collect();
    assert_eq!(kinds, [("price", Number), ("code", Text), ("vip", Truth)]);
}

#[test]
fn german_exports_are_known_by_their_names() {
    let cases = [
        (
            "Kundennummer,Rufnummer,Beginn,Ende,Ereignis,Wartezeit_s\n7,0301234567,2026-01-01 09:00,2026-01-01 09:05,Anruf,31",
            "start=Beginn end=Ende event=Ereignis user_id=Kundennummer phone=Rufnummer? properties=Wartezeit_s",
        ),
        (
            "Kunde,Vorgang,Zeitpunkt,Kanal,Abteilung\nk,Bestellung,2026-01-01,Laden,Vertrieb",
            "at=Zeitpunkt event=Vorgang user_id=Kunde channel=Kanal department=Abteilung",
        ),
        ("Datum,Kunden-Nr.,Aktivität\n2026-01-01,k,Kauf", "at=Datum event=Aktivität user_id=Kunden-Nr."),
    ];
    for (table, expected) in cases {
        let shown = check("", table);
        let sorted = |text: &str| {
            let mut parts: Vec<String> = text.split(' ').map(str::to_owned).collect();
            parts.sort();
            parts
        };
        assert_eq!(sorted(&shown.expect("a guess")), sorted(expected));
    }
}

#[test]
fn a_guess_by_values_alone_says_so() {
    let by_values = |table: &str| -> Vec<String> {
        let mut lines = table.lines().map(|line| line.split(','));
        let columns: Vec<String> = lines.next().expect("a header").map(str::to_owned).collect();
        let rows: Vec<Vec<Cell<'_>>> = lines.map(|row| row.map(Cell::Text).collect()).collect();
        let guess = guess(&columns, &rows, &Mapping::default(), None).expect("a guess");
        guess.notes.iter().filter(|note| note.by_values).map(|note| note.role.to_string()).collect()
    };
    let rows: Vec<String> = (0..12).map(|n| format!("k{},{},2026-03-{:02}", n % 5, ["o", "c"][n % 2], n + 1)).collect();
    let rows = rows.join("\n");
    assert_eq!(by_values(&format!("a,b,c\n{rows}")), ["at", "event", "user_id"]);
    assert_eq!(by_values(&format!("customer,status,at\n{rows}")), Vec::<String>::new());
}
