use super::*;

fn column(name: &str) -> Value {
    Value::Column(name.to_owned())
}

#[test]
fn a_map_names_roles_and_columns() {
    let map = Mapping::parse_map("event=status, customer=caller ,email=mail,at=updated:%d/%m/%Y %H:%M,channel='shop'")
        .expect("a map");
    assert_eq!(map.event, Some(column("status")));
    let key = |kind: &str, name: &str| (kind.to_owned(), column(name));
    assert_eq!(map.keys, [key("user_id", "caller"), key("email", "mail")]);
    let at = map.at.expect("mapped");
    assert_eq!((at.column.as_str(), at.format), ("updated", Some(TimeFormat::Pattern("%d/%m/%Y %H:%M".into()))));
    assert_eq!(map.channel, Some(Value::Literal("shop".into())));
}

#[test]
fn columns_may_contain_colons_and_commas() {
    let map = Mapping::parse_map(
        r#"event="Event, name",case=case:concept:name,at=time:timestamp,start=a:b:unix-ms,end="x, y":dmy"#,
    );
    let map = map.expect("a map");
    assert_eq!(map.event, Some(column("Event, name")));
    assert_eq!(map.at, Some(TimeColumn::of("time:timestamp", None)));
    assert_eq!(
        map.start.map(|t| (t.column, t.format.map(|f| f.to_string()))),
        Some(("a:b".into(), Some("unix-ms".into())))
    );
    assert_eq!(map.end.map(|t| (t.column, t.format.map(|f| f.to_string()))), Some(("x, y".into(), Some("dmy".into()))));
    assert_eq!(map.keys, [("case".to_owned(), Value::Column("case:concept:name".into()))]);
}

#[test]
fn members_add_up_rows() {
    let map =
        Mapping::parse_map("one_per=basket,properties=store|sum(value)|count()|max(value),traits=mail,unknown=?|n/a")
            .expect("a map");
    let members = Members::named(map.properties.as_ref());
    let short: Vec<_> = members.iter().map(|m| (m.name.as_str(), m.from.clone())).collect();
    assert_eq!(
        short,
        [
            ("store", Taking::Column(Aggregate::First, "store".into())),
            ("value", Taking::Column(Aggregate::Sum, "value".into())),
            ("count", Taking::Rows),
            ("max_value", Taking::Column(Aggregate::Max, "value".into())),
        ]
    );
    assert_eq!(map.one_per.as_deref(), Some("basket"));
    assert_eq!(map.unknown, ["?", "n/a"]);
    let roles: Vec<_> = map.used().into_iter().map(|(role, column)| format!("{role}={column}")).collect();
    assert_eq!(roles, ["one_per=basket", "traits=mail", "properties=store", "properties=value", "properties=value"]);
}

#[test]
fn a_slip_in_a_role_is_no_kind_of_key() {
    let slip = |text: &str| Mapping::parse_map(text).expect_err("no role").to_string();
    assert_eq!(slip("evnt=status"), "`evnt` is no role (did you mean `event`?); any other name is a kind of key");
    assert!(slip("custmer=a").contains("`customer`") && slip("chanel=a").contains("`channel`"));
    for kind in
        ["user_id", "email", "phone", "case", "session_id", "device", "kundennr", "id", "mail", "user", "account"]
    {
        assert!(Mapping::parse_map(&format!("{kind}=a")).is_ok(), "{kind}");
    }
}

#[test]
fn wrong_maps_say_what_is_wrong() {
    for text in ["event", "event=", "=x", ""] {
        assert!(matches!(Mapping::parse_map(text), Err(MappingError::NotAMapping { .. })), "{text}");
    }
    assert_eq!(Mapping::parse_map("event=a,event=b"), Err(MappingError::Twice { role: Role::Event }));
}

#[test]
fn a_missing_column_is_named_with_the_nearest() {
    let columns = vec!["Status".to_owned(), "caller_id".to_owned()];
    let error = MappingError::NoSuchColumn { role: Role::Event, column: "staus".into(), columns };
    assert_eq!(
        error.to_string(),
        "there is no column `staus` for event (did you mean `Status`?); the columns are Status, caller_id"
    );
}
